"""The limits of the house style, measured: sizes, names that are forbidden, and where they are not.

Each failure names the place and says what to do instead. An exception to a rule stands in a table
of this file with its reason, and a table that names something that is gone fails too.
"""

import ast
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).parent.parent
SOURCE: Final = ROOT / "src" / "counterfoil"
FILE_LINES_MAX: Final = 400
FUNCTION_LINES_MAX: Final = 50
HANDLER_LINES_MAX: Final = 15  # of its body, without the docstring
NESTING_MAX: Final = 3
WHOLE_MAX: Final = 44_000
BLOCKS: Final = (
    ast.For, ast.AsyncFor, ast.While, ast.If, ast.Try, ast.TryStar, ast.With, ast.AsyncWith,
    ast.Match,
)  # fmt: skip


class Budget(NamedTuple):
    """Lines of Python a package may have: by the style, and granted above that (0: nothing)."""

    package: str
    style: int
    granted: int = 0
    why: str = ""


# What is granted is a debt with a figure, not a new budget: a package that grows past it fails.
# fmt: off
BUDGETS: Final = (
    Budget("core", 1800, 4150, "currencies and declines are tables of facts; units and claims "
                               "serve the wires that come next; what follows is durable; "
                               "what 3-D Secure says and asks"),
    Budget("engine", 1500, 4200, "timers, the outbox and what falls due: no library does them on "
                                 "both stores; orders that wait for their cardholder, or are "
                                 "paid from a page; accounts that are tried until they pay"),
    Budget("threeds", 800),
    Budget("store", 1300, 5130, "lists by any filter, full-text search, proofs and group commit, "
                                "done by each of two databases in its own way; moving house; "
                                "what wires keep, and until when; what waits; "
                                "a process that writes the embedded one"),
    Budget("vault", 600, 1700, "wallet tokens: two schemes of signatures, certificates, and the "
                               "BER that Apple writes them in"),
    Budget("courier", 940),
    Budget("web", 1800),
    Budget("slip", 800),
    Budget("dialects/*", 1200, 4116, "every fault of a request is named, member by member; bodies "
                                     "are read and calls made in modules of their own; AfterPay's "
                                     "rows, numbers and signed views, 17 calls and a login page; "
                                     "Razorpay's checkout, with four ways to pay; PayFunc's names "
                                     "for ids that clients choose, and what merchants were paid"),
    Budget("connectors/*", 800, 1480, "the test bank's book is written through memory by a process "
                                      "that is alone, and shared by several that are not; the bank "
                                      "is directory server and issuer for 3-D Secure besides"),
)
# fmt: on

# Where every exception is caught, and why the program may not end there.
EDGES: Final = {
    "engine/perform.py": "whatever a connector raises is Unknown, and the operation stays pending",
    "engine/resolve.py": "the same, for an inquiry",
    "engine/authenticate.py": "whatever an authenticator raises: the holder could not be asked",
    "web/returning.py": "the browser gets a page, the log the cause",
    "engine/limit.py": "what is thrown into waiting work is the work's to deal with",
    "engine/pump.py": "one timer's failure must not end the others; the store may come back",
    "engine/chores.py": "one failure must not end a chore; it is told of and runs again",
    "store/lanes.py": "the lanes must go on; the caller gets whatever it was",
    "store/gather.py": "the same, for reads",
    "web/checkout/routes.py": "the customer gets a page, the log its cause",
    "dialects/*/routes.py": "the caller gets a failure in the wire's form, the log its cause",
}
# `Any` is what drivers and SQLAlchemy give: a row's columns have no type before rows.py reads them.
ANY_ALLOWED: Final = ("store/*",)
PRINT_ALLOWED: Final = ("cli.py", "cli/*")
CLOCKS_ALLOWED: Final = ("world.py", "bench/*")  # the real clock; a stopwatch
NEAR_MONEY: Final = ("core/*", "engine/*", "dialects/*", "connectors/*")
MOUNTS: Final = "tests/bench/test_bench_suite.py"  # a mount table, as the kernel words it

INDEX: Final = re.compile(r"pypi\.org|pythonhosted\.org|-index-[u]rl\b|/simp[l]e/|INDEX_[U]RL")
MACHINE: Final = re.compile(r"(?<![\w.~*)}])/(?:work|tmp|home|root|Users|private|mnt)/\w")
UNDONE: Final = re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X:|H[A]CK)\b")


class Module(NamedTuple):
    """A Python file: its name below its root, its text, its tree."""

    name: str
    text: str
    tree: ast.Module


