"""3-D Secure around a payment: ask, hold the order while the cardholder is asked, act on the end.

begin      ask -> authorize at once, refuse, or hold: a Change without an operation
resume     the same again, after the browser has shown itself to the issuer
complete   act on the result: authorize through `perform.py` (the only road), or refuse

The result and the operation that follows it are one commit, so there is one authorization however
many complete at once, and nothing to lose between the two. An answer that comes when the session is
over, a second time, or for another payment, changes nothing.
"""

from collections.abc import Awaitable
from typing import Final, TypeAlias

import structlog
from msgspec.structs import replace

from counterfoil.core.answers import Declined
from counterfoil.core.authenticator import Authenticator, Request, Verdict
from counterfoil.core.card import Brand, SealedCard
from counterfoil.core.change import KeyUse, change, held, rejected, taken
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Kind, Order, Payment, Secure3d
from counterfoil.core.ports import CardData
from counterfoil.core.record import Record
from counterfoil.core.rules import Command, Plan, Standing, standing
from counterfoil.core.threeds import (
    Authentication,
    Demand,
    Form,
    Result,
    Status,
    Step,
    Version,
    eci,
    passes,
)
from counterfoil.core.timers import Due, Timer
from counterfoil.core.unasked import fail
from counterfoil.engine import session
from counterfoil.engine.awaiting import (
    PURPOSE,
    OvertakenError,
    asked,
    committed,
    expire,
    number_of,
    renewed,
)
from counterfoil.engine.limit import within
from counterfoil.engine.perform import TRIES_MAX, Done, Engine, Once

ISSUER_MS: Final = 10_000  # a wire promises an answer within ten seconds
SESSION_US: Final = 30 * 60 * 1_000_000  # issuers give a cardholder ten minutes between two steps


class Start(Record):
    """What an authentication begins with, besides the order.

    `at_once`: charge once authorized. `cards`, `once`, `names` go with the order. `payment`:
    the one that is meant (default: the last).
    """

    demand: Demand
    data: CardData
    cards: tuple[SealedCard, ...] = ()
    once: Once | None = None
    at_once: bool = False
    payment: int | None = None
    names: tuple[str, ...] = ()


class PayerAnswer(Record):
    """A PaRes, as the browser or the merchant brought it; `number`: the MD with it."""

    text: str
    number: str | None = None


class ChallengeAnswer(Record):
    """A CRes, or nothing: what counts is the result on file. `number`: its threeDSSessionData."""

    text: str | None = None
    number: str | None = None


Answer: TypeAlias = PayerAnswer | ChallengeAnswer
About: TypeAlias = tuple[Order, Payment]


async def begin(engine: Engine, merchant: Merchant, order: Order, start: Start) -> Done:
    """Authenticate a payment of the order, which has no operation yet.

    Done with an operation: it went on to the acquirer, or an attempt has failed. Without one:
    closed, or `form_of` gives what the browser has to submit; or the card of an attempt takes no
    part in 3-D Secure, and then nothing has changed. Raises `Refused`: NOT_SUPPORTED where the
    terminal has no way to issuers, BUSY where the stored order has changed meanwhile;
    `KeyTakenError`.
    """
    payment = order.payments[-1]
    if start.payment is not None:
        payment = next(each for each in order.payments if each.id == start.payment)
    authenticator = authenticator_of(engine, merchant, payment)
    now = engine.clock.now()
    request = _request(engine, merchant, (order, payment), start.data, start.demand)
    version = Version.TWO_2 if start.demand.browser else Version.ONE
    verdict = await _asked(engine, authenticator.begin(request), version)
    attempt, result = start.demand.attempt, verdict.result
    if attempt and result is not None and result.status is None:
        return Done(order=order)
    known = _begun(start, verdict, now)
    payment = replace(payment, authentication=known)
    waiting = renewed(order, payment)
    try:
        if result is not None:
            return await _act(engine, merchant, (waiting, payment), result, start)
        key = _key_use(start.once, order, now)
        names = tuple(taken(each, order) for each in start.names)
        made = replace(change(waiting, cards=start.cards, key=key), names=names)
        if attempt:  # it ends by the timer that every attempt has
            return Done(order=await committed(engine, made))
        timer = Timer(kind=Due.EXPIRE, subject=order.id, due=known.expires)
        return Done(order=await committed(engine, held(made, timer, now)))
    except OvertakenError as error:
        raise Refused(Code.BUSY) from error


def _begun(start: Start, verdict: Verdict, now: int) -> Authentication:
    """What is kept of an authentication that has just begun."""
    return Authentication(
        version=verdict.version,
        reason=start.demand.reason,
        step=Step.METHOD if verdict.method else Step.CHALLENGE,
        transaction=verdict.transaction,
        begun=now,
        changed=now,
        expires=now + SESSION_US,
        base=start.demand.base,
        at_once=start.at_once,
        browser=start.demand.browser if verdict.method else None,
        return_url=start.demand.return_url,
        notify_url=start.demand.notify_url,
        guided=start.demand.guided,
        attempt=start.demand.attempt,
        form=verdict.form,
        acs=verdict.acs,
        directory=verdict.directory,
    )


