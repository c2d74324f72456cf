"""What calls make of an order: captures, refunds, voids, updates and tracking, each a plan.

A plan is decided on the order as it then stands, and carried out in one step. Rows need not be
those that were ordered: only the money is limited. Rows of what is done in full are what is left by
equal product, and then only inform.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from msgspec.structs import replace

from counterfoil.core import rules
from counterfoil.core.errors import Code, Refused
from counterfoil.core.events import Event
from counterfoil.core.merchant import Merchant
from counterfoil.core.minor import digits
from counterfoil.core.order import Kind, Operation, Order, Outcome
from counterfoil.core.rules import Bucket, Command, Plan
from counterfoil.dialects.afterpay import amounts, facts, numbers
from counterfoil.dialects.afterpay.errors import (
    CAPTURE,
    NO_CAPTURE,
    NO_ORDER,
    RANGE,
    REQUIRED,
    UPDATE,
    invalid,
)
from counterfoil.dialects.afterpay.facts import Act, Edition, Item, Paid, Shipping, Summary
from counterfoil.dialects.afterpay.numbers import NUMBER, capture_number, void_number
from counterfoil.dialects.afterpay.render import EXPIRED, captures, expires, number_of_act, status
from counterfoil.dialects.afterpay.schema import Asked

UPDATES_MAX: Final = 100


class Lifetime(NamedTuple):
    """Whose order it is, and when it is looked at."""

    merchant: Merchant
    now: int

    def check(self, order: Order) -> None:
        """Raise `Failure` where the authorization has lapsed, or its customer never came."""
        at = expires(order, self.merchant)
        lapsed = at is not None and at <= self.now
        if lapsed or status(order, self.merchant, self.now) == EXPIRED:
            raise invalid(NO_ORDER, "The order has expired")


class Capture(NamedTuple):
    """A capture as asked: `summary` None is all that remains."""

    life: Lifetime
    asked: Asked | None
    summary: Summary | None
    act: Act
    number: str | None
    name: str | None
    tracking: tuple[Mapping[str, str], ...] = ()

    @property
    def needs(self) -> int:
        """How many numbers of ours it needs."""
        return len(self.tracking) + (self.number is None)

    def plan(self, new: list[int], order: Order) -> Plan:
        """The charge, and its tracking."""
        self.life.check(order)
        minor, items = self._what(order)
        number = self.number
        names: tuple[str, ...] = (self.name,) if self.name else ()
        spare = list(new)
        if number is None:
            count = spare.pop(0)
            number = capture_number(count)
            names = (f"{numbers.CAPTURE}/{number}", f"{NUMBER}/{count}")
        payment = amounts.live(order).id if order.payments else None
        command = Command(
            kind=Kind.CHARGE,
            minor=minor,
            payment=payment,
            number=number,
            facts=facts.act(replace(self.act, items=items)),
        )
        shipped = tuple(
            shipping(given, spare.pop(0), number, at=self.life.now) for given in self.tracking
        )
        names += tuple(f"{NUMBER}/{each.number}" for each in shipped)
        if shipped:
            order = tracked(order, shipped)
        return Plan(order=order, commands=(command,), names=names)

    def _what(self, order: Order) -> tuple[int | None, tuple[Item, ...]]:
        remaining = amounts.available(order)
        if self.asked is None or self.summary is None:
            return None, rest(order)
        minor = self.summary.gross
        if self.asked.items:
            return minor, self.asked.items
        if abs(minor - remaining) <= 1:  # a total without rows is the whole, give or take a cent
            return None, rest(order)
        if minor > remaining:
            raise invalid(CAPTURE, "The amount exceeds what remains")
        raise invalid(REQUIRED, "orderDetails.items is required for a part", "orderDetails.items")


class Refund(NamedTuple):
    """A refund as asked: of one capture, or of all of them where `capture` is None."""

    capture: str | None
    items: tuple[Item, ...]
    act: Act
    number: str | None
    name: str | None

    def needs(self, order: Order) -> int:
        """How many numbers of ours it needs at most."""
        if self.capture is not None:
            return 0 if self.number else 1
        return len(captures(order))

    def plan(self, new: list[int], order: Order) -> Plan:
        """A refund of each capture that has a balance, or of the one that is named."""
        if self.capture is None:
            charges = [charge for charge, left in amounts.balances(order).items() if left > 0]
            if not charges:
                return Plan(order=order, commands=(Command(kind=Kind.REFUND),))
        else:
            charges = [find_capture(order, self.capture).id]
        if len(charges) == 1 and self.number and self.name:
            command = self._command(order, charges[0], self.number)
            return Plan(order=order, commands=(command,), names=(self.name,))
        if len(new) < len(charges):
            raise Refused(Code.BUSY)  # captures came in between
        commands, names = list[Command](), list[str]()
        for charge, count in zip(charges, new, strict=False):
            number = capture_number(count)
            names += [f"{numbers.REFUND}/{number}", f"{NUMBER}/{count}"]
            commands.append(self._command(order, charge, number))
        return Plan(order=order, commands=tuple(commands), names=tuple(names))

    def _command(self, order: Order, charge: int, number: str) -> Command:
        minor, items = None, self.items
        if items:
            minor = amounts.total(items, digits(order.amount.currency))
            if minor <= 0:
                raise invalid(RANGE, "The sum of the items must be above zero", "orderItems")
        else:
            items = rest_of_capture(order, charge)
        kept = facts.act(replace(self.act, items=items))
        return Command(kind=Kind.REFUND, minor=minor, charge=charge, number=number, facts=kept)


class Void(NamedTuple):
    """A void as asked: `summary` None is all that remains."""

    life: Lifetime
    summary: Summary | None
    act: Act

    def plan(self, new: list[int], order: Order) -> Plan:
        """The reversal."""
        self.life.check(order)
        minor = None if self.summary is None else self.summary.gross
        items = self.summary.items if self.summary else rest(order)
        command = Command(
            kind=Kind.REVERSE,
            minor=minor,
            payment=amounts.live(order).id if order.payments else None,
            number=void_number(new[0]),
            facts=facts.act(replace(self.act, items=items)),
        )
        return Plan(order=order, commands=(command,), names=(f"{NUMBER}/{new[0]}",))


class Update(NamedTuple):
    """What an order is to be: rows and total replaced, what was voided before forgotten."""

    life: Lifetime
    summary: Summary
    instant: int

    def plan(self, _: list[int], order: Order) -> Plan:
        """The authorization raised or lowered to what the new total leaves; perhaps neither."""
        self.life.check(order)
        if any(each.outcome is Outcome.PENDING for each in order.operations):
            raise Refused(Code.BUSY)
        found, gross = amounts.sums(order), self.summary.gross
        if found.remaining <= 0:
            raise invalid(UPDATE, "Nothing of the order remains that could be updated")
        if gross < found.captured:
            field = "updateOrderSummary.totalGrossAmount"
            raise invalid(RANGE, "The total is below what was captured", field)
        more = gross - found.captured - found.remaining
        if more == 0:
            return Plan(order=self._edited(order))
        act = facts.act(Act(update=self.summary))
        live = amounts.live(order)
        kind = Kind.AUTHORIZE if more > 0 else Kind.REVERSE
        command = Command(kind=kind, minor=abs(more), payment=live.id, facts=act)
        return Plan(order=self._raised(order, more) if more > 0 else order, commands=(command,))

    def _edited(self, order: Order) -> Order:
        known = facts.of_order(order)
        if len(known.editions) >= UPDATES_MAX:
            raise invalid(UPDATE, "The order has been updated too often")
        edition = Edition(since=self.instant, summary=self.summary)
        return facts.described(order, replace(known, editions=(*known.editions, edition)))

    def _raised(self, order: Order, more: int) -> Order:
        """The order with room for so much more to be authorized.

        Its own total is kept where nothing else says it: what is declined leaves that as it was.
        """
        known, live = facts.of_order(order), amounts.live(order)
        if known.summary is None:
            summary = Summary(gross=order.amount.minor)
            order = facts.described(order, replace(known, summary=summary))
        room = max(0, more - rules.position(live)[Bucket.OPEN])
        amount = replace(live.amount, minor=live.amount.minor + room)
        payments = tuple(
            replace(each, amount=amount) if each.id == live.id else each for each in order.payments
        )
        lack = max(0, more - rules.open_amount(order))
        whole = replace(order.amount, minor=order.amount.minor + lack)
        return replace(order, amount=whole, payments=payments)


class Tracking(NamedTuple):
    """Tracking of a capture; `number` is that of what is told anew, `mark` finds what is new."""

    life: Lifetime
    given: Mapping[str, str]
    capture: str
    mark: str
    number: str | None = None

    def plan(self, new: list[int], order: Order) -> Plan:
        """The order with it; no money is moved."""
        if self.number is None:
            made = shipping(self.given, new[0], self.capture, at=self.life.now, key=self.mark)
            return Plan(order=tracked(order, (made,)), names=(f"{NUMBER}/{new[0]}",))
        for each in facts.of_order(order).shipping:
            if (str(each.number), each.capture) == (self.number, self.capture):
                again = shipping(
                    self.given, each.number, self.capture, at=self.life.now, key=each.key
                )
                return Plan(order=tracked(order, (again,)))
        raise invalid(NO_CAPTURE, "The capture has no such tracking", "shippingNumber")


class Receipt(NamedTuple):
    """Money that the customer pays for a capture: all that is open where `minor` is None.

    It goes to whoever bears the risk of the invoice, so nothing of the merchant's moves.
    """

    capture: str
    minor: int | None
    instant: int
    mark: str

    def plan(self, _: list[int], order: Order) -> Plan:
        """The order with it, and the merchant told."""
        charge, known = find_capture(order, self.capture), facts.of_order(order)
        left = still_open(order, charge)
        minor = left if self.minor is None else self.minor
        if not 0 < minor <= left:
            raise invalid(RANGE, "The amount must be above zero, and open", "amount")
        paid = Paid(capture=charge.id, minor=minor, at=self.instant, key=self.mark)
        order = facts.described(order, replace(known, paid=(*known.paid, paid)))
        return Plan(order=order, tells=(Event.INVOICE_PAID, charge.id, self.instant))


def still_open(order: Order, charge: Operation) -> int:
    """What of a capture its customer has neither paid nor got back."""
    paid = [each.minor for each in facts.of_order(order).paid if each.capture == charge.id]
    given, _ = amounts.refunded(order).get(charge.id, (0, 0))
    return max(0, charge.amount.minor - given - sum(paid))


def find_capture(order: Order, number: str) -> Operation:
    """The capture of that number; raises `Failure`."""
    for each in captures(order):
        if number_of_act(each) == number:
            return each
    raise invalid(NO_CAPTURE, "The order has no such capture", "captureNumber")


def rest(order: Order) -> tuple[Item, ...]:
    """What of the order's rows is neither captured nor voided."""
    since, summary = amounts.edition(order)
    taken = [
        facts.of_act(each).items
        for each in amounts.approved(order)
        if each.kind is Kind.CHARGE or (each.kind is Kind.REVERSE and (each.closed or 0) > since)
    ]
    return () if summary is None else amounts.left(summary.items, *taken)


def rest_of_capture(order: Order, charge: int) -> tuple[Item, ...]:
    """What of a capture's rows is not refunded."""
    taken = [
        facts.of_act(each).items
        for each in amounts.approved(order)
        if each.kind is Kind.REFUND and {part.charge for part in each.parts} == {charge}
    ]
    return amounts.left(facts.of_act(rules.find(order, charge)[1]).items, *taken)


def shipping(
    given: Mapping[str, str], number: int, capture: str, *, at: int, key: str | None = None
) -> Shipping:
    """Tracking of a capture."""
    return Shipping(
        number=number,
        capture=capture,
        at=at,
        type=given["type"],
        shipping_company=given["shippingCompany"],
        tracking_id=given["trackingId"],
        tracking_url=given.get("trackingUrl"),
        key=key,
    )


def tracked(order: Order, more: tuple[Shipping, ...]) -> Order:
    """The order with this tracking in place of any of the same numbers."""
    known = facts.of_order(order)
    new = {each.number for each in more}
    kept = tuple(each for each in known.shipping if each.number not in new)
    return facts.described(order, replace(known, shipping=(*kept, *more)))
