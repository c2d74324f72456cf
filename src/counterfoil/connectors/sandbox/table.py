"""The published table of the test bank: which card does what, on which operation, on which wire.

A row that names no card is the last: every other card is approved. Beside the cards that the wires'
own documents publish there is one family of numbers that works on every wire:

    4000 0009 BK0C CCCL

B  what happens: 0 the answer is the response code, else a behaviour (see BEHAVIOUR_DIGITS);
K  the operation that it happens to, all others are approved (see KIND_DIGITS);
C  the response code (`core/declines.py`), each of its two characters as two digits: 0 to 9 are 00
   to 09, A to Z are 10 to 35; four zeros where B is not 0;
L  the check digit.

Another family chooses what the card's issuer does where 3-D Secure is demanded, S as in ISSUERS:

    4000 0008 SSA0 000L

with A 0; with A 1 the issuer demands it, and declines an authorization without it (1A).
So `51` on authorize is 4000 0009 0100 5019, and no amount of an order can hit a row by accident.
What a card does to a later operation holds for every operation that goes back to its authorization,
although only the authorization shows the card. Source of the Bizon rows: spec of that wire, demo
data; the codes are ISO 8583 DE 39.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from counterfoil.connectors import Behaviour
from counterfoil.connectors.sandbox.numbers import check_digit
from counterfoil.core.declines import BY_CODE, REASONS, Decline
from counterfoil.core.minor import digits, major
from counterfoil.core.money import Money
from counterfoil.core.order import Kind
from counterfoil.core.record import Record

APPROVED_CARD: Final = "4111111111111111"
TEST_BIN: Final = "40000009"
BASE_36: Final = 36  # A is 10, Z is 35
WITH_CARD: Final = frozenset({Kind.AUTHORIZE, Kind.CREDIT})
EVERY_WIRE: Final[frozenset[str]] = frozenset()
BIZON: Final = frozenset({"bizon"})
RAZORPAY: Final = frozenset({"razorpay"})
REFUSING_VPA: Final = "failure@razorpay"
PAYFUNC: Final = frozenset({"payfunc"})

BEHAVIOUR_DIGITS: Final[Mapping[Behaviour, int]] = {
    Behaviour.DECLINE: 0,
    Behaviour.TIMEOUT_BEFORE: 1,
    Behaviour.TIMEOUT_AFTER: 2,
    Behaviour.LATE: 3,
    Behaviour.DUPLICATE: 4,
    Behaviour.WRONG_ECHO: 5,
}
KIND_DIGITS: Final[Mapping[Kind, int]] = {
    Kind.AUTHORIZE: 1,
    Kind.CHARGE: 2,
    Kind.REVERSE: 3,
    Kind.REFUND: 4,
    Kind.CREDIT: 5,
}


class Authentication(StrEnum):
    """How the card's issuer authenticates its holder by 3-D Secure, where that is demanded."""

    CHALLENGE = "challenge"
    FRICTIONLESS = "frictionless"
    METHOD = "method, then frictionless"
    METHOD_CHALLENGE = "method, then challenge"
    ATTEMPT = "attempt"
    DENIED = "denied"
    REJECTED = "rejected"
    UNAVAILABLE = "unavailable"
    NOT_ENROLLED = "not enrolled"
    LOST = "challenge, result lost"
    GARBLED = "challenge, answer garbled"
    SILENT = "no answer"


# What happens with the browser's data (version 2), and without (version 1: at the bank's page the
# cardholder approves, which means authenticated unless something else is said, or declines).
ISSUERS: Final[Mapping[Authentication, tuple[str, str]]] = {
    Authentication.CHALLENGE: ("the cardholder is asked", "the bank's page"),
    Authentication.FRICTIONLESS: ("authenticated at once (Y)", "the bank's page"),
    Authentication.METHOD: ("after the method step authenticated (Y)", "the bank's page"),
    Authentication.METHOD_CHALLENGE: (
        "after the method step the cardholder is asked",
        "the bank's page",
    ),
    Authentication.ATTEMPT: ("attempted at once (A)", "approved means attempted (A)"),
    Authentication.DENIED: ("denied at once (N)", "the bank's page"),
    Authentication.REJECTED: ("rejected at once (R)", "the bank's page"),
    Authentication.UNAVAILABLE: ("could not at once (U)", "approved means could not (U)"),
    Authentication.NOT_ENROLLED: ("takes no part", "takes no part"),
    Authentication.LOST: ("the cardholder is asked, the result never arrives", "the bank's page"),
    Authentication.GARBLED: ("the cardholder is asked, and brings back no CRes", "no PaRes comes"),
    Authentication.SILENT: ("the directory never answers", "the directory never answers"),
}
ISSUER_BIN: Final = "40000008"


