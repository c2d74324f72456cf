"""THE table: what each operation takes from and puts into, and what may follow what.

Buckets belong to a payment. An operation moves an amount from one bucket to the next; the source
must hold it. A pending operation stands in no bucket, so what it may still take cannot be spent
twice. Partial and repeated operations need no further rule. What differs by acquirer or wire is
data of the command (`final`, `allowed`), never an `if` here.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from msgspec.structs import replace

from counterfoil.core import claims, units
from counterfoil.core.answers import Approved, Verdict
from counterfoil.core.declines import REASONS, Nature
from counterfoil.core.errors import Code, Refused
from counterfoil.core.events import Event
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Operation, Order, Outcome, Payment, Units
from counterfoil.core.pricing import Terms, state
from counterfoil.core.record import Record
from counterfoil.core.remember import remembered
from counterfoil.core.threeds import Step

OPERATIONS_MAX: Final = 500  # an order is loaded and stored whole; no honest one comes near


class Bucket(StrEnum):
    """Where money of a payment stands."""

    OPEN = "open"
    AUTHORIZED = "authorized"
    CHARGED = "charged"
    REVERSED = "reversed"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    CREDITED = "credited"
    OUTSIDE = "outside"


class Rule(NamedTuple):
    """One row: the buckets, and the refusals when the source is empty or holds too little."""

    source: Bucket
    target: Bucket
    empty: Code
    exceeds: Code


_B, _C = Bucket, Code
# fmt: off
RULES: Final[Mapping[Kind, Rule]] = {
    # operation     takes from          puts into      source empty            too much
    Kind.AUTHORIZE: Rule(_B.OPEN,      _B.AUTHORIZED, _C.ALREADY_AUTHORIZED, _C.EXCEEDS_ORDER),
    Kind.CHARGE:    Rule(_B.AUTHORIZED,_B.CHARGED,    _C.NOT_AUTHORIZED,     _C.EXCEEDS_AUTHORIZED),
    Kind.REVERSE:   Rule(_B.AUTHORIZED,_B.REVERSED,   _C.NOTHING_TO_REVERSE, _C.EXCEEDS_AUTHORIZED),
    Kind.REFUND:    Rule(_B.CHARGED,   _B.REFUNDED,   _C.NOT_CHARGED,        _C.EXCEEDS_CHARGED),
    Kind.DISPUTE:   Rule(_B.CHARGED,   _B.DISPUTED,   _C.NOT_CHARGED,        _C.EXCEEDS_CHARGED),
    Kind.RECOVER:   Rule(_B.DISPUTED,  _B.CHARGED,    _C.NOT_DISPUTED,       _C.EXCEEDS_DISPUTED),
    Kind.CREDIT:    Rule(_B.OUTSIDE,   _B.CREDITED,   _C.CREDIT_NOT_ENABLED, _C.EXCEEDS_ORDER),
}
# fmt: on


class Standing(StrEnum):
    """The order's position in one word; what lists filter by. Each wire has its own words."""

    NEW = "new"
    WAITING = "waiting"
    AUTHORIZED = "authorized"
    CHARGED = "charged"
    REVERSED = "reversed"
    REFUNDED = "refunded"
    CREDITED = "credited"
    DECLINED = "declined"
    REJECTED = "rejected"
    FRAUD = "fraud"
    DISPUTED = "disputed"
    FAULTY = "faulty"


class Command(Record):
    """What a caller wants done.

    `minor` None: all that the source holds. `final`: let the rest go, unless an operation without
    an answer holds some of it. `charge_next`: charge it once approved. `charge` names the one
    charge a refund takes from; `units` the units of lines that move; `allowed` the standings in
    which the caller's wire permits it; `key` is the caller's idempotency key. `number` and `facts`
    are kept with the operation.
    """

    kind: Kind
    minor: int | None = None
    payment: int | None = None
    charge: int | None = None
    units: tuple[Units, ...] = ()
    final: bool = False
    charge_next: bool = False
    allowed: frozenset[Standing] | None = None
    number: str | None = None
    facts: str | None = None
    key: str | None = None


class Plan(Record):
    """What one step makes of an order: the order itself, what begins, and the names it takes.

    `names` are unique with the merchant for ever, whatever takes them. `tells`: the world is told
    that event, about that operation, of that instant.
    """

    order: Order
    commands: tuple[Command, ...] = ()
    names: tuple[str, ...] = ()
    tells: tuple[Event, int, int] | None = None


Position = Mapping[Bucket, int]
_EMPTY: Final = dict.fromkeys(Bucket, 0)


