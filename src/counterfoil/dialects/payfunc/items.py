"""Items: a total, or lines with a price, a tax and a rebate for each piece.

What a line says of itself is kept as text beside its amount, and given back as it came. Two items
are the same product where all of that is equal.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from counterfoil.core.minor import digits, major
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Line, Order, Units
from counterfoil.core.units import States, UnitState, states
from counterfoil.dialects.payfunc.reading import Reader

TEXTS: Final = ("number", "name", "unit")
AMOUNTS: Final = ("price", "vat", "rebate")
LINES_MAX: Final = 500
QUANTITY_MAX: Final = 100_000
UNITS_MAX: Final = 100_000  # of an order, all lines together: each has a status of its own
EXPONENT_MIN: Final = -12
SIZE_MAX: Final = 10**12
FROM: Final[Mapping[Kind, frozenset[UnitState]]] = {
    Kind.CHARGE: frozenset({UnitState.AUTHORIZED}),
    Kind.REVERSE: frozenset({UnitState.AUTHORIZED, UnitState.OPEN}),
    Kind.REFUND: frozenset({UnitState.CHARGED}),
}
_write: Final = msgspec.json.Encoder(order="sorted").encode
_read: Final = msgspec.json.Decoder(dict[str, str]).decode
Product = Mapping[str, str]


class Item(NamedTuple):
    """An item as it was given: what makes it this product (decimals as text), and how many."""

    product: Product
    quantity: int


def item(reader: Reader) -> Item:
    """One item; look at the reader's flaws before use."""
    product: dict[str, str] = {}
    for name in TEXTS:
        text = reader.text(name)
        if text is not None:
            product[name] = text
    for name in AMOUNTS:
        amount = reader.number(name)
        if amount is not None and not sensible(amount):
            reader.fault(name, "number", "twelve digits, and as many decimals")
        elif amount is not None:
            product[name] = plain(amount)
    if "vat" in product and "price" not in product:
        reader.fault("vat", "number", "only with a price")
    count = reader.number("quantity")
    if count is None or count == 0:
        return Item(product, 1)
    if count != count.to_integral_value() or not 0 < count <= QUANTITY_MAX:
        reader.fault("quantity", "number", "a whole number of pieces")
        return Item(product, 1)
    return Item(product, int(count))


def items(given: object, reader: Reader) -> tuple[Item, ...]:
    """A line or lines; look at the reader's flaws before use."""
    found = given if isinstance(given, list) else [given]
    if not 0 < len(found) <= LINES_MAX:
        reader.fault("items", "Item[]", f"1 to {LINES_MAX} lines")
        return ()
    read = tuple(
        item(Reader(each, f"items.{at}" if isinstance(given, list) else "items", reader.flaws))
        for at, each in enumerate(found)
    )
    if sum(each.quantity for each in read) > UNITS_MAX:
        reader.fault("items", "Item[]", f"at most {UNITS_MAX} pieces in all")
        return ()
    return read


def sensible(amount: Decimal) -> bool:
    """Whether it can be somebody's amount at all."""
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= EXPONENT_MIN and -SIZE_MAX < amount < SIZE_MAX


def plain(amount: Decimal) -> str:
    """The number without exponent and needless zeros: equal numbers give equal texts."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(amount: Decimal, currency: str) -> Money | None:
    """The amount, where it is one of that currency and above nothing."""
    if not sensible(amount) or amount <= 0:
        return None
    minor = amount.scaleb(digits(currency))
    return None if minor % 1 else Money(minor=int(minor), currency=currency)


def line(each: Item, currency: str) -> Line | None:
    """The row of an order that an item is; None where its amount has too many decimals."""
    price, vat, rebate = (Decimal(each.product.get(name, "0")) for name in AMOUNTS)
    whole = (price - rebate + vat) * each.quantity if "price" in each.product else Decimal(0)
    minor = whole.scaleb(digits(currency))
    if minor != minor.to_integral_value():
        return None
    named = each.product.get("name") or each.product.get("number") or "item"
    facts = _write(each.product).decode()
    return Line(product=named, quantity=each.quantity, minor=int(minor), facts=facts)


def product(row: Line) -> Product:
    """What a line says of itself; of one from another wire its name, and a price if one fits."""
    if row.facts is not None:
        with suppress(msgspec.MsgspecError):
            return _read(row.facts)
    return {"name": row.product}


def shown(row: Line, currency: str, status: Sequence[str] = ()) -> dict[str, object]:
    """A line as this wire shows it."""
    known = product(row)
    amounts = {name: Decimal(known[name]) for name in AMOUNTS if name in known}
    found: dict[str, object] = {**known, **amounts}
    if "price" not in known and row.minor:
        each = Decimal(major(row.minor, digits(currency))) / row.quantity
        found["price"] = Decimal(plain(round(each, -EXPONENT_MIN)))
    found["quantity"] = row.quantity
    return found | ({"status": list(status)} if status else {})


@lru_cache(maxsize=256)  # an order shows its own again and again
def amount(minor: int, currency: str) -> Decimal:
    """An amount as a number in major units, without needless zeros."""
    places = digits(currency)
    while places and not minor % 10:
        minor, places = minor // 10, places - 1
    return Decimal(minor).scaleb(-places)


def wanted(order: Order, kind: Kind, found: Sequence[Item]) -> tuple[Units, ...] | None:
    """The units that items of an event mean, left to right over equal lines; None: not so many."""
    now = states(order)
    taken = [0] * len(order.lines)
    for each in found:
        missing = each.quantity
        for at, row in enumerate(order.lines):
            if missing and product(row) == each.product:
                count = min(missing, _free(now, at, kind) - taken[at])
                taken[at] += count
                missing -= count
        if missing:
            return None
    return tuple(Units(line=at, count=count) for at, count in enumerate(taken) if count)


def _free(now: States, at: int, kind: Kind) -> int:
    return sum(state in FROM[kind] for state in now[at])
