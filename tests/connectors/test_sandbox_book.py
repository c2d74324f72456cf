"""The bank's book: one line an instruction, the first of a reference stands, memory stays flat."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.connectors.sandbox.book import Book, BookError, open_book
from counterfoil.connectors.sandbox.entry import Entry
from counterfoil.connectors.sandbox.tape import File, Memory
from counterfoil.core.order import Kind, Outcome

FORK = multiprocessing.get_context("fork")


def entry(
    reference: int, kind: Kind = Kind.AUTHORIZE, minor: int = 100, original: int | None = None
) -> Entry:
    return Entry(
        reference=reference,
        kind=kind,
        merchant=1,
        order=5,
        minor=minor,
        currency="EUR",
        original=original,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "books" / "trial.jsonl"


@pytest.fixture(params=["file", "memory"])
def book(request: pytest.FixtureRequest, path: Path) -> Iterator[Book]:
    opened = open_book(path if request.param == "file" else None)
    yield opened
    opened.close()


def test_the_first_of_a_reference_stands(book: Book) -> None:
    first = entry(1)
    assert book.write(first) is first
    assert book.write(entry(1, minor=999)) == first
    assert book.find(1) == first
    assert list(book.entries()) == [first]


def test_what_was_never_booked_is_not_found(book: Book) -> None:
    assert book.find(1) is None
    book.write(entry(2))
    assert book.find(1) is None
    assert book.find(3) is None


def test_totals_by_what_operations_go_back_to(book: Book) -> None:
    book.write(entry(1, minor=500))
    book.write(entry(2, Kind.CHARGE, 200, original=1))
    book.write(entry(3, Kind.CHARGE, 100, original=1))
    book.write(entry(4, Kind.REFUND, 50, original=2))
    book.write(entry(5, Kind.CREDIT, 70))
    book.write(
        Entry(
            reference=6,
            kind=Kind.CHARGE,
            merchant=1,
            order=5,
            minor=1,
            currency="EUR",
            original=1,
            outcome=Outcome.DECLINED,
            code="05",
        )
    )
    assert book.totals() == {
        1: {Kind.AUTHORIZE: 500, Kind.CHARGE: 300},
        2: {Kind.REFUND: 50},
        5: {Kind.CREDIT: 70},
    }


def test_old_entries_leave_memory_and_are_found_all_the_same(path: Path) -> None:
    path.parent.mkdir()
    book = Book(File(path), recent_max=10)
    for reference in range(1, 5001):
        book.write(entry(reference * 2, minor=reference))
    assert len(book._recent) == 10
    assert book.find(2) == entry(2, minor=1)
    assert book.find(2468) == entry(2468, minor=1234)
    assert book.find(2467) is None
    assert book.write(entry(2, minor=7)).minor == 1
    assert sum(1 for _ in book.entries()) == 5000
    book.close()


def test_a_book_opened_again_knows_all_of_it(path: Path) -> None:
    path.parent.mkdir()
    first = Book(File(path), recent_max=10)
    for reference in range(1, 201):
        first.write(entry(reference))
    first.close()
    again = Book(File(path), recent_max=10)
    assert len(again._recent) == 10
    assert [again.write(entry(reference, minor=1)).minor for reference in (1, 100, 200)] == [
        100,
        100,
        100,
    ]
    assert again.find(201) is None
    again.close()


def test_two_books_on_one_file_see_each_other(path: Path) -> None:
    one, two = open_book(path), open_book(path)
    one.write(entry(1))
    two.write(entry(2))
    assert two.find(1) == entry(1)
    assert one.write(entry(2, minor=9)) == entry(2)
    assert [each.reference for each in one.entries()] == [1, 2]
    one.close()
    two.close()


def _write_many(path: Path, start: int) -> None:
    book = open_book(path)
    for reference in range(start, start + 500):
        book.write(entry(reference))
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_processes_share_it_and_their_death_loses_nothing(path: Path) -> None:
    writers = [FORK.Process(target=_write_many, args=(path, start)) for start in (1, 251, 501)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == -signal.SIGKILL
    book = open_book(path)
    assert sorted(each.reference for each in book.entries()) == list(range(1, 1001))
    book.close()


def test_half_a_line_is_taken_off(path: Path) -> None:
    book = open_book(path)
    book.write(entry(1))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"reference":2,"ki')
    book.write(entry(3))  # a writer that is open finds the half line of another
    assert [each.reference for each in book.entries()] == [1, 3]
    book.close()
    path.write_bytes(whole + b'{"ref')
    book = open_book(path)
    assert path.read_bytes() == whole + b'{"ref'  # who only reads leaves the file as it is
    assert [each.reference for each in book.entries()] == [1]
    book.write(entry(4))
    assert [each.reference for each in book.entries()] == [1, 4]
    book.close()


def test_half_a_line_is_taken_off_by_who_writes_alone(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'{"ref')
    book = open_book(path, alone=True)
    book.write(entry(1))
    book.write(entry(2))
    assert [each.reference for each in book.entries()] == [1, 2]
    book.close()


@pytest.mark.parametrize("text", ["root:x:0:0\n", "no line at all", "\n", '{"reference":1}\n'])
def test_another_file_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other"
    path.write_text(text)
    with pytest.raises(BookError):
        open_book(path)
    assert path.read_text() == text


def test_a_full_disk_books_nothing(path: Path) -> None:
    class Full(Memory):
        def append(self, line: bytes) -> None:
            if self.size():
                raise OSError(28, "No space left on device")
            super().append(line)

    book = Book(Full())
    book.write(entry(1))
    with pytest.raises(OSError, match="No space"):
        book.write(entry(2))
    assert book.find(2) is None
    assert not path.exists()


def test_a_closed_book_takes_nothing(path: Path) -> None:
    book = open_book(path)
    book.close()
    with pytest.raises(ValueError, match="file descriptor"):
        book.write(entry(1))


def test_only_the_owner_reads_it(path: Path) -> None:
    open_book(path).close()
    assert path.stat().st_mode & 0o077 == 0