@remembered
def position(payment: Payment) -> Position:
    """Minor units standing in each bucket; what is pending stands in none.

    Asserts what must hold after every fold: nothing is lost, nothing is overdrawn.
    """
    stands = _EMPTY.copy()
    stands[Bucket.OPEN] = payment.amount.minor
    if not payment.log:
        return stands
    held = 0
    for operation in payment.log:
        rule, minor, outcome = RULES[operation.kind], operation.amount.minor, operation.outcome
        if outcome is Outcome.APPROVED:
            stands[rule.source] -= minor + operation.released
            stands[rule.target] += minor
            stands[Bucket.REVERSED] += operation.released
        elif outcome is Outcome.PENDING:
            stands[rule.source] -= minor + operation.released
            held += minor + operation.released
    assert sum(stands.values()) + held == payment.amount.minor
    least = min(stands.values())
    assert least >= 0 or least == stands[Bucket.OUTSIDE], f"payment {payment.id} is overdrawn"
    return stands


def settled(payment: Payment) -> Position:
    """The position as if nothing were pending: what is being tried still stands where it was."""
    stands = position(payment)
    for operation in payment.log:
        if operation.outcome is Outcome.PENDING:
            held = operation.amount.minor + operation.released
            source = RULES[operation.kind].source
            stands = {**stands, source: stands[source] + held}
    return stands


def pending(payment: Payment) -> int:
    """Minor units that operations without an answer hold."""
    return payment.amount.minor - sum(position(payment).values())


# The first bucket that holds money names the standing.
_BY_BUCKET: Final = (
    (Bucket.DISPUTED, Standing.DISPUTED),
    (Bucket.CREDITED, Standing.CREDITED),
    (Bucket.REFUNDED, Standing.REFUNDED),
    (Bucket.CHARGED, Standing.CHARGED),
    (Bucket.AUTHORIZED, Standing.AUTHORIZED),
    (Bucket.REVERSED, Standing.REVERSED),
)
_NOTHING: Final = {Outcome.DECLINED, Outcome.FAILED}
_BY_NATURE: Final = {
    Nature.DECLINED: Standing.DECLINED,
    Nature.FRAUD: Standing.FRAUD,
    Nature.FAULT: Standing.FAULTY,
}


@remembered
def standing(order: Order) -> Standing:
    """The order's position in one word, over all its payments."""
    if order.closed is not None:
        return Standing.REJECTED
    log = order.operations
    if all(operation.closed is None for operation in log):  # nothing stands anywhere yet
        return Standing.WAITING if order.payments else Standing.NEW
    stands = [settled(payment) for payment in order.payments]
    for bucket, word in _BY_BUCKET:
        for each in stands:
            if each[bucket]:
                return word
    for operation in log:
        if operation.outcome is Outcome.PENDING:
            return Standing.WAITING
    decline = log[-1].decline
    assert decline is not None  # what was approved last stands in one of the buckets
    return _BY_NATURE[REASONS[decline].nature]


def lapsed(order: Order, now: int) -> bool:
    """Whether the time in which the order could be paid is over, and it waits for nothing.

    What was declined on its last try keeps that outcome.
    """
    if order.closed is not None or order.expires is None or order.expires > now:
        return False
    if not all(each.outcome in _NOTHING for each in order.operations):
        return False
    tried = len(order.payments) if order.operations else 0
    return order.session is None or tried < order.session.tries


def open_amount(order: Order) -> int:
    """Minor units of the order that no payment has collected, holds or is about to."""
    taken = sum(each.minor for each in order.waived)
    for payment in order.payments:
        if not payment.log:
            continue
        stands = position(payment)
        taken += payment.amount.minor - stands[Bucket.OPEN] - stands[Bucket.REVERSED]
    return order.amount.minor - taken


def begin(order: Order, command: Command, *, stamp: int, terms: Terms) -> tuple[Order, Operation]:
    """The order with a new pending operation that holds its money, and the operation (id `stamp`).

    Raises `Refused`; then nothing has changed. Precedence: closed, state, empty source, amount.
    """
    if order.closed is not None:
        code = order.closed if order.closed is Code.SESSION_EXPIRED else Code.ORDER_CLOSED
        raise Refused(code, operation=command.kind, standing=standing(order))
    if command.allowed is not None and (now := standing(order)) not in command.allowed:
        raise Refused(Code.WRONG_STATE, operation=command.kind, standing=now)
    log = order.operations
    if len(log) >= OPERATIONS_MAX:
        raise Refused(Code.TOO_MANY_OPERATIONS)
    assert stamp not in [each.id for each in log]
    payment = _choose(order, command)
    assert payment.amount.currency == order.amount.currency
    if payment.authentication is not None and payment.authentication.step is not Step.PASSED:
        raise Refused(Code.NOT_AUTHENTICATED)
    rule = RULES[command.kind]
    standing_there = _available(order, payment, command)
    if standing_there <= 0:
        raise Refused(rule.empty if command.charge is None else rule.exceeds)
    places = units.pick(order, command.kind, command.units) if command.units else ()
    minor = _amount(order, command, standing_there, places)
    if minor > standing_there:
        raise Refused(rule.exceeds)
    parts = claims.take(payment, command.kind, minor, command.charge)
    if not command.units:
        everything = minor == standing_there
        places = units.reach(order, command.kind, minor, everything=everything)
    final = command.final and command.kind is Kind.CHARGE and not pending(payment)
    operation = Operation(
        id=stamp,
        kind=command.kind,
        amount=Money(minor=minor, currency=order.amount.currency),
        statement=state(payment, command.kind, minor, terms, parts),
        ordinal=len(log) + 1,
        released=standing_there - minor if final else 0,
        parts=parts,
        places=places,
        let_go=units.left_behind(order, places) if final else (),
        number=command.number,
        facts=command.facts,
        key=command.key,
        charge_next=command.charge_next,
    )
    return _with(order, payment, (*payment.log, operation)), operation


