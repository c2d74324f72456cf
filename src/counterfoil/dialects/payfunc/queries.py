"""Lists: the orders of a merchant or an account, and those that are yet to be paid."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

from counterfoil.core.accounts import Account
from counterfoil.core.order import Order, id_at
from counterfoil.core.ports import ID_MAX, OrderQuery
from counterfoil.dialects.payfunc.call import Call
from counterfoil.dialects.payfunc.errors import bad_query, not_found
from counterfoil.dialects.payfunc.identifiers import account, formed, identifier, number
from counterfoil.dialects.payfunc.render import hidden

PAGE: Final = 250  # rows in an answer at most; what follows is at the address in its Link
WALKED_MAX: Final = 2500  # orders looked at for those of one account, in one answer
LIMIT: Final = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)
DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)
Row = TypeVar("Row")


class Page(NamedTuple, Generic[Row]):
    """Rows of a list, and the id to go on from where there may be more."""

    rows: list[Row]
    after: int | None = None


async def orders(call: Call) -> Page[Order]:
    """The newest orders that the caller may see, made from `start` to `end`; raises `Failure`."""
    start, end, limit = _day(call, "start"), _day(call, "end"), _limit(call)
    first = 0 if start is None else max(0, id_at(_instant(start)))
    last = ID_MAX if end is None else id_at(_instant(end + DAY)) - 1
    found: list[Order] = []
    before, walked = await _before(call), 0
    while first <= last:
        size = limit + 1 if call.caller.private else PAGE
        query = OrderQuery(
            merchant=call.merchant, limit=size, first=first, last=last, before=before
        )
        run = await call.desk.gateway.store.orders(query)
        found += [order for order in run if call.sees(order) and not hidden(order)]
        walked += len(run)
        if len(found) > limit:
            return Page(found[:limit], found[limit - 1].id)
        if len(run) < size:
            break
        before = run[-1].id
        if walked >= WALKED_MAX:
            return Page(found, before)
    return Page(found)


async def accounts(call: Call) -> Page[Account]:
    """The merchant's accounts, oldest first; raises `Failure`."""
    limit = _limit(call)
    after = account(_from(call, "after") or "") or 0
    found = await call.desk.accounts.run(call.merchant, limit + 1, after=after)
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


def linked(call: Call, name: str, page: Page[Row]) -> dict[str, str]:
    """The header that says where the list goes on. Source: RFC 8288, section 3."""
    if page.after is None:
        return {}
    known = {**call.exchange.query, name: identifier(page.after)}
    target = f"{call.exchange.path}?{urlencode(known)}"
    return {"Link": f'<{target}>; rel="next"'}


def _limit(call: Call) -> int:
    text = call.exchange.query.get("limit", str(PAGE))
    if LIMIT.fullmatch(text) and int(text) <= PAGE:
        return int(text)
    raise bad_query("limit", "number", f"1 to {PAGE}.")


def _from(call: Call, name: str) -> str | None:
    text = call.exchange.query.get(name)
    if text is not None and not formed(text):
        raise bad_query(name, "authly.Identifier", "An identifier of 16 characters.")
    return text


async def _before(call: Call) -> int:
    """The number of the order before which the list goes on; raises `Failure`."""
    text = _from(call, "before")
    known = ID_MAX if text is None else number(text)
    return (await call.order(text or "")).id if known is None else known


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


async def unpaid(call: Call) -> list[tuple[int, int]]:
    """The orders that the caller's accounts owe, each with its account's id, oldest first."""
    found: list[tuple[int, int]] = []
    if not call.caller.private:
        own = await call.desk.accounts.find(call.merchant, call.caller.account or 0)
        if own is None:
            raise not_found()
        return sorted((each.order, own.id) for each in own.unpaid)
    after: int | None = 0
    while after is not None:
        run = await call.desk.accounts.run(call.merchant, PAGE, after=after)
        found += [(each.order, account.id) for account in run for each in account.unpaid]
        after = run[-1].id if len(run) == PAGE else None
    return sorted(found)