def modules(folder: Path) -> list[Module]:
    """Every Python file below a folder."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text("utf-8")
        found.append(Module(path.relative_to(folder).as_posix(), text, ast.parse(text)))
    return found


SOURCES: Final = modules(SOURCE)
TESTS: Final = modules(ROOT / "tests")
EVERY: Final = [*SOURCES, *TESTS, *modules(ROOT / "tools")]


def committed() -> Iterator[tuple[str, str]]:
    """Every file of the project with its text; what .gitignore names is none of it."""
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().split()]
    ignored.append(".git")
    folders = [ROOT]
    while folders:
        for path in sorted(folders.pop().iterdir()):
            if any(fnmatch(path.name, pattern) for pattern in ignored):
                continue
            if path.is_dir():
                folders.append(path)
            else:
                yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8", "replace")


def within(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def places(
    found: list[Module], wrong: Callable[[ast.AST], bool], allowed: tuple[str, ...] = ()
) -> list[str]:
    """Where nodes of that kind stand, outside the files where they may."""
    return [
        f"{module.name}:{getattr(node, 'lineno', 1)}"
        for module in found
        if not within(module.name, allowed)
        for node in ast.walk(module.tree)
        if wrong(node)
    ]


def none(found: list[str], instead: str) -> None:
    """Fail with the places and what to do instead, unless there are none."""
    assert not found, f"{instead}: {', '.join(found)}"


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_files_are_short() -> None:
    long = [
        f"{module.name} has {count}"
        for module in EVERY
        if (count := len(module.text.splitlines())) > FILE_LINES_MAX
    ]
    none(long, f"a file has {FILE_LINES_MAX} lines at most; split it by what its parts are about")


def test_functions_are_short() -> None:
    long = [
        f"{module.name}:{node.lineno} {node.name} has {lines(node)}"
        for module in EVERY
        for node in functions(module)
        if lines(node) > FUNCTION_LINES_MAX
    ]
    none(long, f"a function has {FUNCTION_LINES_MAX} lines at most; name its steps as functions")


def test_handlers_decode_call_and_render() -> None:
    long = []
    for module in SOURCES:
        if within(module.name, ("dialects/*/routes.py",)):
            named = handlers(module)
            long += [
                f"{module.name}:{node.lineno} {node.name} has {lines_of_body(node)}"
                for node in functions(module)
                if node.name in named and lines_of_body(node) > HANDLER_LINES_MAX
            ]
    none(long, f"a handler has {HANDLER_LINES_MAX} lines at most; the rest is the engine's")


def handlers(module: Module) -> set[str]:
    """The functions that the ROUTES table names."""
    for node in module.tree.body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "ROUTES":
            assert node.value is not None
            return {name.id for name in ast.walk(node.value) if isinstance(name, ast.Name)}
    raise AssertionError(f"{module.name} has no ROUTES table; every wire shows one")


def lines_of_body(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return sum(lines(statement) for statement in body)


def test_blocks_are_not_deep() -> None:
    deep = [
        f"{module.name}:{node.lineno} {node.name} is {count} deep"
        for module in SOURCES
        for node in functions(module)
        if (count := depth(node.body)) > NESTING_MAX
    ]
    none(deep, f"blocks nest {NESTING_MAX} deep at most; push ifs up, loops down, or name a step")


def depth(body: list[ast.stmt]) -> int:
    """How many blocks stand inside one another; `elif` is no deeper than its `if`."""
    return max((_depth(statement) for statement in body), default=0)


def _depth(statement: ast.stmt) -> int:
    if not isinstance(statement, BLOCKS):
        return 0  # a function or class inside starts its own count
    inner = 1 + max((depth(body) for body in bodies(statement)), default=0)
    if isinstance(statement, ast.If):
        rest = statement.orelse
        chained = len(rest) == 1 and isinstance(rest[0], ast.If)
        return max(inner, _depth(rest[0]) if chained else 1 + depth(rest))
    return inner


def bodies(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    yield getattr(statement, "body", [])
    if not isinstance(statement, ast.If):
        yield getattr(statement, "orelse", [])
    yield getattr(statement, "finalbody", [])
    for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield part.body


def test_depth_counts_what_a_reader_sees() -> None:
    flat = "if a:\n  x\nelif b:\n  x\nelse:\n  x\nfor c in d:\n  x"
    deep = "for a in b:\n  if c:\n    try:\n      x\n    except d:\n      with e:\n        x"
    assert depth(ast.parse(flat).body) == 1
    assert depth(ast.parse(deep).body) == 4
    assert depth(ast.parse("match a:\n  case 1:\n    if b:\n      x").body) == 2
    assert depth(ast.parse("if a:\n  x\nelse:\n  if b:\n    x\n  x").body) == 2


@pytest.mark.parametrize("budget", BUDGETS, ids=lambda budget: budget.package)
def test_packages_stay_within_their_budgets(budget: Budget) -> None:
    folders = [path for path in SOURCE.glob(budget.package) if path.is_dir()]
    assert folders, f"there is no {budget.package}; take it out of BUDGETS"
    most = budget.granted or budget.style
    for folder in folders:
        count = sum(len(module.text.splitlines()) for module in modules(folder))
        assert count <= most, (
            f"{folder.name} has {count} lines, {most} are granted (style: {budget.style}); "
            "find what can go, or what two places say twice"
        )


def test_what_is_granted_above_a_budget_has_a_reason() -> None:
    for budget in BUDGETS:
        assert bool(budget.granted) == bool(budget.why), f"{budget.package}: say why in BUDGETS"
        assert not budget.granted or budget.granted > budget.style


def test_the_whole_stays_small() -> None:
    count = sum(len(module.text.splitlines()) for module in SOURCES)
    assert count <= WHOLE_MAX, f"src has {count} lines; {WHOLE_MAX} are the limit of the style"


def test_every_module_says_what_it_is() -> None:
    bare = [module.name for module in SOURCES if not ast.get_docstring(module.tree)]
    none(bare, "a module opens with one sentence, then its rules")


def test_any_stays_where_rows_come_from_drivers() -> None:
    def wrong(node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id == "Any"

    none(places(SOURCES, wrong, ANY_ALLOWED), "use `object` or the precise type, not Any")


def test_no_float_comes_near_money() -> None:
    def wrong(node: ast.AST) -> bool:
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        return literal or (isinstance(node, ast.Name) and node.id == "float")

    near = [module for module in SOURCES if within(module.name, NEAR_MONEY)]
    none(places(near, wrong), "use int minor units, or Decimal from text, not float")


def test_core_and_engine_read_no_clock_and_no_chance() -> None:
    def wrong(node: ast.AST) -> bool:
        forbidden = {"time", "random", "secrets", "uuid"}
        if isinstance(node, ast.Import):
            return any(alias.name.split(".")[0] in forbidden for alias in node.names)
        return isinstance(node, ast.ImportFrom) and (node.module or "") in forbidden

    pure = [module for module in SOURCES if within(module.name, ("core/*", "engine/*"))]
    none(places(pure, wrong), "take a Clock or Ids as an argument")


def test_the_time_comes_from_the_clock() -> None:
    readers = {
        ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
        ("time", "time"), ("time", "time_ns"),
    }  # fmt: skip

    def wrong(node: ast.AST) -> bool:
        if isinstance(node, ast.ImportFrom):
            return any((node.module or "", alias.name) in readers for alias in node.names)
        return (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in readers
        )

    none(places(SOURCES, wrong, CLOCKS_ALLOWED), "ask the Clock: a sandbox may move it forward")


def test_only_commands_print() -> None:
    def wrong(node: ast.AST) -> bool:
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        )

    none(places(SOURCES, wrong, PRINT_ALLOWED), "log it, return it, or raise; commands print")


def catches_all(node: ast.AST) -> bool:
    """Whether it catches every exception and does not pass it on."""
    if not isinstance(node, ast.ExceptHandler):
        return False
    caught = "" if node.type is None else ast.unparse(node.type)
    broad = node.type is None or re.search(r"\b(?:Base)?Exception\b", caught) is not None
    last = node.body[-1]
    return broad and not (isinstance(last, ast.Raise) and last.exc is None)


def test_everything_is_caught_at_the_edges_only() -> None:
    found = places(SOURCES, catches_all, tuple(EDGES))
    none(found, "name the exceptions that are meant; a new edge goes into EDGES with its reason")


def test_the_named_edges_are_there() -> None:
    for pattern, reason in EDGES.items():
        edges = [module for module in SOURCES if within(module.name, (pattern,))]
        assert places(edges, catches_all), (
            f"EDGES names {pattern} ({reason}), which catches nothing"
        )


def test_tests_use_fakes_and_run() -> None:
    names = {"monkeypatch", "MonkeyPatch", "Mock", "MagicMock", "patch", "skip", "skipif", "xfail"}

    def wrong(node: ast.AST) -> bool:
        name = getattr(node, "arg", None) if isinstance(node, ast.arg) else None
        name = node.id if isinstance(node, ast.Name) else name
        name = node.attr if isinstance(node, ast.Attribute) else name
        return name in names

    none(places(TESTS, wrong, ("test_tidy.py",)), "use the fakes of counterfoil.testing; skip none")


def test_no_file_names_a_package_index() -> None:
    found = [name for name, text in committed() if INDEX.search(text)]
    none(found, "name the package and its version; where it comes from is the user's choice")


def test_no_file_names_a_path_of_some_machine() -> None:
    found = [
        f"{name}:{at}"
        for name, text in committed()
        if name != MOUNTS
        for at, line in enumerate(text.splitlines(), start=1)
        if MACHINE.search(line)
    ]
    none(found, "use a relative path, or one that is passed in")


def test_nothing_is_left_for_later() -> None:
    found = [
        f"{name}:{at}"
        for name, text in committed()
        if not name.startswith("requirements/")
        for at, line in enumerate(text.splitlines(), start=1)
        if UNDONE.search(line)
    ]
    none(found, "do it, or open an issue and name its number")