def finish(
    order: Order, operation: int, answer: Verdict, *, stamp: int
) -> tuple[Order, Operation] | None:
    """The order with that operation closed at instant `stamp`, or None: it was closed before.

    A second answer, late or repeated, changes nothing; nor does approval of what is doubted.
    """
    payment, was = find(order, operation)
    if was.outcome is not Outcome.PENDING or (was.doubted and isinstance(answer, Approved)):
        return None
    if isinstance(answer, Approved):
        closed = replace(
            was,
            outcome=Outcome.APPROVED,
            closed=stamp,
            code=answer.code,
            auth_code=answer.auth_code,
            rrn=answer.rrn,
            arn=answer.arn,
            trace_id=answer.trace_id,
        )
    else:
        reason = REASONS[answer.decline]
        closed = replace(
            was,
            outcome=Outcome.FAILED if reason.nature is Nature.FAULT else Outcome.DECLINED,
            closed=stamp,
            decline=answer.decline,
            code=answer.code or reason.code,
            rrn=answer.rrn,
        )
    return _with(order, payment, _exchanged(payment, closed)), closed


def doubt(order: Order, operation: int) -> tuple[Order, Operation] | None:
    """The order with that pending operation marked as being taken back; None: nothing to mark."""
    payment, was = find(order, operation)
    if was.outcome is not Outcome.PENDING or was.doubted:
        return None
    marked = replace(was, doubted=True)
    return _with(order, payment, _exchanged(payment, marked)), marked


def find(order: Order, operation: int) -> tuple[Payment, Operation]:
    """The operation of that id and the payment it is about; raises `KeyError`."""
    for payment in order.payments:
        for each in payment.log:
            if each.id == operation:
                return payment, each
    raise KeyError(operation)


def last_of(order: Order, operation: int) -> Operation:
    """The operation of that id, or the automatic charge that began when it was approved."""
    payment, found = find(order, operation)
    if found.charge_next and found.outcome is Outcome.APPROVED:
        for each in payment.log:
            if each.ordinal == found.ordinal + 1:
                return each
    return found


def _choose(order: Order, command: Command) -> Payment:
    """The payment meant: the one named, or of the charge named; else the latest that can give."""
    if not order.payments:
        raise Refused(Code.WRONG_STATE, operation=command.kind, standing=standing(order))
    if command.payment is not None:
        meant = [each for each in order.payments if each.id == command.payment]
        if not meant:
            raise Refused(Code.PAYMENT_NOT_FOUND)
    elif command.charge is None and len(order.payments) > 1:
        meant = [each for each in order.payments if _available(order, each, command) > 0]
        meant = meant or [order.payments[-1]]
    else:
        meant = list(order.payments)
    if command.charge is not None:
        charge, kind = command.charge, command.kind
        meant = [each for each in meant if claims.holds(each, kind, charge) is not None]
        if not meant:
            raise Refused(Code.CHARGE_NOT_FOUND)
    return meant[-1]


def _available(order: Order, payment: Payment, command: Command) -> int:
    """What the operation could take at most."""
    stands = position(payment)
    source = RULES[command.kind].source
    if source is Bucket.OUTSIDE:  # as much as the order asks for may be brought in, once
        return payment.amount.minor + stands[source]
    if source is Bucket.OPEN:
        return min(stands[source], open_amount(order))
    if command.charge is not None:
        return min(stands[source], claims.holds(payment, command.kind, command.charge) or 0)
    return stands[source]


def _amount(order: Order, command: Command, available: int, places: tuple[units.Place, ...]) -> int:
    """What is to be taken: what the units come to, else what was named, else all there is."""
    minor = available if command.minor is None else command.minor
    if command.units:
        minor = units.amount(order, places)
    if minor <= 0 or (command.minor is not None and minor != command.minor):
        raise Refused(Code.MALFORMED_AMOUNT)
    return minor


def _exchanged(payment: Payment, operation: Operation) -> tuple[Operation, ...]:
    """The payment's log with that operation as it is now."""
    if payment.log[-1].id == operation.id:
        return (*payment.log[:-1], operation)
    return tuple(operation if each.id == operation.id else each for each in payment.log)


def _with(order: Order, payment: Payment, log: tuple[Operation, ...]) -> Order:
    changed = replace(payment, log=log)
    position(changed)
    if len(order.payments) == 1:
        return replace(order, payments=(changed,))
    payments = tuple(changed if each.id == payment.id else each for each in order.payments)
    return replace(order, payments=payments)
