"""What commands print: lines for pipes, JSON for programs, help with examples, faults in a line."""

from pathlib import Path
from typing import Final

import pytest
from msgspec import json
from tests.cli.conftest import Run, left_in
from tests.e2e.server import program

COMMANDS: Final = (
    *("serve", "demo", "migrate", "keys", "verify", "bench", "listen"),
    *("merchant add", "merchant list", "merchant show", "merchant set", "merchant password"),
    *("rates import", "rates list", "sandbox clock", "sandbox advance", "sandbox book"),
    *("vault rotate", "vault rotate-master", "settle"),
)
MISUSED: Final = (
    "nosuch",
    "serve --prot 1",
    "serve --port x",
    "serve --workers 2",
    "serve --port 99999",
    "serve --port -1",
    "serve --log-level loud",
    "merchant add",
    "merchant add Name",
    "merchant show one",
    "merchant set 1",
    "sandbox advance",
    "sandbox advance soon",
    "sandbox advance 1000000000d",
    "rates import",
    "rates list --date yesterday",
    "rates list --date 2026-02-30",
    "sandbox book --last -3",
    "vault rotate-master",
    "settle 1 --reference P-1 --gross 5 --start 2026-11-01 --end 2026-11-02",
    "settle AFLc84nq_AA3LdNY --reference P-1 --gross 5 --start 2026-11-01 --end 2026-11-31",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(anywhere: Run, command: str) -> None:
    done = anywhere(*command.split(), "--help")
    text = " ".join(done.out.split())
    assert (done.status, done.err) == (0, "")
    assert f"Example: counterfoil {command}" in text
    assert text.startswith(f"Usage: counterfoil {command}")
    assert "--no-" not in text
    assert "--empty-" not in text


def test_help_names_every_command(anywhere: Run) -> None:
    text = anywhere("--help").out
    for command in COMMANDS:
        assert command.split()[0] in text
    for group in ("merchant", "rates", "sandbox", "vault"):
        listed = anywhere(group, "--help").out
        for command in COMMANDS:
            first, _, second = command.partition(" ")
            assert first != group or second in listed


@pytest.mark.parametrize("words", MISUSED)
def test_a_misused_command_says_so_in_a_line_and_changes_nothing(
    seeded: Run, tmp_path: Path, words: str
) -> None:
    before = left_in(tmp_path)
    done = program(*words.split(), "--database", f"sqlite:///{tmp_path}/gateway.db")
    assert (done.status, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1, done.err
    assert left_in(tmp_path) == before
    assert seeded("verify").status == 0


def test_the_program_runs_as_a_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    assert program("demo", "--database", url).status == 0
    keys = program("keys", "--json", database=url)
    assert json.decode(keys.out)["bizon"] == {"login": "project", "password": "password"}
    assert program("--version").out.strip()


def test_a_variable_that_is_no_setting_is_named(tmp_path: Path) -> None:
    done = program("verify", "--database", f"sqlite:///{tmp_path}/gateway.db", prot="1")
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("counterfoil: COUNTERFOIL_PROT is no setting")


@pytest.mark.parametrize(
    "command",
    [
        *("verify", "keys", "merchant list", "merchant show 1", "merchant set 1 zone=UTC"),
        *("rates list", "vault rotate", "sandbox book"),
    ],
)
def test_a_command_that_reads_makes_no_database(run: Run, tmp_path: Path, command: str) -> None:
    done = run(*command.split())
    assert "gateway.db" in done.fault
    assert left_in(tmp_path) == {}


@pytest.mark.parametrize("url", ["sqlite:///", "mysql://host/name", "gateway.db", ""])
def test_a_database_that_cannot_be_used_is_refused(anywhere: Run, url: str) -> None:
    assert "sqlite:///path" in anywhere("verify", "--database", url).fault


@pytest.mark.parametrize("command", ["verify", "migrate", "demo", "keys", "merchant list"])
def test_what_is_no_database_is_refused_and_left_alone(
    run: Run, database: Path, command: str
) -> None:
    database.write_bytes(b"somebody's notes\n" * 1000)
    assert "gateway.db" in run(*command.split()).fault
    assert database.read_bytes() == b"somebody's notes\n" * 1000


def test_a_damaged_page_is_one_line_if_it_is_met(seeded: Run, database: Path) -> None:
    whole, page, met = database.read_bytes(), 4096, 0
    for start in range(page, len(whole), page):
        database.write_bytes(whole[:start] + b"\xff" * 64 + whole[start + 64 :])
        done = seeded("merchant", "list")
        met += done.status != 0
        assert done.status == 0 or "database" in done.fault
    assert met


def test_a_new_master_key_is_not_made_for_no_database(run: Run, tmp_path: Path) -> None:
    assert "gateway.db" in run("vault", "rotate-master", str(tmp_path / "next.key")).fault
    assert left_in(tmp_path) == {}


def test_a_folder_is_no_database(anywhere: Run, tmp_path: Path) -> None:
    assert str(tmp_path) in anywhere("verify", "--database", f"sqlite:///{tmp_path}").fault


def test_a_folder_that_cannot_be_made_is_one_line(anywhere: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = anywhere("migrate", "--database", f"sqlite:///{tmp_path}/file/gateway.db")
    assert "file" in done.fault
