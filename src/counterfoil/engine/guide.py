"""3-D Secure of what is paid on our own pages: orders and attempts, over `authenticate.py`."""

from typing import Final

from msgspec.structs import replace

from counterfoil.core.card import Cvv
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Order
from counterfoil.core.record import Record
from counterfoil.core.threeds import Browser, Demand
from counterfoil.engine import authenticate
from counterfoil.engine.awaiting import form_of
from counterfoil.engine.pages import Challenge, Prepared, at_once, attached, path_of
from counterfoil.engine.perform import Engine

TEXT_MAX: Final = 2048
OVERTAKEN: Final = frozenset({Code.BUSY, Code.ALREADY_AUTHORIZED})  # another was quicker


class Secured:
    """Authenticates where the order demands it, or else the merchant's rule does."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def begin(self, merchant: Merchant, prepared: Prepared) -> Order | None:
        """The order as it is kept: waiting, gone on to the acquirer, or refused."""
        session = prepared.order.session
        assert session is not None
        demanded = merchant.secure3d if session.force3d is None else session.force3d
        if not demanded or session.exempt:
            return None
        order = attached(prepared.order, prepared, self.engine.clock.now())
        base = prepared.attempt.base
        demand = Demand(
            reason="force3d" if session.force3d else "settings",
            base=base,
            browser=browser(prepared.attempt.browser),
            return_url=base + path_of(self.engine.vault, order),
            notify_url=session.secure3d_return_url,
            guided=True,
        )
        start = authenticate.Start(
            demand=demand,
            data=prepared.card,
            cards=(prepared.sealed,),
            once=prepared.once,
            at_once=at_once(merchant, order),
        )
        return (await authenticate.begin(self.engine, merchant, order, start)).order

    async def challenge(self, merchant: Merchant, order: Order) -> Challenge | None:
        """What the customer's browser is to submit."""
        del merchant
        form = form_of(order)
        if form is None:
            return None
        return Challenge(action=form.url, method=form.method, fields=form.fields)


class Asking(Record):
    """That the issuer of an attempt's card be asked; `at_once`: charge it once authorized."""

    payment: int
    demand: Demand
    cvv: Cvv | None = None
    at_once: bool = False


async def attempted(engine: Engine, merchant: Merchant, order: Order, asking: Asking) -> Order:
    """The order after that, if it was still to be done and somebody can be asked.

    Else as it was: it is no card, was tried or asked about before, or takes no part in 3-D Secure.
    """
    payment = next(each for each in order.payments if each.id == asking.payment)
    asked = payment.authentication is not None or payment.log
    there = merchant.terminal(payment.terminal).connector in engine.authenticators
    data = None if asked or not there else await engine.card_of(payment, merchant.id)
    if data is None:
        return order
    start = authenticate.Start(
        demand=asking.demand,
        data=replace(data, cvv=asking.cvv),
        at_once=asking.at_once,
        payment=payment.id,
    )
    try:
        return (await authenticate.begin(engine, merchant, order, start)).order
    except Refused as refusal:
        if refusal.code not in OVERTAKEN:
            raise
    return await engine.store.load(merchant.id, order.id)


def browser(told: tuple[tuple[str, str], ...]) -> Browser | None:
    """The browser as it described itself; what cannot be is taken as is common. None: no script."""
    if not told:
        return None
    known = dict(told)

    def whole(name: str, default: int, least: int, most: int) -> int:
        text = known.get(name, "").strip()
        plain = text.removeprefix("-")
        number = int(text) if plain.isascii() and plain.isdigit() and len(plain) < 6 else default  # noqa: PLR2004
        return number if least <= number <= most else default

    def line(name: str, default: str) -> str:
        text = known.get(name, default)[:TEXT_MAX]
        return text if text.isprintable() and text else default

    return Browser(
        accept=line("browser_accept_header", "*/*"),
        language=line("browser_language", "en")[:35],
        user_agent=line("browser_user_agent", "unknown"),
        ip=known.get("browser_ip"),
        java=known.get("browser_java_enabled") == "true",
        color_depth=whole("browser_color_depth", 24, 1, 48),
        height=whole("browser_screen_height", 0, 0, 99_999),
        width=whole("browser_screen_width", 0, 0, 99_999),
        timezone=whole("browser_timezone", 0, -840, 840),
    )