class Row(Record):
    """One row: the card (None: any other), and what happens to operations of the kinds in `on`.

    `wires` empty means every wire. `name` is what the book keeps so that later operations find the
    row again; it is no card number. With a `cvv` other check digits are declined; `by_amount`: the
    amounts in AMOUNTS are. `asks`: without proof of who is there it is declined for want of it.
    """

    card: str | None
    behaviour: Behaviour
    on: frozenset[Kind]
    wires: frozenset[str] = EVERY_WIRE
    decline: Decline | None = None
    authentication: Authentication = Authentication.CHALLENGE
    name: str | None = None
    cvv: str | None = None
    by_amount: bool = False
    asks: bool = False


def number(behaviour: Behaviour, on: Kind, code: str = "00") -> str:
    """The card of that behaviour, operation and response code; the formula is above."""
    digits = "".join(f"{int(character, BASE_36):02d}" for character in code)
    body = f"{TEST_BIN}{BEHAVIOUR_DIGITS[behaviour]}{KIND_DIGITS[on]}0{digits}"
    return body + check_digit(body)


def card_authenticated(how: Authentication, *, asks: bool = False) -> str:
    """The card whose issuer authenticates its holder like that; `asks`: and demands it."""
    body = f"{ISSUER_BIN}{list(ISSUERS).index(how):02d}{int(asks)}0000"
    return body + check_digit(body)


def card_for(decline: Decline, on: Kind = Kind.AUTHORIZE) -> str:
    """The card whose operations of that kind are declined for that reason.

    Raises `ValueError` for NOT_SENT and NOT_RECEIVED, which no bank says, and for a dispute or a
    recovery, which no bank is asked.
    """
    code = REASONS[decline].code
    if BY_CODE[code] is not decline or on not in KIND_DIGITS:
        raise ValueError(f"no card says {decline} to {on}")
    return number(Behaviour.DECLINE, on, code)


def card_doing(behaviour: Behaviour, on: Kind = Kind.AUTHORIZE) -> str:
    """The card whose operations of that kind meet that behaviour.

    Raises `ValueError` for DECLINE (`card_for` has it) and for kinds that no bank is asked.
    """
    if behaviour is Behaviour.APPROVE:
        return APPROVED_CARD
    if behaviour is Behaviour.DECLINE or on not in KIND_DIGITS:
        raise ValueError(f"no card does {behaviour} to {on}")
    return number(behaviour, on)


def _demo(
    card: str,
    decline: Decline | None = None,
    authentication: Authentication = Authentication.CHALLENGE,
    *,
    wires: frozenset[str] = BIZON,
) -> Row:
    return Row(
        card=card,
        behaviour=Behaviour.DECLINE if decline else Behaviour.APPROVE,
        on=WITH_CARD,
        wires=wires,
        decline=decline,
        authentication=authentication,
    )


def _payfunc(card: str, *, by_amount: bool = False, asks: bool = False) -> Row:
    return Row(
        card=card,
        behaviour=Behaviour.APPROVE,
        on=WITH_CARD,
        wires=PAYFUNC,
        cvv="987",
        by_amount=by_amount,
        asks=asks,
    )


def _asking(how: Authentication) -> Row:
    return Row(
        card=card_authenticated(how, asks=True),
        behaviour=Behaviour.APPROVE,
        on=WITH_CARD,
        authentication=how,
        asks=True,
    )


def _declining(decline: Decline, on: Kind) -> Row:
    return Row(
        card=card_for(decline, on),
        behaviour=Behaviour.DECLINE,
        on=frozenset({on}),
        decline=decline,
        name=f"{on}.{REASONS[decline].code}",
    )


def _behaving(behaviour: Behaviour, on: Kind) -> Row:
    return Row(
        card=card_doing(behaviour, on),
        behaviour=behaviour,
        on=frozenset({on}),
        name=f"{on}.{behaviour}",
    )


