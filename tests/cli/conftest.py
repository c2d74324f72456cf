"""Commands run in this process, as `counterfoil WORDS` would, each test over its own database."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import json

from counterfoil.cli import main
from counterfoil.core.record import Record


class Ran(Record):
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> object:
        """What it printed, read."""
        assert self.status == 0, self.err
        return json.decode(self.out)

    @property
    def rows(self) -> list[dict[str, object]]:
        """The rows it printed as JSON."""
        assert self.status == 0, self.err
        return json.decode(self.out, type=list[dict[str, object]])

    @property
    def fault(self) -> str:
        """The one line by which it failed."""
        assert self.status == 2, (self.status, self.out, self.err)
        assert not self.out
        (line,) = self.err.splitlines()
        return line


Run = Callable[..., Ran]


@pytest.fixture
def anywhere(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command."""

    def act(*words: str) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(words)
        status = ended.value.code
        assert isinstance(status, int)
        said = capsys.readouterr()
        return Ran(status=status, out=said.out, err=said.err)

    return act


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the database is, or will be."""
    return tmp_path / "gateway.db"


@pytest.fixture
def run(anywhere: Run, database: Path) -> Run:
    """Run a command on the database."""

    def act(*words: str) -> Ran:
        return anywhere(*words, "--database", f"sqlite:///{database}")

    return act


@pytest.fixture
def seeded(run: Run) -> Run:
    """The same, with the demo merchants in the database."""
    assert run("demo").status == 0
    return run


def left_in(folder: Path) -> dict[str, bytes]:
    """Every file of a folder that a refused command must leave as it is."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.name.endswith(("-wal", "-shm"))
    }
