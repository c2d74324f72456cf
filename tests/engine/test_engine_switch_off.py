"""An address that takes nothing is told no more, and again when it is switched on."""

import pytest
from msgspec.structs import replace
from tests.engine.desk import open_desk
from tests.engine.test_engine_deliver import failed, parked

from counterfoil.core.order import Kind
from counterfoil.engine.switching import wake
from counterfoil.testing import PlainForm
from counterfoil.testing.courier import TAKEN

pytestmark = pytest.mark.anyio


class Stern:
    """Switches an address off that took nothing from the first try to the last."""

    schedule = replace(PlainForm.schedule, switches_off=True)
    events = PlainForm.events
    callback = PlainForm.callback


async def test_an_address_that_took_nothing_to_the_last_is_switched_off() -> None:
    desk = await open_desk()
    desk.audience.forms = {"plain": Stern()}
    await desk.listens()
    desk.courier.script.extend([failed()] * 3)
    order = (await desk.authorize()).order
    await desk.later(660)
    assert len(desk.told()) == 3
    (endpoint,) = await desk.store.endpoints(1)
    assert endpoint.off == "the address took nothing from the first try to the last"
    assert endpoint.off_since == desk.clock.now()
    await desk.act(order, Kind.CHARGE)
    await desk.later(3600)
    assert len(desk.told()) == 3
    assert await parked(desk) == ["status 500"]
    on = replace(endpoint, off=None, off_since=None)
    await desk.store.save_endpoint(on)
    desk.audience.forget(1)
    assert await wake(desk.store, on, desk.clock.now()) == 1
    await desk.later(1)
    assert desk.told()[3:] == ["1 payment.authorized 1 s9", "2 order.charged 2 s9"]


async def test_an_address_that_took_something_meanwhile_stays_on() -> None:
    desk = await open_desk()
    desk.audience.forms = {"plain": Stern()}
    await desk.listens()
    desk.courier.script.extend([failed(), TAKEN, failed(), failed()])
    await desk.authorize()
    await desk.later(30)
    await desk.authorize()
    await desk.later(630)
    assert len(desk.told()) == 4
    (endpoint,) = await desk.store.endpoints(1)
    assert endpoint.off is None
    assert await parked(desk) == ["status 500"]
