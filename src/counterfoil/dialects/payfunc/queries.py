"""Lists: the orders of a merchant or an account, and those that are yet to be paid."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from counterfoil.core.accounts import Account
from counterfoil.core.order import Order, id_at
from counterfoil.core.ports import ID_MAX, OrderQuery
from counterfoil.dialects.payfunc.call import Call
from counterfoil.dialects.payfunc.errors import bad_query, not_found
from counterfoil.dialects.payfunc.verifying import hidden

PAGE: Final = 250  # orders in an answer: the wire has no pages
WALKED_MAX: Final = 2500  # orders looked at for those of one account
DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)


async def orders(call: Call) -> list[Order]:
    """The newest orders that the caller may see, made from `start` to `end`; raises `Failure`."""
    start, end = _day(call, "start"), _day(call, "end")
    first = 0 if start is None else id_at(_instant(start))
    last = ID_MAX if end is None else id_at(_instant(end + DAY)) - 1
    found: list[Order] = []
    before, walked = ID_MAX, 0
    while len(found) < PAGE and walked < WALKED_MAX and first <= last:
        query = OrderQuery(
            merchant=call.merchant, limit=PAGE, first=max(first, 0), last=last, before=before
        )
        run = await call.desk.gateway.store.orders(query)
        found += [order for order in run if call.sees(order) and not hidden(order)]
        walked += len(run)
        if len(run) < PAGE:
            break
        before = run[-1].id
    return found[:PAGE]


def _day(call: Call, name: str) -> datetime | None:
    text = call.exchange.query.get(name)
    if text is None:
        return None
    if DATE.fullmatch(text):
        try:
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError:
            pass
    raise bad_query(name, "isoly.Date", "A date such as 2021-06-14.")


def _instant(day: datetime) -> int:
    return (day - EPOCH) // timedelta(microseconds=1)


async def unpaid(call: Call) -> list[tuple[Account, int]]:
    """The orders that the caller's accounts owe, each with its account, oldest first."""
    accounts: Iterable[Account]
    if call.caller.private:
        accounts = await call.desk.accounts.every(call.merchant)
    else:
        own = await call.desk.accounts.find(call.merchant, call.caller.account or 0)
        if own is None:
            raise not_found()
        accounts = [own]
    owed = [(account, each.order) for account in accounts for each in account.unpaid]
    return sorted(owed, key=lambda pair: pair[1])
