"""3-D Secure: what the issuer may say of who is at the card, and what that means for a payment.

An authentication belongs to a payment and comes before its authorization: no money moves until it
has passed. The result counts by what the issuer's own side delivered (PaRes signed, RReq), never by
what a browser says it was. Instants are microseconds since 1970 UTC.
Source: EMV 3-D Secure 2.2.0, transStatus and ECI; 3-D Secure 1.0.2, PARes.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from counterfoil.core.card import Brand
from counterfoil.core.record import Record


class Version(StrEnum):
    """A version of the protocol, as its messages name it."""

    ONE = "1.0.2"
    TWO_1 = "2.1.0"
    TWO_2 = "2.2.0"

    @property
    def first(self) -> bool:
        """Whether it is the one with PaReq and PaRes."""
        return self is Version.ONE


class Status(StrEnum):
    """What an issuer says (transStatus); the letter is the one on the wire."""

    AUTHENTICATED = "Y"
    ATTEMPTED = "A"
    CHALLENGE = "C"
    DECOUPLED = "D"
    DENIED = "N"
    REJECTED = "R"
    UNAVAILABLE = "U"
    INFORMED = "I"


class Meaning(StrEnum):
    """What a payment may do on it."""

    GO_ON = "go_on"  # authorize, with the proof
    WAIT = "wait"  # the cardholder is asked
    STOP = "stop"  # nothing is sent to the acquirer
    DOUBT = "doubt"  # authorize without proof, only where the merchant bears that risk


MEANINGS: Final[Mapping[Status, Meaning]] = {
    Status.AUTHENTICATED: Meaning.GO_ON,
    Status.ATTEMPTED: Meaning.GO_ON,
    Status.CHALLENGE: Meaning.WAIT,
    Status.DECOUPLED: Meaning.WAIT,
    Status.DENIED: Meaning.STOP,
    Status.REJECTED: Meaning.STOP,
    Status.UNAVAILABLE: Meaning.DOUBT,
    Status.INFORMED: Meaning.DOUBT,
}


class Liability(StrEnum):
    """Who bears the loss where the cardholder denies the payment."""

    ISSUER = "issuer"
    MERCHANT = "merchant"


class Levels(NamedTuple):
    """A scheme's ECI where the holder was authenticated, where that was attempted, and else."""

    full: str
    attempt: str
    none: str


COMMON: Final = Levels("05", "06", "07")
LEVELS: Final[Mapping[Brand, Levels]] = {
    Brand.MASTERCARD: Levels("02", "01", "00"),
    Brand.MAESTRO: Levels("02", "01", "00"),
}


def eci(brand: Brand, status: Status | None) -> str:
    """The electronic commerce indicator, two digits: Visa's pattern where a scheme has no other.

    Source: the schemes' public implementation guides.
    """
    levels = LEVELS.get(brand, COMMON)
    match status:
        case Status.AUTHENTICATED:
            return levels.full
        case Status.ATTEMPTED:
            return levels.attempt
        case _:
            return levels.none


def liability(status: Status | None) -> Liability:
    """Who bears the loss, as a rule of all schemes; what a contract says may differ."""
    passed = status is not None and MEANINGS[status] is Meaning.GO_ON
    return Liability.ISSUER if passed else Liability.MERCHANT


class Browser(Record):
    """The cardholder's browser, as its own page described it; needed for version 2."""

    accept: str
    language: str
    user_agent: str
    ip: str | None = None
    java: bool = False
    javascript: bool = True
    color_depth: int = 24
    height: int = 0
    width: int = 0
    timezone: int = 0  # minutes from local time to UTC, as JavaScript's getTimezoneOffset


class Demand(Record):
    """That a payment be authenticated, and why (the wire's word).

    `base` is the public address of our own pages, without a slash at its end. `notify_url` gets the
    browser with a CRes instead of them; `return_url` gets it in the end. `guided`: our own pages
    lead the browser, so they go on by themselves after the method step. `attempt`: the order may be
    paid by another payment too, so where this one fails it fails alone.
    """

    reason: str
    base: str
    browser: Browser | None = None
    return_url: str | None = None
    notify_url: str | None = None
    guided: bool = False
    attempt: bool = False


class Form(Record):
    """What the cardholder's browser is to submit, and where; fields by name."""

    url: str
    method: str
    fields: tuple[tuple[str, str], ...]


class Result(Record):
    """What the issuer's side said. `value` is the proof (CAVV, AAV), base64 of 20 bytes.

    `transaction` is the XID, or the directory server's transaction id of version 2. `status` None:
    the card takes no part in 3-D Secure. `why` is the issuer's transStatusReason.
    """

    status: Status | None
    eci: str | None = None
    value: str | None = None
    transaction: str | None = None
    why: str | None = None


class Step(StrEnum):
    """How far an authentication is."""

    METHOD = "method"  # the browser shows itself to the issuer; then it is resumed
    CHALLENGE = "challenge"  # the cardholder is being asked
    READY = "ready"  # the result is on file; whoever completes acts on it
    PASSED = "passed"
    FAILED = "failed"


class Authentication(Record):
    """An authentication of a payment. `transaction` is ours: XID, or threeDSServerTransID.

    `form` is what the browser submits next, or submitted last; `method` what it submitted before
    it was `resumed`. `acs` and `directory` are the ids of version 2 that the others gave.
    `at_once`: the payment is charged once authorized. `attempt`: as demanded.
    """

    version: Version
    reason: str
    step: Step
    transaction: str
    begun: int
    changed: int
    expires: int
    base: str
    at_once: bool = False
    browser: Browser | None = None
    return_url: str | None = None
    notify_url: str | None = None
    form: Form | None = None
    method: Form | None = None
    resumed: int | None = None
    guided: bool = False
    attempt: bool = False
    seen: bool = False  # the issuer's method page reported back
    acs: str | None = None
    directory: str | None = None
    result: Result | None = None

    @property
    def waits(self) -> bool:
        """Whether the cardholder, or somebody who completes, is still to come."""
        return self.step in {Step.METHOD, Step.CHALLENGE, Step.READY}


def passes(result: Result, *, unproved: bool) -> bool:
    """Whether a payment goes on with this result; `unproved`: the merchant bears the risk."""
    meaning = Meaning.DOUBT if result.status is None else MEANINGS[result.status]
    return meaning is Meaning.GO_ON or (unproved and meaning is Meaning.DOUBT)
