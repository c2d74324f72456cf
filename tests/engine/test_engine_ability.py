"""What an acquirer cannot do is not asked of it; what it needs goes with the question."""

import pytest
from tests.engine.desk import PAN, Desk, nothing, open_desk, refusal, stands

from counterfoil.core.card import Cvv
from counterfoil.core.errors import Code, Refused
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Outcome
from counterfoil.core.ports import Capability
from counterfoil.core.rates import Rate
from counterfoil.core.rules import Bucket
from counterfoil.engine.orders import Draft, NewCard
from counterfoil.testing import approve
from counterfoil.testing.acquirer import EVERYTHING

pytestmark = pytest.mark.anyio


async def unable(capability: Capability) -> Desk:
    """A desk whose acquirer can do everything but that."""
    return await open_desk(supports=EVERYTHING - {capability, Capability.NEEDS_CARD})


@pytest.mark.parametrize(
    ("capability", "kind", "minor"),
    [
        (Capability.REVERSE, Kind.REVERSE, None),
        (Capability.PARTIAL_REVERSE, Kind.REVERSE, 4_000),
        (Capability.PARTIAL_CHARGE, Kind.CHARGE, 4_000),
    ],
)
async def test_what_follows_an_authorization(
    capability: Capability, kind: Kind, minor: int | None
) -> None:
    desk = await unable(capability)
    order = (await desk.authorize()).order
    found = await refusal(desk.act(order, kind, minor))
    assert (found.code, found.facts) == (Code.NOT_SUPPORTED, {"operation": kind})
    assert await desk.now(order) == order
    assert desk.kinds() == [Kind.AUTHORIZE]


async def test_whole_operations_need_no_more_than_their_kind() -> None:
    desk = await unable(Capability.PARTIAL_CHARGE)
    order = (await desk.authorize()).order
    assert stands((await desk.act(order, Kind.CHARGE)).order) == {Bucket.CHARGED: 10_000}


async def test_a_second_charge() -> None:
    desk = await unable(Capability.SEVERAL_CHARGES)
    order = await desk.charged(4_000)
    found = await refusal(desk.act(order, Kind.CHARGE, 1_000))
    assert found.code is Code.NOT_SUPPORTED


async def test_a_refund() -> None:
    desk = await unable(Capability.REFUND)
    order = await desk.charged()
    assert (await refusal(desk.act(order, Kind.REFUND))).code is Code.NOT_SUPPORTED


async def test_a_credit() -> None:
    desk = await unable(Capability.CREDIT)
    draft = Draft(amount=Money(minor=500, currency="EUR"))
    card = NewCard(pan=PAN, cvv=Cvv("123"))
    found = await refusal(desk.orders.credit(desk.merchant, draft, card))
    assert found.code is Code.NOT_SUPPORTED
    assert desk.store.commits == 0


async def test_the_card_goes_with_what_follows_where_the_acquirer_needs_it() -> None:
    desk = await open_desk(supports=EVERYTHING | {Capability.NEEDS_CARD})
    await desk.charged()
    card = desk.host.instructions[-1].card
    assert card is not None
    assert (card.pan, card.cvv) == (PAN, None)


async def test_a_card_that_is_not_stored_cannot_go_along() -> None:
    desk = await open_desk(supports=EVERYTHING | {Capability.NEEDS_CARD})
    order = (await desk.authorize()).order
    desk.store._cards.clear()
    await desk.act(order, Kind.CHARGE)
    assert desk.host.instructions[-1].card is None


async def test_an_answer_that_cannot_be_kept_leaves_the_operation_without_one() -> None:
    desk = await open_desk()

    async def lost() -> None:
        raise Refused(Code.STORE_UNAVAILABLE)

    desk.store.before.extend([nothing, lost])
    done = await desk.authorize()
    assert done.operation is not None
    assert done.operation.outcome is Outcome.PENDING
    assert (await desk.last(done.order)).outcome is Outcome.PENDING


async def test_an_automatic_charge_that_has_no_rate_any_more_leaves_it_authorized() -> None:
    desk = await open_desk(accounting_currency="USD")
    day = desk.clock.today().date().isoformat()
    await desk.store.save_rates([Rate(day=day, source="EUR", target="USD", rate="1.1")])

    async def withdraw() -> None:
        desk.store._rates.clear()

    desk.host.sending.append(withdraw)
    done = await desk.authorize(auto_charge=True)
    assert stands(done.order) == {Bucket.AUTHORIZED: 10_000}
    asked = desk.host.instructions[-1]
    await desk.host.tell(asked, approve(asked))
    assert stands(await desk.now(done.order)) == {Bucket.AUTHORIZED: 10_000}
