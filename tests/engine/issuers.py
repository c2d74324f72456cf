"""A gateway on fakes whose terminal has a way to issuers: the test bank's, or one that a test says.

`approved` and `paid` do what a browser would: they carry forms from one place to the next.
"""

from functools import partial
from typing import Final
from urllib.parse import parse_qs, urlsplit

from msgspec.structs import replace
from tests.engine.desk import EUR, Desk, open_desk

from counterfoil.connectors.sandbox.acs import Acs
from counterfoil.connectors.sandbox.table import Authentication, card_authenticated
from counterfoil.core.bank import Choice
from counterfoil.core.card import Cvv, Pan
from counterfoil.core.order import Order
from counterfoil.core.ports import Instruction
from counterfoil.core.threeds import Browser, Demand, Form
from counterfoil.engine.authenticate import ChallengeAnswer, PayerAnswer, complete
from counterfoil.engine.awaiting import form_of, receive
from counterfoil.engine.orders import Draft, NewCard
from counterfoil.engine.perform import Done, Engine, Once
from counterfoil.threeds.server import Server

BASE: Final = "https://pay.example"
BROWSER: Final = Browser(accept="text/html", language="en", user_agent="Mozilla/5.0", ip="6.6.6.6")
FIRST: Final = Demand(reason="force3d", base=BASE)
SECOND: Final = Demand(reason="force3d", base=BASE, browser=BROWSER)
KEY: Final = b"a secret of this installation"


def card(how: Authentication = Authentication.CHALLENGE) -> NewCard:
    """A card whose issuer authenticates like that."""
    pan = Pan(card_authenticated(how))
    return NewCard(pan=pan, cvv=Cvv("123"), holder="A HOLDER", month=12, year=2030)


class Secured:
    """A desk, and the test bank that its cardholders visit."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.bank = Acs(KEY)
        self.reach(desk.engine)

    def reach(self, engine: Engine) -> None:
        """Give an engine the way to issuers."""
        server = Server(self.bank)
        server.listen(partial(receive, engine))
        engine.authenticators["sandbox"] = server

    def restart(self) -> None:
        """A new process: nothing is remembered but what rests."""
        self.desk.restart()
        self.reach(self.desk.engine)

    async def begin(
        self, demand: Demand, how: Authentication = Authentication.CHALLENGE, **more: object
    ) -> Done:
        """An order of 100.00 EUR on such a card, a second later than what was before."""
        once = more.pop("once", None)
        assert once is None or isinstance(once, Once)
        self.desk.clock.advance(1)
        draft = replace(Draft(amount=EUR, demand=demand), **more)
        return await self.desk.orders.authorize(self.desk.merchant, draft, card(how), once)

    async def complete(self, order: Order, text: str | None, once: Once | None = None) -> Done:
        """Complete with a PaRes where the order has one, else with a CRes or nothing."""
        form = form_of(order)
        first = form is not None and "PaReq" in dict(form.fields)
        answer = PayerAnswer(text=text or "") if first else ChallengeAnswer(text=text)
        return await complete(self.desk.engine, self.desk.merchant, order.id, answer, once)

    async def visit(self, order: Order, choice: Choice = Choice.APPROVE) -> str:
        """What the browser brings back from the bank: a PaRes, or a CRes."""
        fields = fields_of(order)
        if "PaReq" in fields:
            return self.bank.payer_answer(fields["PaReq"], choice)
        back = await self.bank.challenge_answer(state_of(order), choice)
        return dict(back.fields)["cres"]


async def secured(*, unproved: bool = False) -> Secured:
    """A desk whose merchant's cards are authenticated; the acquirer says yes."""
    return Secured(await open_desk(unproved=unproved))


def form(order: Order) -> Form:
    """What the browser has to submit."""
    found = form_of(order)
    assert found is not None
    return found


def fields_of(order: Order) -> dict[str, str]:
    """Its fields by name."""
    return dict(form(order).fields)


def query_of(url: str, name: str) -> str:
    """A parameter of an address."""
    return parse_qs(urlsplit(url).query)[name][0]


def state_of(order: Order) -> str:
    """What the bank wrote into its own address."""
    return query_of(form(order).url, "state")


def authorizations(secured: Secured) -> list[Instruction]:
    """What the acquirer was asked to authorize."""
    return secured.desk.host.instructions