MISBEHAVIOURS: Final = tuple(each for each in BEHAVIOUR_DIGITS if each is not Behaviour.DECLINE)
# Source: the Razorpay documentation, "Test Card Details" and "Error Scenario Test Cards". What they
# do is decided on that wire's own test page, so their issuer takes no part in 3-D Secure.
INDIAN: Final[tuple[tuple[str, Decline | None], ...]] = (
    ("4100280000001007", None),
    ("5500670000001002", None),
    ("6527658900001005", None),
    ("36082800091007", None),
    ("340256000401007", None),
    ("4100280000090000", Decline.RESPONSE_TOO_LATE),
    ("4100280000080001", Decline.INSUFFICIENT_FUNDS),
    ("4100280000070002", Decline.CUSTOMER_CANCELLATION),
    ("4100280000060003", Decline.DO_NOT_HONOR),
    ("4100280000050004", Decline.DO_NOT_HONOR),
    ("4100280000040005", Decline.DO_NOT_HONOR),
    ("4100280000030006", Decline.NOT_PERMITTED_TO_CARDHOLDER),
    ("4100280000020007", Decline.SYSTEM_MALFUNCTION),
    ("4100280000010008", Decline.INVALID_CARD_NUMBER),
    ("4100280000000009", Decline.CARD_AUTHENTICATION_FAILED),
)
REFUSED_UPI: Final = Row(
    card=None,
    behaviour=Behaviour.DECLINE,
    on=frozenset({Kind.AUTHORIZE}),
    decline=Decline.DO_NOT_HONOR,
)
# Who pays by invoice has no card: the first word of the name says what the risk check answers. Any
# row's name does what that row does. Source: AfterPay's sandbox, specification section 5.3.
CUSTOMERS: Final[Mapping[str, Decline]] = {
    "Reject": Decline.DO_NOT_HONOR,
    "Underage": Decline.NOT_PERMITTED_TO_CARDHOLDER,
    "ChargebackPresent": Decline.SUSPECTED_FRAUD,
    "StrongCustomerAuthentication": Decline.AUTHENTICATION_REQUIRED,
}
LIMIT_DIGITS_MAX: Final = 9
# Minor units of any currency with two decimals, on the cards that say so. Source: the PayFunc
# developer pages; what its words for a refusal are is that wire's own table.
AMOUNTS: Final[Mapping[int, Decline]] = {
    13_11: Decline.INVALID_CARD_NUMBER,
    400_00: Decline.FORMAT_ERROR,
    401_11: Decline.NO_SUCH_ISSUER,
    401_40: Decline.INVALID_AMOUNT,
    401_50: Decline.INVALID_MERCHANT,
    401_90: Decline.INVALID_TRANSACTION,
    402_00: Decline.POLICY,
    403_00: Decline.CARD_AUTHENTICATION_FAILED,
    403_10: Decline.CARDHOLDER_ID_FAILED,
    404_10: Decline.DO_NOT_HONOR,
    404_13: Decline.INSUFFICIENT_FUNDS,
    404_14: Decline.SUSPECTED_FRAUD,
    404_15: Decline.EXCEEDS_AMOUNT_LIMIT,
    404_20: Decline.STOP_ALL_MANDATES,
}
DEFAULT: Final = Row(card=None, behaviour=Behaviour.APPROVE, on=frozenset(Kind))
ROWS: Final[tuple[Row, ...]] = (
    _demo(APPROVED_CARD),
    _demo("5555555555554444", authentication=Authentication.FRICTIONLESS),
    _demo("5100330000070101"),
    _demo("2201380000040013", authentication=Authentication.METHOD),
    _demo("4000000000000002", Decline.DO_NOT_HONOR),
    _demo("4000000000009995", Decline.INSUFFICIENT_FUNDS),
    _demo("4100000000000019", Decline.SUSPECTED_FRAUD),
    _demo("4000000000000119", Decline.SYSTEM_MALFUNCTION),
    *(_demo(card, what, Authentication.NOT_ENROLLED, wires=RAZORPAY) for card, what in INDIAN),
    _payfunc("5500000000000004"),
    _payfunc("2221000000000009", by_amount=True),
    _payfunc("4200000000000000", by_amount=True, asks=True),
    _payfunc("5555550000004444", by_amount=True, asks=True),
    *(_asking(how) for how in ISSUERS),
    *(_behaving(behaviour, kind) for behaviour in MISBEHAVIOURS for kind in KIND_DIGITS),
    *(_declining(decline, kind) for decline in BY_CODE.values() for kind in KIND_DIGITS),
    DEFAULT,
)
BY_CARD: Final[Mapping[str, Row]] = {row.card: row for row in ROWS if row.card is not None}
AUTHENTICATIONS: Final[Mapping[str, Authentication]] = {
    **{card: row.authentication for card, row in BY_CARD.items()},
    **{card_authenticated(how): how for how in ISSUERS},
}
BY_NAME: Final[Mapping[str, Row]] = {row.name: row for row in ROWS if row.name is not None}


