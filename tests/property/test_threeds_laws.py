"""3-D Secure whatever the input: what is written is read, what was changed is not believed."""

import asyncio
import base64
import zlib
from contextlib import suppress
from typing import Final

from hypothesis import assume, given
from hypothesis import strategies as st
from tests.engine.issuers import (
    FIRST,
    SECOND,
    Secured,
    authorizations,
    fields_of,
    secured,
    state_of,
)
from tests.threeds.test_messages import members

from counterfoil.core.bank import BadQuestionError, Choice
from counterfoil.core.errors import Code, Refused
from counterfoil.core.order import Order
from counterfoil.core.rules import Standing, standing
from counterfoil.engine import session
from counterfoil.testing import MemoryVault
from counterfoil.threeds import messages, payer
from counterfoil.threeds.messages import Kind, MessageError

TEXTS: Final = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=60
)
NUMBERS: Final = st.integers(0, 2**63 - 1)
VAULT: Final = MemoryVault()


def fault(text: bytes, *kinds: Kind) -> str | None:
    """The code of the error by which a text is refused; None: it is a message."""
    try:
        messages.decode(text, *kinds)
    except MessageError as error:
        return error.code
    return None


@given(st.binary(max_size=300))
def test_what_a_form_carries_comes_back(text: bytes) -> None:
    assert messages.from_browser(messages.to_browser(text)) == text
    assert messages.from_browser(base64.b64encode(text).decode()) == text


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (messages.from_browser, payer.unpack):
        with suppress(MessageError, payer.PayerError):
            read(text)
    assert fault(text.encode("utf-8", "replace"), *Kind) in {None, *messages.DESCRIPTIONS}


@given(st.sampled_from(list(Kind)), st.data())
def test_a_message_survives_its_own_bytes_only(kind: Kind, data: st.DataObject) -> None:
    written = messages.encode(kind, members(kind))
    at = data.draw(st.integers(0, len(written) - 1))
    changed = bytearray(written)
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    code = fault(bytes(changed), kind)
    assert code in {None, *messages.DESCRIPTIONS}
    if code is None:
        _, read = messages.decode(bytes(changed), kind)
        assert messages.decode(messages.encode(kind, read), kind) == (kind, read)


@given(TEXTS, TEXTS)
def test_a_pareq_says_what_was_put_in(name: str, xid: str) -> None:
    found = payer.read_request(payer.request({"Merchant": {"name": name}, "xid": xid}))
    assert (found["Merchant/name"], found["xid"]) == (name, xid)


@given(NUMBERS, NUMBERS)
def test_a_token_comes_back_as_what_it_names(merchant: int, order: int) -> None:
    token = session.token(VAULT, "purpose", session.Place(merchant, order))
    assert session.read(VAULT, "purpose", token) == (merchant, order)


@given(NUMBERS, NUMBERS, st.integers(0, 59), st.characters(codec="ascii"))
def test_a_changed_token_names_nothing(merchant: int, order: int, at: int, other: str) -> None:
    token = session.token(VAULT, "purpose", session.Place(merchant, order))
    changed = token[: at % len(token)] + other + token[at % len(token) + 1 :]
    assume(changed != token)
    assert session.read(VAULT, "purpose", changed) is None


@given(st.text(max_size=80))
def test_no_text_is_a_token(text: str) -> None:
    assert session.read(VAULT, "purpose", text) is None


async def changed_answer(first: bool, at: int, bit: int) -> None:
    """Complete with an answer of which one bit is turned over; then with the right one."""
    desk = await secured()
    order = (await desk.begin(FIRST if first else SECOND)).order
    right = await desk.visit(order)
    wrong = flipped(right, at, bit)
    if wrong is not None:
        await refused(desk, order, wrong, first=first)
    done = await desk.complete(order, right) if wrong is None or first else None
    if done is not None:
        assert standing(done.order) is Standing.AUTHORIZED


async def refused(desk: Secured, order: Order, wrong: str, *, first: bool) -> None:
    """A changed PaRes is refused; a changed CRes too, unless nothing that counts was changed."""
    code = None
    try:
        await desk.complete(order, wrong)
    except Refused as refusal:
        code = refusal.code
    assert code in {Code.BAD_PAYER_ANSWER if first else Code.BAD_CHALLENGE_ANSWER, None}
    assert code is not None or not first
    assert len(authorizations(desk)) == (code is None)  # by the result on file


def flipped(text: str, at: int, bit: int) -> str | None:
    """The text with one bit of what it carries turned over; None where that changes nothing."""
    right = messages.from_browser(text)
    raw = bytearray(right)
    raw[at % len(raw)] ^= 1 << bit
    if inflated(bytes(raw)) == inflated(right):  # between two parts of a stream are bits unused
        return None
    return base64.b64encode(bytes(raw)).decode()


def inflated(raw: bytes) -> bytes:
    """What is in it, where it is compressed."""
    try:
        return zlib.decompress(raw)
    except zlib.error:
        return raw


@given(st.booleans(), st.integers(0, 2000), st.integers(0, 7))
def test_a_changed_answer_is_not_believed(first: bool, at: int, bit: int) -> None:
    asyncio.run(changed_answer(first, at, bit))


async def changed_question(at: int, bit: int) -> None:
    """The bank asks nothing about a CReq or an address that was changed."""
    desk = await secured()
    order = (await desk.begin(SECOND)).order
    creq, state = fields_of(order)["creq"], state_of(order)
    turned = bytearray(state.encode())
    turned[at % len(turned)] ^= 1 << bit
    for wrong in ((creq, turned.decode("latin-1")), (flipped(creq, at, bit) or "", state)):
        try:
            question = desk.bank.challenge(*wrong)
        except BadQuestionError:
            continue
        assert question == desk.bank.challenge(creq, state)  # nothing that counts was changed
    await desk.bank.challenge_answer(state, Choice.APPROVE)


@given(st.integers(0, 2000), st.integers(0, 7))
def test_a_changed_question_is_not_asked(at: int, bit: int) -> None:
    asyncio.run(changed_question(at, bit))