async def resume(engine: Engine, merchant: Merchant, order: int, once: Once | None = None) -> Done:
    """Go on after the method step; then `form_of` gives what comes next.

    Raises `Refused`: WRONG_STATE where the order does not wait for that, SESSION_EXPIRED.
    """
    now, payment, known = await _waiting(engine, merchant, order, "resume", None)
    if known.step is not Step.METHOD:
        raise Refused(Code.WRONG_STATE, operation="resume", standing=standing(now))
    data = await engine.card_of(payment, merchant.id)
    assert data is not None  # it was stored with the order
    demand = Demand(
        reason=known.reason,
        base=known.base,
        browser=known.browser,
        notify_url=known.notify_url,
        attempt=known.attempt,
    )
    request = _request(engine, merchant, (now, payment), data, demand)
    asking = authenticator_of(engine, merchant, payment).proceed(request, known)
    verdict = await _asked(engine, asking, known.version)
    at = engine.clock.now()
    back = Form(
        url=f"{known.base}/complete/secure3d20?session={request.session}",
        method="POST",
        fields=(("threeDSSessionData", request.number),),
    )
    gone_on = replace(
        known,
        step=Step.CHALLENGE if verdict.result is None else Step.READY,
        changed=at,
        browser=None,
        method=known.form,
        resumed=at,
        form=verdict.form or back,
        acs=verdict.acs,
        directory=verdict.directory,
        result=verdict.result,
    )
    waiting = renewed(now, replace(payment, authentication=gone_on))
    try:
        return Done(order=await committed(engine, change(waiting, key=_key_use(once, now, at))))
    except OvertakenError as error:
        raise Refused(Code.WRONG_STATE, operation="resume", standing=Standing.WAITING) from error


async def complete(
    engine: Engine, merchant: Merchant, order: int, answer: Answer, once: Once | None = None
) -> Done:
    """Act on the result: Done with the authorization, or without operation where it failed.

    Raises `Refused`: ALREADY_COMPLETED, SESSION_EXPIRED, WRONG_STATE (no authentication, or of the
    other version), BAD_PAYER_ANSWER, BAD_CHALLENGE_ANSWER, NOT_AUTHENTICATED (no result on file);
    after these four the order still waits. Also `KeyTakenError`.
    """
    for _ in range(TRIES_MAX):
        about, start, result = await read(engine, merchant, order, answer)
        try:
            return await _act(engine, merchant, about, result, replace(start, once=once))
        except OvertakenError:
            continue
    raise Refused(Code.BUSY)


async def read(
    engine: Engine, merchant: Merchant, order: int, answer: Answer
) -> tuple[About, Start, Result]:
    """The order as it rests, how its authentication began, and the result that counts.

    Nothing is done with it. Raises `Refused` as `complete` does.
    """
    now, payment, known = await _waiting(engine, merchant, order, "complete", answer)
    data = await engine.card_of(payment, merchant.id)
    assert data is not None  # it was stored with the order
    demand = Demand(reason=known.reason, base=known.base, attempt=known.attempt)
    request = _request(engine, merchant, (now, payment), data, demand)
    authenticator = authenticator_of(engine, merchant, payment)
    result = _read(authenticator, answer, request, known)
    return (now, payment), Start(demand=demand, data=data, at_once=known.at_once), result


def authenticator_of(engine: Engine, merchant: Merchant, payment: Payment) -> Authenticator:
    """The way to issuers of a payment's terminal; raises `Refused(NOT_SUPPORTED)`."""
    found = engine.authenticators.get(merchant.terminal(payment.terminal).connector)
    if found is None:
        raise Refused(Code.NOT_SUPPORTED, operation="3-D Secure")
    return found


async def _asked(engine: Engine, work: Awaitable[Verdict], version: Version) -> Verdict:
    """What an authenticator says; whatever goes wrong means that nobody could be asked."""

    async def ask() -> Verdict:
        return await work

    try:
        return await within(min(ISSUER_MS, engine.limits.acquirer_ms), ask())
    except Exception as error:  # noqa: BLE001 (an edge: the payment goes on, or stops, unproved)
        structlog.get_logger().warning("not authenticated", error=type(error).__name__)
        return Verdict(version=version, transaction="", result=Result(status=Status.UNAVAILABLE))


