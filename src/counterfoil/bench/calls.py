"""The calls that are measured, as one table: Bizon's with its smallest body, others' orders.

Source of the body: the Bizon document, "Authorize", example "only required fields provided", with a
card that has not expired.
"""

from enum import StrEnum
from typing import Final

from msgspec.structs import replace

from counterfoil.core.record import Record

LOGIN: Final = "project"
PASSWORD: Final = "password"  # noqa: S105 (the demo merchant's published credential)
KEY_ID: Final = "rzp_test_CounterfoilDem"
KEY_SECRET: Final = "counterfoil-demo-secret"  # noqa: S105 (the demo merchant's published key pair)
BODY: Final = (
    '{"amount":9.99,"card":{"cvv":"333","expiration_month":12,"expiration_year":2039,'
    '"holder":"John Smith"},"location":{"ip":"6.6.6.6"},"pan":"4111111111111111"}'
)
PAGE: Final = 100


class Uses(StrEnum):
    """Which order ids a call goes over."""

    NONE = "none"
    AUTHORIZED = "authorized"  # each once
    CHARGED = "charged"  # each once
    KNOWN = "known"  # a thousand, again and again


class Call(Record):
    """One row. `goal`: the least share of the floor's rate, in percent; None: reported only.

    `token`, where there is one, is sent instead of `login` and `password`.
    """

    name: str
    title: str
    method: str
    path: str
    uses: Uses = Uses.NONE
    body: str | None = None
    goal: int | None = None
    login: str = LOGIN
    password: str = PASSWORD
    token: str = ""
    accept: str | None = None


AUTHORIZE: Final = Call(
    name="authorize",
    title="authorize",
    method="POST",
    path="/orders/authorize",
    body=BODY,
    goal=40,
)
CHARGE: Final = Call(
    name="charge",
    title="charge",
    method="PUT",
    path="/orders/{id}/charge",
    uses=Uses.AUTHORIZED,
    goal=35,
)
REFUND: Final = Call(
    name="refund",
    title="refund",
    method="PUT",
    path="/orders/{id}/refund",
    uses=Uses.CHARGED,
    goal=35,
)
GET: Final = Call(
    name="get", title="get", method="GET", path="/orders/{id}", uses=Uses.KNOWN, goal=40
)
LIST: Final = Call(name="list", title="list page", method="GET", path=f"/orders/?per_page={PAGE}")
FILTER: Final = Call(
    name="filter",
    title="filtered page",
    method="GET",
    path=f"/orders/?status=authorized&card.type=visa&per_page={PAGE}",
)
CREATE: Final = Call(
    name="create",
    title="create (Razorpay)",
    method="POST",
    path="/v1/orders",
    body='{"amount":50000,"currency":"INR","receipt":"receipt#1"}',
    goal=45,
    login=KEY_ID,
    password=KEY_SECRET,
)
SIGNED: Final = Call(
    name="signed",
    title="order, signed (PayFunc)",
    method="POST",
    path="/order",
    body='{"number":"A-17","items":7.42,"currency":"USD",'
    '"payment":{"type":"card","card":"{card}"}}',
    goal=25,
)
ORDER: Final = replace(
    SIGNED,
    name="order",
    title="order, JSON (PayFunc)",
    path="/order/",  # to the product the same; to the floor, what it is to answer
    goal=35,
    accept="application/json",
)
CALLS: Final = (AUTHORIZE, CREATE, SIGNED, ORDER, CHARGE, REFUND, GET, LIST, FILTER)
