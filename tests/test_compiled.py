"""The list of modules that are compiled: what is there, and what may be.

Why each rule is one: docs/performance.md, "Compiled".
"""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
HOOK: Final = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["mypyc"]
LISTED: Final[list[str]] = HOOK["include"]
DECODERS: Final = ("Decoder", "decode", "convert")


def test_the_list_is_sorted_and_what_it_names_is_there() -> None:
    assert sorted(set(LISTED)) == LISTED
    assert [each for each in LISTED if not (ROOT / each).is_file()] == []


@pytest.mark.parametrize("name", LISTED)
def test_what_is_compiled_may_be(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            assert node.keywords == [], f"{node.name}: what is said beside its bases would be lost"
    started = [node for node in tree.body if ast.unparse(node).startswith("if __name__ ==")]
    assert started == [], "a program is started from its source"


@pytest.mark.parametrize("name", LISTED)
def test_a_caught_error_s_name_has_one_type_in_a_function(name: str) -> None:
    for node in ast.walk(ast.parse((ROOT / name).read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found = {
                (each.name, each.type and ast.unparse(each.type))
                for each in ast.walk(node)
                if isinstance(each, ast.ExceptHandler) and each.name
            }
            names = [named for named, _ in found]
            assert len(names) == len(set(names)), f"{node.name}: the second would be a TypeError"


@pytest.mark.parametrize("name", LISTED)
def test_nothing_is_known_by_its_place_in_memory(name: str) -> None:
    for node in ast.walk(ast.parse((ROOT / name).read_text("utf-8"))):
        assert not isinstance(node, ast.Call) or ast.unparse(node.func) != "id", (
            f"line {node.lineno}: a tuple is another one each time it is taken from a list"
        )


def homes(tree: ast.Module, path: str) -> dict[str, str]:
    """The file in which each class that a module names is defined."""
    found = {node.name: path for node in tree.body if isinstance(node, ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            home = f"src/{node.module.replace('.', '/')}.py"
            found |= {each.asname or each.name: home for each in node.names}
    return found


def decoded(tree: ast.Module) -> Iterator[str]:
    """The names by which a module says what something is decoded as."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(DECODERS):
            for given in (*call.args, *(each.value for each in call.keywords)):
                yield from (name.id for name in ast.walk(given) if isinstance(name, ast.Name))


def test_nothing_is_decoded_as_what_is_compiled() -> None:
    seen: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        known = homes(tree, path.relative_to(ROOT).as_posix())
        for name in decoded(tree):
            home = known.get(name, "")
            assert home not in LISTED, f"{path.name}: the types of {name}'s fields would be lost"
            seen.add(f"{home} {name}")
    assert "src/counterfoil/core/order.py Order" in seen


def test_a_plain_install_needs_no_compiler() -> None:
    assert HOOK["enable-by-default"] is False


def test_the_build_compiles_with_what_checks_the_types() -> None:
    pins = (ROOT / "requirements" / "compile.txt").read_text("utf-8")
    pinned = [line.removesuffix(" \\") for line in pins.splitlines() if "==" in line]
    (plugin,) = (each for each in HOOK["dependencies"] if each.startswith("hatch-mypyc"))
    assert plugin in pinned
    (mypy,) = (each for each in HOOK["dependencies"] if each.startswith("mypy"))
    assert mypy in PROJECT["dependency-groups"]["dev"]
