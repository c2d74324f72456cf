"""Orders that are paid in a browser: their page's address, its session, and paying there.

The address of a page carries a token that nobody can guess and that names the merchant, so that no
lookup is made without one. Token and form key are keyed hashes: nothing of them is stored.
"""

from typing import Final, Protocol

from msgspec.structs import replace

from counterfoil.core.card import SealedCard
from counterfoil.core.change import Change, change, rejected
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Kind, Location, Order, Payment, Recurring, Relation
from counterfoil.core.ports import Capability, CardData, Vault
from counterfoil.core.record import Record
from counterfoil.core.rules import Command, Standing, lapsed, standing
from counterfoil.core.wallets import Opened, Token, Wallet, WalletUse
from counterfoil.engine.orders import NewCard, Orders
from counterfoil.engine.perform import Done, Once
from counterfoil.engine.session import Place, keyed, read, token
from counterfoil.engine.wallets import Wallets, opened_for

PAGE: Final = "page"  # what a page's token is for
UNPAID: Final = frozenset(
    {Standing.NEW, Standing.DECLINED, Standing.FRAUD, Standing.FAULTY}
)  # where another payment may be begun, as far as the session has tries left

TRIED: Final = {Capability.CRYPTOGRAMS, Capability.SAMPLES}  # where a wallet can be tried


class Attempt(Record):
    """What a customer sends from a page.

    `form` is the form's own random name: sent twice, it is one attempt. `base` is the public
    address of our pages, without a slash at its end; `ip` is where the browser is; `browser` are
    the details of it that 3-D Secure 2 asks for, by their names there. `wallet`: the card came out
    of its token.
    """

    card: NewCard
    form: str
    wallet: WalletUse | None = None
    base: str = ""
    ip: str | None = None
    browser: tuple[tuple[str, str], ...] = ()


class Prepared(Record):
    """A payment that could begin now; its order is as it rests, the payment is not in it yet."""

    order: Order
    payment: Payment
    card: CardData
    sealed: SealedCard
    attempt: Attempt
    once: Once | None = None


class Challenge(Record):
    """Where the customer's browser must go before there is an answer: a form to submit there."""

    action: str
    method: str
    fields: tuple[tuple[str, str], ...]


class Guide(Protocol):
    """The seam between the page and the acquirer: who sees to it that the customer is the holder.

    It keeps the order with the payment `attached`, without an operation: so it waits. When the
    customer comes back it begins the operation, or rejects the order.
    """

    async def begin(self, merchant: Merchant, prepared: Prepared) -> Order | None:
        """The order as it is kept and waits for its customer; None: go on, authorize."""
        ...

    async def challenge(self, merchant: Merchant, order: Order) -> Challenge | None:
        """What the customer of a waiting order is to do; None: nothing."""
        ...


class NoGuide:
    """The guide where there is no other: nobody is challenged."""

    async def begin(self, merchant: Merchant, prepared: Prepared) -> Order | None:
        """Go on."""
        del merchant, prepared
        return None

    async def challenge(self, merchant: Merchant, order: Order) -> Challenge | None:
        """Nothing."""
        del merchant, order
        return None


