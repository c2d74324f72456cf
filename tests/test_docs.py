"""The documents are complete and true: they describe what the code has, and their links lead on."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from inspect import getsource
from pathlib import Path
from types import ModuleType
from typing import Final

import msgspec
import pytest
from cyclopts import App

from counterfoil.config import MASTER_KEY, PREFIX, Settings
from counterfoil.core.errors import Code
from counterfoil.dialects.bizon import (
    auth,
    call,
    create,
    errors,
    queries,
    reading,
    render,
    routes,
    schema,
)
from counterfoil.dialects.payfunc import errors as payfunc_errors
from counterfoil.dialects.payfunc import render as payfunc_render
from counterfoil.dialects.payfunc import routes as payfunc_routes

ROOT: Final = Path(__file__).parent.parent
DOCS: Final = ROOT / "docs"
DECISIONS: Final = DOCS / "decisions"
FRAGMENTS: Final = ROOT / "changelog.d"
FOLDERS: Final = ("docs", "changelog.d", "src", "tests")
LINE_MAX: Final = 120

HEADINGS: Final = ("Context", "Decision", "Consequences", "Alternatives")
RECORD: Final = re.compile(r"(\d{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.md")
FRAGMENT: Final = re.compile(r"\d+\.(?:added|changed|fixed|removed|security)\.md")
FENCE: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE: Final = re.compile(r"`[^`\n]*`")
LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
TITLE: Final = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
SETTING: Final = re.compile(r'"(bizon\.[a-z0-9_]+)"')


def pages() -> list[Path]:
    """Every Markdown file of the project."""
    folders = (each for name in FOLDERS for each in (ROOT / name).rglob("*.md"))
    return sorted([*ROOT.glob("*.md"), *folders])


def read(path: Path) -> str:
    assert path.exists(), f"{path.relative_to(ROOT)} is missing"
    return path.read_text("utf-8")


def test_every_setting_is_described() -> None:
    page = read(DOCS / "configuration.md")
    for field in msgspec.structs.fields(Settings):
        default = field.default
        shown = "none" if default is None else f"`{str(default).lower()}`"
        row = f"| `{field.name}` | `{PREFIX}{field.name.upper()}` | {shown} |"
        assert row in page, f"docs/configuration.md lacks the row {row} … with what it means"
    assert f"`{PREFIX}{MASTER_KEY}`" in page


def test_no_setting_is_described_that_is_not_there() -> None:
    page = read(DOCS / "configuration.md")
    known = {PREFIX + name.upper() for name in Settings.__struct_fields__} | {PREFIX + MASTER_KEY}
    named = set(re.findall(rf"`({PREFIX}[A-Z_0-9]+)`", page))
    assert named <= known, f"docs/configuration.md names {named - known}, which nothing reads"


def commands(app: App, path: str = "") -> Iterator[str]:
    """Every command and subcommand, as it is typed."""
    for name in app:
        if not name.startswith("-"):
            command = f"{path} {name}".strip()
            yield command
            yield from commands(app[name], command)


def test_every_command_is_described() -> None:
    app = import_module("counterfoil.cli").commands()
    assert isinstance(app, App)
    page = read(DOCS / "commands.md")
    for command in commands(app):
        assert f"`counterfoil {command}" in page, f"docs/commands.md says nothing of {command}"


def row(code: Code) -> str:
    """The row of the page's table that says how a code looks on the wire."""
    wire = errors.ERRORS[code]
    attribute = "" if wire.attribute is None else f"`{wire.attribute}`"
    message = wire.message.replace("{", "*").replace("}", "*")
    return f"| `{code}` | {wire.status} | {wire.kind} | {attribute} | {message} |"


@pytest.mark.parametrize("code", Code)
def test_every_refusal_is_on_the_bizon_page(code: Code) -> None:
    page = read(DOCS / "wires" / "bizon.md")
    assert row(code) in page, f"docs/wires/bizon.md lacks the row {row(code)}"