async def _waiting(
    engine: Engine, merchant: Merchant, order: int, operation: str, answer: Answer | None
) -> tuple[Order, Payment, Authentication]:
    """The order as it rests and the authentication that it waits for; raises `Refused`."""
    now = await expire(engine, merchant.id, order)
    payment = asked(now, answer.number if answer else None)
    if answer is not None and answer.number is not None and payment is None:
        first = isinstance(answer, PayerAnswer)
        raise Refused(Code.BAD_PAYER_ANSWER if first else Code.BAD_CHALLENGE_ANSWER)
    payment = payment or (now.payments[-1] if now.payments else None)
    known = payment.authentication if payment else None
    if now.closed is Code.SESSION_EXPIRED:
        raise Refused(Code.SESSION_EXPIRED)
    if now.closed or (payment is not None and payment.log):
        raise Refused(Code.ALREADY_COMPLETED)
    if payment is None or known is None:
        raise Refused(Code.WRONG_STATE, operation=operation, standing=standing(now))
    if known.attempt and engine.clock.now() >= known.expires:
        raise Refused(Code.SESSION_EXPIRED)
    return now, payment, known


def _read(
    authenticator: Authenticator, answer: Answer, request: Request, known: Authentication
) -> Result:
    """The result that counts; raises `Refused`."""
    if isinstance(answer, PayerAnswer) is not known.version.first:
        raise Refused(Code.WRONG_STATE, operation="complete", standing=Standing.WAITING)
    if isinstance(answer, PayerAnswer):
        return authenticator.payer_answer(answer.text, request, known)
    if answer.text is not None:
        authenticator.challenge_answer(answer.text, known)
    if known.result is None:
        raise Refused(Code.NOT_AUTHENTICATED)
    return known.result


async def _act(
    engine: Engine, merchant: Merchant, about: About, result: Result, start: Start
) -> Done:
    """Authorize, or refuse; raises `OvertakenError` where the order is no longer as decided on."""
    order, payment = about
    known = payment.authentication
    assert known is not None
    brand = Brand.UNKNOWN if payment.card is None else payment.card.brand
    good = passes(result, unproved=merchant.unproved)
    ended = replace(
        known,
        step=Step.PASSED if good else Step.FAILED,
        result=result,
        browser=None,
        changed=engine.clock.now(),
    )
    proof = _proof(ended, result, brand, good=good)
    payment = replace(payment, authentication=ended, secure3d=proof)
    done = renewed(order, payment)
    if not good:
        return await _refused(engine, merchant, (done, payment), start)
    command = Command(
        kind=Kind.AUTHORIZE,
        minor=payment.amount.minor,  # what the cardholder has agreed to, whatever is open now
        payment=payment.id,
        key=start.once.key if start.once else None,
        charge_next=start.at_once,
    )

    def plan(now: Order) -> Plan:
        if now.version != order.version:
            raise OvertakenError
        return Plan(order=now, commands=(command,), names=start.names)

    begun, born = await engine.begin_all(merchant, done, plan, once=start.once, cards=start.cards)
    return await engine.carry_out(merchant, begun, born[0], start.data)


async def _refused(engine: Engine, merchant: Merchant, about: About, start: Start) -> Done:
    """The order closed, or where others may pay it the payment alone."""
    order, payment = about
    now = engine.clock.now()
    key = _key_use(start.once, order, now)
    if payment.authentication is None or not payment.authentication.attempt:
        closed = rejected(order, Code.AUTHENTICATION_FAILED, now)
        return Done(order=await committed(engine, change(closed, cards=start.cards, key=key)))
    failed, operation = fail(
        order,
        payment.id,
        Declined(decline=Decline.CARD_AUTHENTICATION_FAILED),
        stamp=engine.ids.next(),
        terms=await engine.terms(merchant, order),
        key=start.once.key if start.once else None,
    )
    made = change(failed, born=(operation,), closed=(operation,), cards=start.cards, key=key)
    return Done(order=await committed(engine, made), operation=operation)


def _proof(known: Authentication, result: Result, brand: Brand, *, good: bool) -> Secure3d:
    return Secure3d(
        reason=known.reason,
        xid=result.transaction,
        cavv=result.value,
        eci=(result.eci or eci(brand, result.status)) if good else None,
        version="1" if known.version.first else "2",
        status=result.status,
    )


def _request(
    engine: Engine, merchant: Merchant, about: About, data: CardData, demand: Demand
) -> Request:
    order, payment = about
    return Request(
        merchant=merchant,
        terminal=payment.terminal,
        amount=payment.amount,
        card=data,
        session=session.token(engine.vault, PURPOSE, session.Place(merchant.id, order.id)),
        number=number_of(order, payment, attempt=demand.attempt),
        seeds=session.seeds(engine.vault, payment.id),
        base=demand.base,
        at=engine.clock.now(),
        browser=demand.browser,
        notify_url=demand.notify_url,
        first_of_series=payment.recurring is not None and payment.recurring.first,
    )


def _key_use(once: Once | None, order: Order, at: int) -> KeyUse | None:
    if once is None:
        return None
    return KeyUse(key=once.key, fingerprint=once.fingerprint, order=order.id, used=at)
