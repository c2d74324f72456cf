"""3-D Secure of an order that is paid on our own page: the page's guide over `authenticate.py`."""

from typing import Final

from counterfoil.core.merchant import Merchant
from counterfoil.core.order import Order
from counterfoil.core.threeds import Browser, Demand
from counterfoil.engine import authenticate
from counterfoil.engine.awaiting import form_of
from counterfoil.engine.pages import Challenge, Prepared, at_once, attached, path_of
from counterfoil.engine.perform import Engine

TEXT_MAX: Final = 2048


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