def failures(module: ModuleType) -> Iterator[tuple[int, str, str]]:
    """Status, type and message of every failure that the module spells out."""
    for node in ast.walk(ast.parse(getsource(module))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Failure":
            given = [value(module, each) for each in node.args]
            match given:
                case [int() as status, str() as kind, str() as message]:
                    yield status, kind, message


def value(module: ModuleType, node: ast.expr) -> object:
    if isinstance(node, ast.Constant):
        return node.value
    return getattr(module, node.id, None) if isinstance(node, ast.Name) else None


def test_every_failure_is_on_the_bizon_page() -> None:
    page = read(DOCS / "wires" / "bizon.md")
    found = [each for module in (auth, call, errors, reading, routes) for each in failures(module)]
    assert found
    for status, kind, message in found:
        rows = [line for line in page.splitlines() if f"| {status} | {kind} |" in line]
        assert any(message in line for line in rows), f"bizon.md lacks: {status} {kind} {message}"
    for nature, (status, kind) in routes.NATURES.items():
        assert f"| {status} | {kind} |" in page, f"bizon.md lacks what {nature} looks like"


def test_every_status_and_operation_is_on_the_bizon_page() -> None:
    page = read(DOCS / "wires" / "bizon.md")
    words = [*render.STATUS.values(), *render.KINDS.values(), *render.OUTCOMES.values()]
    for word in words:
        assert f"`{word}`" in page, f"docs/wires/bizon.md does not explain {word}"


def calls() -> Iterator[tuple[str, str]]:
    """The methods and path of every row of the wire's ROUTES."""
    tree = ast.parse(getsource(routes))
    tables = (
        node
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "ROUTES"
    )
    for each in ast.walk(next(tables)):
        match each:
            case ast.Tuple(elts=[ast.Constant(str(methods)), ast.Constant(str(path)), _]):
                yield methods, path.replace("{order}", ":id")


def test_every_call_is_on_the_bizon_page() -> None:
    page = read(DOCS / "wires" / "bizon.md")
    found = list(calls())
    assert found
    for methods, path in found:
        shown = f"`{methods.split()[0]} {path}`" in page or f"`{path}`" in page
        assert shown, f"docs/wires/bizon.md says nothing of {methods} {path}"


def test_every_call_is_on_the_payfunc_page() -> None:
    page = read(DOCS / "wires" / "payfunc.md")
    rows = re.findall(r'\("([A-Z ]+)", +"(/[^"]+)"', getsource(payfunc_routes))
    assert len(rows) > 10
    for methods, path in [*rows, *(("GET", path) for path in payfunc_routes.OPEN)]:
        assert f"`{methods.split()[0]} {path}`" in page, f"payfunc.md lacks {methods} {path}"


def test_every_status_and_error_type_is_on_the_payfunc_page() -> None:
    page = read(DOCS / "wires" / "payfunc.md")
    words = {*payfunc_render.STATUS.values(), *payfunc_render.BUCKETS.values()}
    kinds = {each.kind for each in payfunc_errors.ERRORS.values()} - {
        "missing configuration",
        "database failure",
    }
    for word in words | kinds:
        assert f"`{word}`" in page, f"docs/wires/payfunc.md does not explain {word}"


def test_every_merchant_setting_of_the_wire_is_on_its_page() -> None:
    page = read(DOCS / "wires" / "bizon.md")
    sources = "".join(
        getsource(module) for module in (call, create, queries, render, routes, schema)
    )
    for name in set(SETTING.findall(sources)):
        assert f"`{name}`" in page, f"docs/wires/bizon.md says nothing of the setting {name}"


def records() -> list[Path]:
    return sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")


def test_decision_records_have_their_four_headings() -> None:
    for path in records():
        assert RECORD.fullmatch(path.name), f"{path.name}: a record is named NNNN-title.md"
        titles = TITLE.findall(read(path))
        number = int(path.name[:4])
        assert titles[0].startswith(f"{number}. "), f"{path.name}: its title begins with {number}."
        assert titles[1:] == list(HEADINGS), f"{path.name}: its headings are {HEADINGS}"


def test_decision_records_are_numbered_and_listed() -> None:
    numbers = [int(path.name[:4]) for path in records()]
    assert len(set(numbers)) == len(numbers), "no number is given twice"
    index = read(DECISIONS / "README.md")
    for path in records():
        assert f"]({path.name})" in index, f"docs/decisions/README.md does not list {path.name}"


def fragments() -> list[Path]:
    return sorted(path for path in FRAGMENTS.iterdir() if not path.name.startswith("."))


def test_changelog_fragments_have_the_right_names() -> None:
    for path in fragments():
        assert FRAGMENT.fullmatch(path.name), (
            f"{path.name}: a fragment is <issue>.<added|changed|fixed|removed|security>.md"
        )
        assert read(path).startswith("* "), f"{path.name}: a fragment is a list of its own lines"


def test_the_changelog_holds_every_fragment() -> None:
    unreleased = read(ROOT / "CHANGELOG.md").split("\n## ")[1]
    for path in fragments():
        kind = path.name.split(".")[1].capitalize()
        part = unreleased.partition(f"### {kind}\n")[2].partition("\n### ")[0]
        assert read(path).strip() in part, f"CHANGELOG.md, Unreleased, {kind} lacks {path.name}"


def anchors(path: Path) -> set[str]:
    """What a link may name after `#`: the page's titles, as they are commonly rendered."""
    text = FENCE.sub("", read(path))
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in TITLE.findall(text)
    }


