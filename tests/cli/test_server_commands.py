"""Every command that takes a database takes a PostgreSQL one."""

from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.cluster import fresh_url
from tests.e2e.server import Finished, program

from counterfoil.config import Settings, SettingsError, from_environment


def test_the_commands(tmp_path: Path) -> None:
    url, folder = fresh_url(tmp_path), tmp_path / "folder"

    def run(words: str) -> Finished:
        return program(*words.split(), "--database", url, folder=str(folder))

    assert run("keys").status == 1
    for words in (
        *("demo", "keys", "migrate", "verify", "sandbox clock", "sandbox book", "rates list"),
        *("merchant list", "vault rotate", f"vault rotate-master {tmp_path / 'next.key'}"),
    ):
        done = run(words)
        assert done.status == 0, f"{words}: {done.err}"
    assert "at step" in run("migrate").err
    name = url.rpartition("/")[2]
    assert {file.name for file in folder.iterdir()} == {f"{name}.key", f"{name}.sandbox.jsonl"}


def test_an_address_of_another_kind_is_refused_without_its_password(anywhere: Run) -> None:
    fault = anywhere("verify", "--database", "mysql://me:hush@host/name").fault
    assert "postgresql://user@host/name" in fault
    assert "hush" not in fault


def test_the_files_of_a_deployment_are_named_after_its_database() -> None:
    settings = Settings(database="postgresql://me@h:1/shop?sslmode=require", folder="here")
    assert settings.beside == Path("here/shop.db")
    assert not settings.embedded
    assert Settings(database="sqlite:///a/b.db").beside == Path("a/b.db")


def test_several_processes_need_a_server() -> None:
    with pytest.raises(SettingsError, match="workers must be 1"):
        from_environment({}, workers=2)
    server = "postgresql://127.0.0.1/x"
    assert from_environment({}, workers=2, database=server).workers == 2
    for wrong in ({"workers": 0}, {"database_connections": 0}, {"database_timeout_ms": 0}):
        with pytest.raises(SettingsError):
            from_environment({}, database=server, **wrong)
