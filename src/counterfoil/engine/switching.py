"""Endpoints that are switched off by what their address does, and what waits for one meanwhile."""

from typing import Final

import structlog
from msgspec.structs import replace

from counterfoil.core.callbacks import AttemptQuery, Endpoint
from counterfoil.core.order import instant_of
from counterfoil.core.ports import ID_MAX, Store
from counterfoil.engine.audience import Audience

UNHEARD: Final = "the address took nothing from the first try to the last"


async def took_any(store: Store, endpoint: Endpoint, since: int) -> bool:
    """Whether the address has taken anything since that instant."""
    merchant, number = endpoint.merchant, endpoint.id
    query = AttemptQuery(merchant=merchant, limit=1, endpoint=number, delivered=True)
    return any(instant_of(each.id) >= since for each in await store.attempts(query))


async def switch_off(
    store: Store, audience: Audience, endpoint: Endpoint, why: str, now: int
) -> None:
    """Tell the endpoint nothing any more; the log says why."""
    owner = (endpoint.merchant, endpoint.id)
    await store.alter_endpoint(*owner, lambda each: replace(each, off=why, off_since=now))
    audience.forget(endpoint.merchant)
    log = structlog.get_logger()
    log.warning("an endpoint is switched off", endpoint=endpoint.id, why=why)


async def wake(store: Store, endpoint: Endpoint, now: int) -> int:
    """Send what has waited for an endpoint that is on again; gives of how many orders."""
    parked = [
        replace(each.timer, due=now)
        for each in await store.timers(endpoint.merchant, ID_MAX, parked=True)
        if each.timer.lane == endpoint.id
    ]
    await store.plant(endpoint.merchant, parked)
    return len(parked)