def customer_row(name: str, amount: Money, *, proved: bool) -> Row:
    """What an authorization of that amount by invoice meets; `proved`: who it is has been proved.

    A whole number as first name is the most, in major units, that this customer may owe.
    """
    first = name.partition(" ")[0]
    if first.isascii() and first.isdigit() and len(first) <= LIMIT_DIGITS_MAX:
        most = int(first) * 10 ** digits(amount.currency)
        return _refusing(Decline.EXCEEDS_AMOUNT_LIMIT) if amount.minor > most else DEFAULT
    decline = CUSTOMERS.get(first)
    if decline is None or (decline is Decline.AUTHENTICATION_REQUIRED and proved):
        return BY_NAME.get(first, DEFAULT)
    return _refusing(decline)


def _refusing(decline: Decline) -> Row:
    return Row(
        card=None,
        behaviour=Behaviour.DECLINE,
        on=frozenset({Kind.AUTHORIZE}),
        decline=decline,
    )


MEANINGS: Final[Mapping[Behaviour, str]] = {
    Behaviour.TIMEOUT_BEFORE: "never booked, never answered",
    Behaviour.TIMEOUT_AFTER: "booked as approved, never answered",
    Behaviour.LATE: "booked as approved; the answer comes by itself after `late_ms`",
    Behaviour.DUPLICATE: "approved; the same answer comes by itself once more",
    Behaviour.WRONG_ECHO: "approved with one minor unit too many; nothing is booked",
}


def markdown() -> str:
    """All rows: published cards, then behaviours and declines with a card for each operation."""
    published = [_published(row) for row in ROWS if row.wires] + [_published(DEFAULT)]
    behaviours = [
        [f"`{each}`", MEANINGS[each], *(card_doing(each, kind) for kind in KIND_DIGITS)]
        for each in MISBEHAVIOURS
    ]
    declines = [
        [code, REASONS[decline].text, *(card_for(decline, kind) for kind in KIND_DIGITS)]
        for code, decline in sorted(BY_CODE.items())
    ]
    kinds = [kind.value for kind in KIND_DIGITS]
    issuers = [
        [card_authenticated(how), card_authenticated(how, asks=True), how.value, *said]
        for how, said in ISSUERS.items()
    ]
    return "\n\n".join(
        (
            "### Published cards",
            _grid(["card", "wires", "operations", "answer", "3-D Secure"], published),
            "### How issuers authenticate, where 3-D Secure is demanded",
            _grid(
                ["card", "demanding", "3-D Secure", "with the browser's data", "without"],
                issuers,
            ),
            "### Customers who pay by invoice, by their first name",
            _grid(["first name", "wires", "answer"], _customers()),
            "### Amounts, of two decimals, on the cards of the PayFunc wire but the first",
            _grid(
                ["amount", "answer"],
                [[major(minor, 2), _answer(decline)] for minor, decline in AMOUNTS.items()],
            ),
            "### Behaviours, by the operation they happen to",
            _grid(["behaviour", "what happens", *kinds], behaviours),
            "### Declines, by the operation that is declined",
            _grid(["code", "text", *kinds], declines),
        )
    )


def _customers() -> list[list[str]]:
    rows = [[name, "afterpay", _answer(decline)] for name, decline in CUSTOMERS.items()]
    limit = ["a whole number", "afterpay", f"{_answer(Decline.EXCEEDS_AMOUNT_LIMIT)}, above it"]
    named = ["`charge.late`, `refund.05`", "every", "what the cards of those rows below meet"]
    return [*rows, limit, named, ["any other", "every", _answer(None)]]


def _published(row: Row) -> list[str]:
    return [
        row.card or "any other",
        ", ".join(sorted(row.wires)) or "every",
        "every" if row is DEFAULT else ", ".join(sorted(row.on)),
        _answer(row.decline),
        row.authentication.value,
    ]


def _answer(decline: Decline | None) -> str:
    if decline is None:
        return "00 Approved"
    return f"{REASONS[decline].code} {REASONS[decline].text}"


def _grid(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
