"""`tools/new.py` makes a part that works, or nothing at all."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tools import new

HERE = Path(__file__).parent.parent


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout that holds the connector template only."""
    source = HERE / "src/counterfoil/connectors/_template"
    target = tmp_path / "src/counterfoil/connectors/_template"
    target.mkdir(parents=True)
    for file in source.glob("*.py"):
        (target / file.name).write_text(file.read_text())
    return tmp_path


@pytest.fixture
def wires(tmp_path: Path) -> Path:
    """A checkout that holds the dialect template only, and the linter's settings."""
    template = "src/counterfoil/dialects/_template"
    shutil.copytree(HERE / template, tmp_path / template)
    shutil.copy(HERE / "pyproject.toml", tmp_path)
    return tmp_path


def test_a_new_connector_is_found_by_the_scan(root: Path) -> None:
    made = new.create("connector", "first_bank", root)
    program = (
        "import sys, counterfoil.connectors as c; c.__path__.append(sys.argv[1]);"
        "print(*(each.name for each in c.found()))"
    )
    run = [sys.executable, "-c", program, str(made.parent)]
    seen = subprocess.run(run, capture_output=True, text=True, check=True)
    assert "first_bank" in seen.stdout.split()


def test_the_name_is_written_everywhere(root: Path) -> None:
    made = new.create("connector", "first_bank", root)
    text = "".join(file.read_text() for file in made.rglob("*"))
    assert "class FirstBankAcquirer" in text
    assert "counterfoil.connectors.first_bank.messages" in text
    assert "template" not in text.lower()


def test_file_names_are_renamed_and_caches_left_behind(root: Path) -> None:
    template = root / "src/counterfoil/connectors/_template"
    (template / "examples").mkdir()
    (template / "examples" / "template.json").write_text('{"TEMPLATE_ID": "templates"}')
    (template / "__pycache__").mkdir()
    (template / "__pycache__" / "x.pyc").write_bytes(b"\xff")
    made = new.create("connector", "acme", root)
    assert (made / "examples" / "acme.json").read_text() == '{"ACME_ID": "templates"}'
    assert not (made / "__pycache__").exists()


@pytest.mark.parametrize(
    "name",
    ["", "Acme", "_acme", "acme_", "a__b", "1st", "a-b", "../x", "a b", "class", "template", "é"],
)
def test_an_invalid_name_is_refused(root: Path, name: str) -> None:
    with pytest.raises(new.NewError):
        new.create("connector", name, root)
    assert [each.name for each in (root / "src/counterfoil/connectors").iterdir()] == ["_template"]


def test_a_name_that_exists_is_refused(root: Path) -> None:
    new.create("connector", "acme", root)
    with pytest.raises(new.NewError, match="there is one already: src/counterfoil/connectors/acme"):
        new.create("connector", "acme", root)


def test_a_missing_template_is_named(root: Path) -> None:
    with pytest.raises(new.NewError, match="missing: src/counterfoil/dialects/_template"):
        new.create("dialect", "acme", root)


def test_an_unknown_kind_is_refused(root: Path) -> None:
    with pytest.raises(new.NewError, match="no template for 'bank'"):
        new.create("bank", "acme", root)


@pytest.mark.parametrize(
    ("arguments", "status"), [([], 2), (["connector"], 2), (["connector", "sandbox"], 1)]
)
def test_the_command_says_what_is_wrong(
    arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new.main(arguments) == status
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize("name", ["acme", "the_longest_name_that_a_wire_may_have"])
def test_a_new_wire_is_formatted_and_linted(wires: Path, name: str) -> None:
    made = new.create("dialect", name, wires)
    ours = 'lint.isort.known-first-party = ["counterfoil"]'  # most of it is not there
    for command in (["format", "--check"], ["check", "--config", ours]):
        run = [sys.executable, "-m", "ruff", *command, "--no-cache", str(made)]
        seen = subprocess.run(run, capture_output=True, text=True, cwd=wires, check=False)
        assert seen.returncode == 0, seen.stdout


def test_a_new_wire_passes_the_dialect_contract(wires: Path) -> None:
    made = new.create("dialect", "first_wire", wires)
    program = (
        "import sys, pytest, counterfoil.dialects as d; d.__path__.append(sys.argv[1]);"
        "sys.exit(pytest.main(sys.argv[2:]))"
    )
    suite = ["tests/contract/test_dialects.py", "-p", "no:cacheprovider", "-k", "first_wire or own"]
    run = [sys.executable, "-c", program, str(made.parent), *suite]
    seen = subprocess.run(run, capture_output=True, text=True, cwd=HERE, check=False)
    assert seen.returncode == 0, seen.stdout
    dots = seen.stdout.split("[")[0].strip()
    assert len(dots) > 20


def test_nothing_of_the_template_is_left_in_a_new_wire(wires: Path) -> None:
    made = new.create("dialect", "first_wire", wires)
    texts = [file.read_text() for file in made.rglob("*") if file.is_file()]
    assert "template" not in "".join(texts).lower()
    assert (made / "_examples" / "refund.toml").is_file()
