"""Orders paid in parts: one payment may be authorized while another is captured already.

Such an order stands as charged, so the index by standing does not find what waits in it. Each
attempt at one is noted beside the orders (its id, which is an instant, and its order's); a list of
what is authorized looks through the notes of the last days, which are few.
"""

from typing import Final

from counterfoil.core.keeping import Kept
from counterfoil.core.order import Order, Payment, id_at
from counterfoil.core.schedule import SECOND_US
from counterfoil.dialects.razorpay import facts
from counterfoil.dialects.razorpay.call import Call
from counterfoil.dialects.razorpay.queries import RUN

KIND: Final = "razorpay.part"
DAY_US: Final = 24 * 3600 * SECOND_US
DAYS: Final = 6  # no order lets a payment wait longer than five to be captured; a day to be paid


async def note(call: Call, order: Order, payment: Payment) -> None:
    """Note an attempt at an order that may be paid in parts, before it is made."""
    if facts.of_order(order).partial:
        kept = Kept(merchant=order.merchant, kind=KIND, id=payment.id, body=str(order.id))
        await call.gateway.store.keep(kept)


async def noted(call: Call) -> set[int]:
    """The orders of attempts that may be authorized still."""
    found: set[int] = set()
    own = call.merchant.authorization_days
    after = 0 if own == 0 else id_at(call.now - max(DAYS, own or 0) * DAY_US)
    store, merchant = call.gateway.store, call.merchant.id
    while rows := await store.every_kept(merchant, KIND, RUN, after=after):
        found.update(int(each.body) for each in rows)
        after = rows[-1].id
    return found