class Pages:
    """The use cases of a payment page, over those of orders."""

    def __init__(
        self, orders: Orders, guide: Guide | None = None, *, wallets: Wallets | None = None
    ) -> None:
        self.orders = orders
        self.engine = orders.engine
        self.guide = guide or NoGuide()
        self.wallets = wallets

    async def find(self, place: Place) -> tuple[Merchant, Order]:
        """The order of a page and its merchant; raises `Refused(ORDER_NOT_FOUND)`."""
        merchant = await self.engine.store.merchant(place.merchant)
        if merchant is None:
            raise Refused(Code.ORDER_NOT_FOUND)
        order = await self.seen(place.merchant, place.order)
        if order.session is None:
            raise Refused(Code.ORDER_NOT_FOUND)
        return merchant, order

    async def seen(self, merchant: int, number: int) -> Order:
        """The order as it stands now: one whose session is over is rejected as it is looked at."""
        order = await self.engine.store.load(merchant, number)
        return await self.expire(order) if lapsed(order, self.engine.clock.now()) else order

    async def expire(self, order: Order) -> Order:
        """The order, rejected if its session is over; one that was paid meanwhile stays so."""

        def decide(order: Order) -> Change | None:
            now = self.engine.clock.now()
            if not lapsed(order, now):
                return None
            return change(rejected(order, Code.SESSION_EXPIRED, now))

        made = await self.engine.commit(order, decide)
        return made.order if made else await self.engine.store.load(order.merchant, order.id)

    async def pay(self, merchant: Merchant, order: Order, attempt: Attempt) -> Order:
        """The order after an attempt to pay it; it may wait for its customer (`challenge`).

        Of two attempts at once one is made; the other raises `Refused`, as does one that comes too
        late or too often. Through a link for many it is the order that the attempt made.
        """
        assert order.session is not None
        if not order.session.shared:
            return (await self._pay(merchant, order, attempt, None)).order
        if order.closed is not None:
            raise refusal(order, self.engine.clock.now())
        vault, place = self.engine.vault, Place(order.merchant, order.id)
        name = keyed(vault, "attempt", place, attempt.form)
        once = Once(key=f"page-{name.hex()}", fingerprint=name)

        async def act() -> Done:
            own = copied(order, self.engine.ids.next())
            return await self._pay(merchant, own, attempt, once)

        return (await self.orders.once(merchant, once, act)).order

    def offers(self, merchant: Merchant, order: Order) -> tuple[Wallet, ...]:
        """The wallets that the order's page offers: those it asks for, at a test bank.

        Elsewhere the wallet's own sheet would have to open, which takes its script on the page and
        an account of the merchant's with it.
        """
        session = order.session
        assert session is not None
        bank = self.engine.acquirers.get(merchant.terminal(session.terminal).connector)
        if self.wallets is None or bank is None or not bank.supports >= TRIED:
            return ()
        wanted = {Wallet.APPLE_PAY: session.apple_pay, Wallet.GOOGLE_PAY: session.google_pay}
        return tuple(wallet for wallet in wanted if wanted[wallet])

    def tapped(self, merchant: Merchant, order: Order, token: Token) -> Opened:
        """A wallet's token, opened for the order; raises `Refused(WALLET_REFUSED)`."""
        terminal = order.session.terminal if order.session else None
        return opened_for(self.engine, self.wallets, merchant, terminal, (token, order.amount))

    async def challenge(self, merchant: Merchant, order: Order) -> Challenge | None:
        """What the customer of a waiting order is to do; None: nothing but wait."""
        if standing(order) is not Standing.WAITING or order.payments[-1].log:
            return None
        return await self.guide.challenge(merchant, order)

    async def _pay(
        self, merchant: Merchant, order: Order, attempt: Attempt, once: Once | None
    ) -> Done:
        prepared = self._prepare(merchant, order, attempt, once)
        attached(order, prepared, self.engine.clock.now())  # refused before anybody is asked
        wallet = attempt.wallet
        proved = wallet is not None and wallet.stand_in is not None  # by the customer's device
        waiting = None if proved else await self.guide.begin(merchant, prepared)
        if waiting is not None:
            return Done(order=waiting)
        command = authorization(merchant, order, prepared)
        begun, operation = await self.engine.begin(
            merchant,
            order,
            lambda _: command,
            once=once,
            cards=(prepared.sealed,),
            attach=lambda order: attached(order, prepared, self.engine.clock.now()),
        )
        return await self.engine.carry_out(merchant, begun, operation, prepared.card)

    def _prepare(
        self, merchant: Merchant, order: Order, attempt: Attempt, once: Once | None
    ) -> Prepared:
        session = order.session
        assert session is not None
        card, sealed = self.orders.card(merchant, attempt.card, attempt.wallet)
        terminal = merchant.terminal(session.terminal)
        payment = Payment(
            id=self.engine.ids.next(),
            amount=order.amount,
            terminal=terminal.name,
            descriptor=order.descriptor or terminal.descriptor,
            card=card.card,
            recurring=Recurring(first=True) if session.recurring else None,
            wallet=attempt.wallet,
        )
        return Prepared(
            order=order, payment=payment, card=card, sealed=sealed, attempt=attempt, once=once
        )


def payable(order: Order, now: int) -> bool:
    """Whether a payment can be begun from the order's page."""
    session = order.session
    return (
        session is not None
        and not over(order, now)
        and standing(order) in UNPAID
        and len(order.payments) < session.tries
    )


def attached(order: Order, prepared: Prepared, now: int) -> Order:
    """The order with the payment; raises `Refused` where it can take none any more."""
    session = order.session
    if session is None or not payable(order, now):
        raise refusal(order, now)
    location, ip = order.location, prepared.attempt.ip
    if ip is not None and (location is None or location.ip is None):
        location, session = Location(ip=ip), replace(session, located=True)
    payments = (*order.payments, prepared.payment)
    return replace(order, payments=payments, location=location, session=session)


def refusal(order: Order, now: int) -> Refused:
    """Why no payment can be begun."""
    if over(order, now):
        return Refused(Code.SESSION_EXPIRED)
    return Refused(Code.WRONG_STATE, operation=Kind.AUTHORIZE, standing=standing(order))


def over(order: Order, now: int) -> bool:
    """Whether the time in which the order could be paid has passed."""
    return order.expires is not None and order.expires <= now


def at_once(merchant: Merchant, order: Order) -> bool:
    """Whether what is authorized is charged at once: order or merchant say so."""
    assert order.session is not None
    return order.session.auto_charge or merchant.auto_charge


def authorization(merchant: Merchant, order: Order, prepared: Prepared) -> Command:
    """The authorization of a prepared payment."""
    return Command(
        kind=Kind.AUTHORIZE,
        payment=prepared.payment.id,
        charge_next=at_once(merchant, order),
        key=prepared.once.key if prepared.once else None,
    )


def copied(link: Order, number: int) -> Order:
    """A new order with the data of a link for many."""
    assert link.session is not None
    return replace(
        link,
        id=number,
        version=0,
        parent=link.id,
        relation=Relation.LINK,
        session=replace(link.session, shared=False),
    )


def path_of(vault: Vault, order: Order) -> str:
    """The path of the order's page: its number, and a token that nobody can guess."""
    return f"/pay/{token(vault, PAGE, Place(order.merchant, order.id))}"


def place_of(vault: Vault, named: str) -> Place | None:
    """The order that the path's last part leads to; None where nobody was given it."""
    return read(vault, PAGE, named)


def form_key(vault: Vault, order: Order, form: str) -> str:
    """What a form of the order's page must carry: nobody else can make one for it."""
    return keyed(vault, "form", Place(order.merchant, order.id), form).hex()
