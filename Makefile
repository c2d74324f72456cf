# Counterfoil. `make run` starts a seeded gateway; `make test` proves it. Both need only Python 3.11 or newer.

PYTHON ?= $(shell for v in 3.11 3.12 3.13 3; do command -v python$$v >/dev/null 2>&1 && { echo python$$v; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
COMPILED := $(CURDIR)/.compiled

.PHONY: help run demo test check fix cover bench soak fuzz docs dialect connector venv dev clean venv-package browser postgres failover patroni clients \
  compiled compiler wheel

help: ## what there is to make
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: venv ## start a seeded gateway on 127.0.0.1:8080
	@$(BIN)/counterfoil serve --demo $(ARGS)

demo: run ## the same

venv: $(VENV)/.run ## create the environment and install the product

dev: $(VENV)/.dev ## the same, with what tests need

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Counterfoil needs Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(MAKE) --no-print-directory venv-package
	@$(PYTHON) -m venv $(VENV)

venv-package:
	@test "$$(id -u)" = 0 || { echo "install Debian's python3-venv first: apt-get install python3-venv"; exit 1; }
	apt-get update -qq && apt-get install -y -qq python3-venv

$(VENV)/.run: $(VENV)/bin/python pyproject.toml requirements/run.txt requirements/build.txt
	@echo "installing Counterfoil into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@echo "installing what tests need into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

check: dev ## format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

fix: dev ## format and mend what can be mended
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

test: $(VENV)/.compile compiler browser postgres clients .node/.installed ## every test
	@$(MAKE) --no-print-directory -j 2 -O check compiled
	@COMPILED=$(COMPILED) $(BIN)/pytest -n 3 --dist worksteal $(ARGS)

compiled: .compiled/.done ## the hot path compiled, in .compiled

wheel: compiled ## the same to be installed elsewhere, in dist
	@mkdir -p dist && cp .compiled/wheel/*.whl dist

$(VENV)/.compile: $(VENV)/.dev requirements/compile.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/compile.txt
	@touch $@

# It compiles where the sources are, so that is a copy: what lies beside src's would be run in their stead.
.compiled/.done: $(VENV)/.compile pyproject.toml $(shell find src -type f -not -path '*/__pycache__/*') | compiler
	@echo "compiling the hot path into .compiled: about a minute"
	@rm -rf .compiled && mkdir -p .compiled/tree && cp -R pyproject.toml README.md LICENSE src .compiled/tree
	@HATCH_BUILD_HOOK_ENABLE_MYPYC=true CC=gcc CFLAGS=-flto=2 LDFLAGS=-flto=2 \
	  $(BIN)/pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps --wheel-dir .compiled/wheel ./.compiled/tree
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target .compiled .compiled/wheel/*.whl
	@rm -rf .compiled/tree && touch $@

compiler: $(VENV)/bin/python
	@{ command -v gcc && test -f "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h"; } >/dev/null || { \
	test "$$(id -u)" = 0 || { echo "install a compiler and Python's headers first: apt-get install gcc python3-dev"; exit 1; }; \
	echo "installing the compiler"; apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev python3-dev >/dev/null; }

browser:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 || { echo "install Debian's chromium first: apt-get install chromium"; exit 1; }; \
	echo "installing the browser that tests need"; apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; }

.node/.installed: Makefile
	@mkdir -p .node
	@if command -v npm >/dev/null 2>&1; then \
	  echo "installing the Razorpay client for Node into .node"; \
	  npm install --prefix .node --no-save --no-audit --no-fund --silent razorpay@2.9.8; \
	else echo "no npm: the Razorpay client for Node is not tried"; fi
	@touch $@

postgres:
	@{ ls /usr/lib/postgresql/*/bin/initdb && PATH=$$PATH:/usr/sbin command -v pgbouncer; } >/dev/null 2>&1 || { \
	test "$$(id -u)" = 0 || { echo "install Debian's postgresql and pgbouncer first: apt-get install postgresql pgbouncer"; exit 1; }; \
	echo "installing the database and the pooler that tests need"; \
	apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql pgbouncer >/dev/null; }

clients: .clients/.done

.clients/.done: tests/payfunc/client/package.json
	@command -v npm >/dev/null || { test "$$(id -u)" = 0 || { echo "install Debian's npm first: apt-get install npm"; exit 1; }; \
	echo "installing Node, for which some clients are made"; apt-get update -qq && apt-get install -y -qq --no-install-recommends npm >/dev/null; }
	@mkdir -p .clients && cp $< .clients/package.json
	@cd .clients && npm install --silent --no-audit --no-fund --ignore-scripts --no-package-lock && touch .done

cover: dev ## branch coverage of core and engine
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest tests/scenarios tests/property tests/engine tests/simulation tests/core
	@$(BIN)/coverage report

soak: dev ## the long form of races, kills and simulation
	@$(BIN)/pytest -m soak --timeout 0 $(ARGS)

fuzz: dev ## random input for as long as it is given
	@$(BIN)/pytest -m fuzz --timeout 0 $(ARGS)

bench: compiled ## this machine against its own floor
	@PYTHONPATH=$(COMPILED) $(BIN)/counterfoil bench $(ARGS)

failover: dev patroni ## whole database nodes lost under load, again and again
	@$(BIN)/python -m tests.failover $(ARGS)

patroni: postgres
	@{ command -v patroni && command -v etcd && PATH=$$PATH:/usr/sbin command -v haproxy; } >/dev/null || { \
	test "$$(id -u)" = 0 || { echo "install Debian's patroni, etcd and haproxy first: apt-get install patroni etcd-server haproxy"; exit 1; }; \
	echo "installing Patroni, etcd and HAProxy"; \
	apt-get update -qq && apt-get install -y -qq --no-install-recommends patroni etcd-server haproxy >/dev/null; }

docs: dev ## write the pages that are drawn from the code
	@$(BIN)/python tools/pages.py

dialect: venv ## make dialect name=acme: a new wire from the template
	@$(BIN)/python tools/new.py dialect $(name)

connector: venv ## make connector name=acme: a new acquirer from the template
	@$(BIN)/python tools/new.py connector $(name)

clean: ## remove the environment and caches
	rm -rf $(VENV) .compiled dist pictures .node .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
