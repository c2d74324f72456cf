"""Records to this wire: orders, payments, cards, refunds; members in the order of its reference.

STATUS is a payment's word for each standing, OUTCOMES a refund's for what became of an operation.
An order's status follows from its sums. What another wire did is told with the nearest truth: the
amount of a captured payment is what was charged of it, that of an authorized one what is reserved.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from counterfoil.core.card import Brand, Card
from counterfoil.core.minor import divide
from counterfoil.core.order import Kind, Operation, Order, Outcome, Payment, instant_of
from counterfoil.core.rules import Bucket, Standing, pending, settled, standing
from counterfoil.dialects.razorpay import facts, ids
from counterfoil.dialects.razorpay.errors import failed
from counterfoil.dialects.razorpay.facts import FOREVER, NOTHING
from counterfoil.dialects.razorpay.methods import Method, method_of
from counterfoil.dialects.razorpay.shapes import CollectionOut, OrderOut, Shown, Text

# fmt: off
STATUS: Final[Mapping[Standing, str]] = {
    Standing.NEW:        "created",
    Standing.WAITING:    "created",
    Standing.AUTHORIZED: "authorized",
    Standing.CHARGED:    "captured",
    Standing.REVERSED:   "refunded",
    Standing.REFUNDED:   "captured",  # "refunded" once all of it is
    Standing.CREDITED:   "created",   # money went the other way: no payment of this wire
    Standing.DECLINED:   "failed",
    Standing.REJECTED:   "failed",
    Standing.FRAUD:      "failed",
    Standing.DISPUTED:   "captured",
    Standing.FAULTY:     "failed",
}
OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.PENDING:  "pending",
    Outcome.APPROVED: "processed",
    Outcome.DECLINED: "failed",
    Outcome.FAILED:   "failed",
}
NETWORKS: Final[Mapping[Brand, str]] = {
    Brand.AMEX: "American Express", Brand.DINERS: "Diners Club", Brand.MAESTRO: "Maestro",
    Brand.MASTERCARD: "MasterCard", Brand.RUPAY: "RuPay", Brand.VISA: "Visa",
}
# fmt: on
SECOND_US: Final = 1_000_000
TAX_BPS: Final = 1_800  # of the fee; source: the documented samples
UNTAXED_CARD_MAX: Final = 200_000  # minor units up to which a card payment's fee bears no tax
NOBODY: Final = "void@razorpay.com"
TEN_DIGITS: Final = 10
MEANS: Final = (("bank", Method.BANK), ("wallet", Method.WALLET), ("vpa", Method.UPI))
ERRED: Final = ("code", "description", "source", "step", "reason")
INSTANT: Final = frozenset({Method.CARD, Method.BANK, Method.UPI})
NEVER: Final = ("emi", "offers", "token", "transaction")  # expanded, but there is none
STANDS: Final = frozenset({Outcome.APPROVED, Outcome.PENDING})

encode: Final = msgspec.json.Encoder().encode


class Sums(msgspec.Struct):
    """Where the money of a payment stands, as this wire counts it."""

    amount: int
    status: str
    refunded: int
    captured: bool


def collection(items: Iterable[object]) -> CollectionOut:
    """The items as a collection."""
    found = list(items)
    return CollectionOut("collection", len(found), found)


def sums(payment: Payment) -> Sums:
    """What stands of a payment."""
    stands = settled(payment)
    charged = sum(stands[each] for each in (Bucket.CHARGED, Bucket.REFUNDED, Bucket.DISPUTED))
    if charged:
        refunded = sum(
            each.amount.minor
            for each in payment.log
            if each.kind is Kind.REFUND and each.outcome in STANDS
        )
        status = "refunded" if refunded == charged else "captured"
        return Sums(charged, status, refunded, captured=True)
    if stands[Bucket.AUTHORIZED]:
        return Sums(stands[Bucket.AUTHORIZED], "authorized", 0, captured=False)
    if stands[Bucket.REVERSED]:
        whole = stands[Bucket.REVERSED]
        return Sums(whole, "refunded", whole, captured=False)
    return Sums(payment.amount.minor, STATUS[_alone(payment)], 0, captured=False)


def _alone(payment: Payment) -> Standing:
    """The standing of an order that had this payment only."""
    return standing(Order(merchant=0, id=0, amount=payment.amount, payments=(payment,)))


def shown(order: Order) -> list[tuple[int, Payment, Sums]]:
    """The payments that have left `created`, each with its number and sums, oldest first."""
    found = [
        (number, payment, sums(payment))
        for number, payment in enumerate(order.payments, start=1)
        if payment.log
    ]
    return [each for each in found if each[2].status != "created"]


def order(order: Order, at: int = FOREVER, expand: frozenset[str] = frozenset()) -> OrderOut:
    """The order, with what is to be expanded; its notes as of an instant."""
    tried = shown(order) if order.payments else []
    paid = sum(each.amount for _, _, each in tried if each.captured)
    due = order.amount.minor - paid
    made = OrderOut(
        id=ids.written("order_", order.id),
        amount=order.amount.minor,
        amount_paid=paid,
        amount_due=due,
        currency=order.amount.currency,
        receipt=order.reference,
        status="paid" if not due else "attempted" if tried else "created",
        attempts=len(tried),
        notes=order_notes(order, at),
        created_at=order.created // SECOND_US,
    )
    if expand & {"payments", "payments.card"}:
        made.payments = payments(order, at, card="payments.card" in expand)
    if "transfers" in expand:
        made.transfers = collection(())
    if "virtual_account" in expand:
        made.virtual_account = None
    if "offers" in expand:
        made.offers = collection(())
    return made


def payments(order: Order, at: int = FOREVER, *, card: bool = False) -> CollectionOut:
    """The payments of an order that have left `created`, oldest first."""
    expand = frozenset({"card"}) if card else frozenset[str]()
    return collection(payment(order, number, at, expand) for number, _, _ in shown(order))


def order_notes(order: Order, at: int = FOREVER) -> msgspec.Raw:
    """The order's notes; another wire's custom fields."""
    known = facts.as_of(facts.of_order(order).notes, at)
    if known is None:
        return msgspec.Raw(encode(dict(order.custom)) if order.custom else NOTHING.encode())
    return msgspec.Raw(known.encode())


def payment(
    order: Order, number: int, at: int = FOREVER, expand: frozenset[str] = frozenset()
) -> Shown:
    """The order's payment of that number."""
    mine = order.payments[number - 1]
    method, kept, stands = method_of(mine), facts.of_payment(mine), sums(mine)
    fee, tax = fees(mine, stands)
    email, contact = _payer(order, kept)
    notes = facts.as_of(kept.notes, at)
    carded = method is Method.CARD
    shown: Shown = {
        "id": ids.written("pay_", order.id, number),
        "entity": "payment",
        "amount": stands.amount,
        "currency": mine.amount.currency,
        "status": stands.status,
        "order_id": None if facts.of_order(order).bare else ids.written("order_", order.id),
        "invoice_id": None,
        "international": False,
        "method": method,
        "amount_refunded": stands.refunded,
        "refund_status": _refund_status(stands),
        "captured": stands.captured,
        "description": kept.description or order.description,
        "card_id": ids.written("card_", order.id, number) if carded else None,
    }
    if carded and "card" in expand:
        shown["card"] = card(order, number)
    shown |= {
        **{name: mine.account if method is each else None for name, each in MEANS},
        "email": email,
        "contact": contact,
        "notes": order_notes(order, at) if notes is None else msgspec.Raw(notes.encode()),
        "fee": fee,
        "tax": tax,
        **_errors(mine, stands.status),
        "acquirer_data": _acquirer(mine),
    }
    if method is Method.UPI:
        flow = kept.flow or "collect"
        shown["upi"] = {"payer_account_type": "bank_account", "vpa": mine.account, "flow": flow}
    shown["created_at"] = began(mine) // SECOND_US
    if kept.customer is not None:
        shown["customer_id"] = kept.customer
    if "refunds" in expand:
        shown["refunds"] = collection(refunds(order, number))
    names = {each.partition(".")[0] for each in expand}
    return shown | dict.fromkeys(name for name in NEVER if name in names)