def broken(page: Path) -> Iterator[str]:
    text = CODE.sub("", FENCE.sub("", read(page)))
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield f"{page.relative_to(ROOT)} -> {link}"


def test_links_lead_somewhere() -> None:
    dead = [each for page in pages() for each in broken(page)]
    assert not dead, f"these links lead nowhere: {', '.join(dead)}"


def test_lines_can_be_read_in_a_terminal() -> None:
    long = [
        f"{page.relative_to(ROOT)}:{at}"
        for page in pages()
        for at, line in enumerate(read(page).splitlines(), start=1)
        if len(line) > LINE_MAX and not line.startswith("|")  # a table's row cannot be broken
    ]
    assert not long, f"break these at {LINE_MAX} characters: {', '.join(long)}"


RAZORPAY: Final = DOCS / "wires" / "razorpay.md"


def test_every_call_of_the_razorpay_wire_is_on_its_page() -> None:
    wire = import_module("counterfoil.dialects.razorpay.routes")
    page = read(RAZORPAY)
    for name in ("ROUTES", "PAGES"):
        found = list(calls_of(getsource(wire), name))
        assert found
        for methods, path in found:
            shown = re.sub(r"\{(\w+)\}", r":\1", path)
            for method in set(methods.split()) - {"HEAD"}:
                assert f"`{method} {shown}`" in page, f"razorpay.md says nothing of {method} {path}"


def calls_of(source: str, table: str) -> Iterator[tuple[str, str]]:
    """The methods and path of every row of that table."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == table:
            for each in ast.walk(node):
                match each:
                    case ast.Tuple(elts=[ast.Constant(str(methods)), ast.Constant(str(path)), _]):
                        yield methods, path


def test_every_refusal_setting_and_word_of_the_razorpay_wire_is_on_its_page() -> None:
    package = "counterfoil.dialects.razorpay"
    told, shown = import_module(f"{package}.errors"), import_module(f"{package}.render")
    page = read(RAZORPAY)
    for code in Code:
        wire = told.ERRORS[code]
        field = f"`{wire.field}`" if wire.field else ""
        assert f"| `{code}` | {wire.status} | {field} | {wire.message} |" in page, code
    for decline, failed in told.FAILED.items():
        assert f"| `{decline}` | `{failed.reason}` |" in page
    for word in (*shown.STATUS.values(), *shown.OUTCOMES.values()):
        assert f"`{word}`" in page, word
    for name in import_module(package).dialect.settings:
        assert f"`razorpay.{name}`" in page, name
    for names in import_module(f"{package}.notify").EVENTS.values():
        for name in names:
            assert f"`{name}`" in page, name
