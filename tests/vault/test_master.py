"""The master key's file: made once, for its owner's eyes, and never shown."""

import copy
import pickle
import stat
from pathlib import Path

import msgspec
import pytest

from counterfoil.core.ports import VaultError
from counterfoil.vault import create_master, master_from_file, master_from_text

ZEROS = "A" * 43 + "="


def test_a_new_file_is_private_and_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    made = create_master(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert master_from_file(path) == made
    assert list(tmp_path.iterdir()) == [path]


def test_an_existing_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    made = create_master(path)
    with pytest.raises(VaultError, match="exists"):
        create_master(path)
    assert master_from_file(path) == made
    assert list(tmp_path.iterdir()) == [path]


def test_no_two_are_alike(tmp_path: Path) -> None:
    assert create_master(tmp_path / "one") != create_master(tmp_path / "two")


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="cannot be written"):
        create_master(tmp_path / "missing" / "master.key")
    with pytest.raises(VaultError, match="cannot be read"):
        master_from_file(tmp_path / "master.key")


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o602, 0o660, 0o777])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    create_master(path)
    path.chmod(mode)
    with pytest.raises(VaultError, match="chmod 600"):
        master_from_file(path)


def test_a_file_that_only_reads_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    made = create_master(path)
    path.chmod(0o400)
    assert master_from_file(path) == made


@pytest.mark.parametrize(
    "text", ["", "short", "A" * 42, "A" * 44, "A" * 43 + "==", "/" * 43 + "=", "é" * 43]
)
def test_other_text_is_no_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(VaultError, match="44 characters"):
        master_from_text(text)
    path = tmp_path / "master.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(VaultError, match="44 characters"):
        master_from_file(path)


def test_blanks_around_and_missing_padding_do_not_matter() -> None:
    assert master_from_text(f" {ZEROS}\n") == master_from_text(ZEROS.rstrip("="))


def test_it_is_never_shown() -> None:
    key = master_from_text(ZEROS)
    for shown in (str(key), repr(key), f"{key}", f"{[key]}", f"{key!s:>60}"):
        assert "AAAA" not in shown
    with pytest.raises(TypeError):
        msgspec.json.encode(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        copy.copy(key)


def test_an_error_does_not_show_what_was_given() -> None:
    with pytest.raises(VaultError) as refused:
        master_from_text("hunter2")
    assert "hunter2" not in str(refused.value)