def began(payment: Payment) -> int:
    """When a payment was first tried; while nobody did, when it was made."""
    tried = payment.log[0].id if payment.log else payment.id
    return instant_of(tried)


def _refund_status(stands: Sums) -> Text:
    if not stands.refunded:
        return None
    return "full" if stands.refunded == stands.amount else "partial"


def _errors(payment: Payment, status: str) -> Shown:
    decline = payment.log[-1].decline if status == "failed" else None
    told = None if decline is None else failed(decline, method_of(payment))
    return {f"error_{name}": getattr(told, name, None) for name in ERRED}


def _payer(order: Order, kept: facts.PaymentFacts) -> tuple[str, Text]:
    client = order.client
    email = kept.email or (client.email if client else None)
    contact = kept.contact or (client.phone if client else None)
    if contact and len(contact) == TEN_DIGITS and contact.isdigit():
        contact = f"+91{contact}"
    return email or NOBODY, contact


def fees(payment: Payment, stands: Sums) -> tuple[int | None, int | None]:
    """Fee (with tax) and tax of a captured payment, in its own currency.

    The fee is what the ledger took of its charges; a tax of 18 % comes on top, but for small card
    payments. Source: ten of the twelve documented samples.
    """
    if not stands.captured:
        return None, None
    base = 0
    for each in payment.log:
        if each.kind is Kind.CHARGE and each.outcome is Outcome.APPROVED:
            own = each.statement.currency == payment.amount.currency
            minor, home = each.amount.minor, each.statement.amount
            base += each.statement.fee if own else divide(each.statement.fee * minor, home or 1)
    small = method_of(payment) is Method.CARD and stands.amount <= UNTAXED_CARD_MAX
    tax = 0 if small else divide(base * TAX_BPS, 10_000)
    return base + tax, tax


