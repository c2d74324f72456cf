"""What pages show, as values: a page is rendered from one of these and from nothing else.

Card numbers and check digits have no place here: a page cannot give them back.
"""

from enum import StrEnum
from typing import Final

from counterfoil.core.money import Money
from counterfoil.core.record import Record

LAYOUTS: Final = ("stub", "column", "bare")  # by the number an order's `template` gives, from 1


class Field(StrEnum):
    """The inputs of forms, by their names in the request; the first five are a card's."""

    PAN = "pan"
    HOLDER = "holder"
    MONTH = "expiration_month"
    YEAR = "expiration_year"
    CVV = "cvv"
    VPA = "vpa"
    EMAIL = "email"
    CONTACT = "contact"


CARD: Final = (Field.PAN, Field.HOLDER, Field.MONTH, Field.YEAR, Field.CVV)


class Look(Record):
    """What every page shows: for whom, how much, in which language and layout.

    `here` is the page's own path, `order` the number a customer can name, `test` whether no money
    moves. A page that belongs to no order has `merchant` None.
    """

    language: str = "en"
    here: str = ""
    merchant: str | None = None
    amount: Money | None = None
    description: str | None = None
    order: str | None = None
    layout: str = LAYOUTS[0]
    mobile: bool = False
    test: bool = False
    return_url: str | None = None


class Flaw(Record):
    """What is wrong with an input: a message's name."""

    field: Field
    message: str


class Typed(Record):
    """What may be shown again of what was typed."""

    holder: str = ""
    month: str = ""
    year: str = ""
    way: str = ""
    bank: str = ""
    purse: str = ""
    vpa: str = ""
    email: str = ""
    contact: str = ""


class CardForm(Record):
    """The page that asks for a card.

    `name` and `key` are the form's own (`engine/pages.py`); `expires` an instant, shown in `zone`.
    `notice` is a message's name: what came of the attempt before.
    """

    look: Look
    name: str
    key: str
    typed: Typed = Typed()
    flaws: tuple[Flaw, ...] = ()
    notice: str | None = None
    expires: int | None = None
    zone: str = "UTC"
    cvv_required: bool = True
    holder_required: bool = True
    wallets: tuple[str, ...] = ()

    def flaw(self, field: Field) -> str | None:
        """What is wrong with an input."""
        return next((flaw.message for flaw in self.flaws if flaw.field is field), None)

    def first(self, field: Field) -> bool:
        """Whether it is the first input with something wrong: there the cursor goes."""
        wrong = {flaw.field for flaw in self.flaws}
        return next((each for each in Field if each in wrong), None) is field


class Choice(CardForm, kw_only=True):
    """The page on which a payer chooses a way to pay; `ways` are the wire's words for them.

    Its form goes to `action`, with the fields in `kept`; so does, to `again`, the choice of another
    language. `banks` and `purses` (wallets) are
    codes and names. `cancel` is where a payer
    goes who does not want to pay.
    """

    action: str
    again: str
    kept: tuple[tuple[str, str], ...] = ()
    ways: tuple[str, ...]
    banks: tuple[tuple[str, str], ...] = ()
    purses: tuple[tuple[str, str], ...] = ()
    cancel: str | None = None


class News(StrEnum):
    """What a page without a form tells."""

    PAID = "paid"
    DECLINED = "declined"
    FAILED = "failed"
    CLOSED = "closed"
    WAITING = "waiting"
    EXPIRED = "expired"
    MISSING = "missing"
    OUTDATED = "outdated"
    UNUSABLE = "unusable"
    TROUBLE = "trouble"


class Onward(Record):
    """A form of hidden fields that is posted to a shop."""

    action: str
    fields: tuple[tuple[str, str], ...]


class Message(Record):
    """A page that tells something; `back` is where the customer may go from there.

    `onward`: it takes the outcome to the shop by itself. `outcome` is JSON for the page around the
    frame, or the one that opened this. `detail` is for the shop's engineer, in English.
    """

    look: Look
    news: News
    back: str | None = None
    onward: Onward | None = None
    outcome: str | None = None
    detail: str | None = None


class Decision(Record):
    """The test bank's page for what is no card: the payer says how it ends.

    `account` is what is paid with.
    """

    look: Look
    action: str
    account: str


class Detour(Record):
    """A page that sends the browser on with a form: to the card's issuer."""

    look: Look
    action: str
    method: str
    fields: tuple[tuple[str, str], ...]
