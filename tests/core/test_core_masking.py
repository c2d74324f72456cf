"""A card number, check digits or a key leave the program by no door but `reveal`."""

import copy
import io
import json
import logging
import pickle
import pprint
import reprlib
import string
import traceback
from collections.abc import Callable

import msgspec
import pytest

from counterfoil.core.card import Cvv, Masked, Pan, Secret
from counterfoil.core.pan import describe, parse_pan
from counterfoil.core.ports import CardData
from counterfoil.core.record import Record

NUMBER = "4111111111111111"
DIGITS = "737"
WORD = "correct horse"
HIDDEN = [Pan(NUMBER), Cvv(DIGITS), Secret(WORD)]
PLAIN = (NUMBER, DIGITS, WORD)


class Envelope(Record):
    """A record with something secret in it."""

    secret: Masked


def carried() -> CardData:
    pan = Pan(NUMBER)
    return CardData(pan=pan, card=describe(pan, 7), cvv=Cvv(DIGITS))


@pytest.mark.parametrize("hidden", HIDDEN)
def test_the_plain_text_is_there_for_who_asks(hidden: Masked) -> None:
    assert hidden.reveal() in PLAIN


WRITERS: list[Callable[[object], str]] = [
    str,
    repr,
    ascii,
    format,
    reprlib.repr,
    pprint.pformat,
    lambda it: f"{it} {it!s} {it!r} {it!a} {it!s:>60}",
    lambda it: f"{it:>60} {it:.90}" if isinstance(it, Masked) else "",
    "{0} {0!r}".format,
    lambda it: "%s %r" % (it, it),  # noqa: UP031 (this door too)
    lambda it: string.Template("$it").substitute(it=it),
    lambda it: str([it, (it,), {it: it}]),
    lambda it: str(Envelope(secret=it)) if isinstance(it, Masked) else "",
    lambda it: json.dumps({"it": it}, default=str),
]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("hidden", [*HIDDEN, carried()])
def test_nothing_that_writes_shows_it(hidden: object, write: Callable[[object], str]) -> None:
    assert not any(plain in write(hidden) for plain in PLAIN)


def test_the_mask_is_the_same_whatever_the_length() -> None:
    assert str(Pan(NUMBER)) == "411111****1111"
    assert str(Pan("6759649826438453000")) == "675964****3000"
    assert repr(Pan(NUMBER)) == "<Pan 411111****1111>"
    assert repr(Cvv(DIGITS)) == "<Cvv ****>"
    assert repr(Secret(WORD)) == "<Secret ****>"


@pytest.mark.parametrize("hidden", [*HIDDEN, carried()])
def test_a_log_does_not_show_it(hidden: object) -> None:
    stream = io.StringIO()
    log = logging.Logger("masking")  # noqa: LOG001 (a logger of its own, so that nothing stays)
    log.addHandler(logging.StreamHandler(stream))
    log.warning("paid with %s, %r", hidden, hidden)
    log.warning(hidden)
    log.error("not paid", exc_info=ValueError(hidden))
    written = stream.getvalue()
    assert "not paid" in written
    assert not any(plain in written for plain in PLAIN)


@pytest.mark.parametrize("hidden", [*HIDDEN, carried()])
def test_a_traceback_with_its_variables_does_not_show_it(hidden: object) -> None:
    def fail(secret: object) -> None:
        again = [secret]
        raise RuntimeError(again)

    with pytest.raises(RuntimeError) as caught:
        fail(hidden)
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = told.stack[-1].locals  # of `fail`: another frame shows addresses, which may hold 737
    assert shown is not None
    assert set(shown) == {"secret", "again"}
    assert str(told) == shown["again"] == f"[{shown['secret']}]"
    assert not any(plain in each for plain in PLAIN for each in shown.values())


ENCODERS: list[Callable[[object], object]] = [
    msgspec.json.encode,
    msgspec.msgpack.encode,
    msgspec.to_builtins,
    json.dumps,
    pickle.dumps,
    copy.copy,
    copy.deepcopy,
]


@pytest.mark.parametrize("encode", ENCODERS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_encoders_refuse_it_without_a_word(
    hidden: Masked, encode: Callable[[object], object]
) -> None:
    with pytest.raises(TypeError) as caught:
        encode(hidden)
    assert not any(plain in str(caught.value) for plain in PLAIN)


@pytest.mark.parametrize("encode", [msgspec.json.encode, msgspec.msgpack.encode, pickle.dumps])
def test_encoders_refuse_a_record_that_holds_it(encode: Callable[[object], bytes]) -> None:
    with pytest.raises(TypeError):
        encode(carried())


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_protocol_pickles_it(protocol: int) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Pan(NUMBER), protocol)


def test_it_has_no_attributes_to_list() -> None:
    with pytest.raises(TypeError):
        vars(Pan(NUMBER))


def test_equal_only_to_the_same_of_its_kind() -> None:
    assert Pan(NUMBER) == parse_pan("4111 1111-1111 1111")
    assert Pan(NUMBER) != Pan("4012888888881881")
    assert Secret(NUMBER) != Pan(NUMBER)
    assert Pan(NUMBER) != NUMBER
    assert len({Pan(NUMBER), Pan(NUMBER), Secret(NUMBER)}) == 2