def _acquirer(payment: Payment) -> dict[str, Text]:
    done = [each for each in payment.log if each.outcome is Outcome.APPROVED]
    first = next((each for each in done if each.kind is Kind.AUTHORIZE), None)
    rrn = first.rrn if first else None
    match method_of(payment):
        case Method.CARD:
            return {"auth_code": first.auth_code if first else None}
        case Method.BANK:
            return {"bank_transaction_id": rrn}
        case Method.UPI:
            return {"rrn": rrn, "upi_transaction_id": rrn and f"CF{rrn}"}
        case _:
            return {"transaction_id": rrn}


def card(order: Order, number: int) -> Shown:
    """The card of a payment made with one."""
    known = order.payments[number - 1].card or Card(id=0, first6="", last4="", brand=Brand.UNKNOWN)
    kind = known.subtype if known.subtype in {"credit", "debit", "prepaid"} else "unknown"
    return {
        "id": ids.written("card_", order.id, number),
        "entity": "card",
        "name": known.holder or "",
        "last4": known.last4,
        "network": NETWORKS.get(known.brand, "Unknown"),
        "type": kind,
        "issuer": None,
        "international": False,
        "emi": False,
        "sub_type": "consumer",
        "token_iin": None,
    }


def gives_back(payment: Payment, operation: Operation) -> bool:
    """Whether the operation is a refund on this wire: also what gave back what nobody captured."""
    if operation.kind is Kind.REVERSE:
        stands = sums(payment)
        whole = stands.status == "refunded" and not stands.captured
        return whole and operation.outcome is Outcome.APPROVED
    return operation.kind is Kind.REFUND


def refunds(order: Order, number: int, at: int = FOREVER) -> list[Shown]:
    """The refunds of a payment, newest first."""
    mine = order.payments[number - 1]
    found = [each for each in mine.log if gives_back(mine, each)]
    return [refund(order, number, each, at) for each in reversed(found)]


def refund(order: Order, number: int, operation: Operation, at: int = FOREVER) -> Shown:
    """One refund."""
    mine = order.payments[number - 1]
    known, ordinal = facts.of_refund(operation), operation.ordinal
    edits = facts.of_payment(mine).refunds
    later = [said for each, since, said in edits if each == ordinal and since <= at]
    waiting = known.optimum and operation.outcome is Outcome.PENDING
    return {
        "id": ids.written("rfnd_", order.id, ordinal),
        "entity": "refund",
        "amount": operation.amount.minor,
        "currency": operation.amount.currency,
        "payment_id": ids.written("pay_", order.id, number),
        "notes": msgspec.Raw((later[-1] if later else known.notes or NOTHING).encode()),
        "receipt": operation.number,
        "acquirer_data": {"arn": operation.arn},
        "created_at": operation.created // SECOND_US,
        "batch_id": None,
        "status": OUTCOMES[operation.outcome],
        "speed_processed": None if waiting else speed(mine, operation),
        "speed_requested": "optimum" if known.optimum else "normal",
    }


def speed(payment: Payment, operation: Operation) -> str:
    """How fast a refund goes: at once, if that was asked for and the instrument can."""
    asked = facts.of_refund(operation).optimum
    return "instant" if asked and method_of(payment) in INSTANT else "normal"


def waits(payment: Payment) -> bool:
    """Whether something about the payment has no answer yet."""
    return pending(payment) > 0
