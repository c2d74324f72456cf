"""A server that tells nobody needs no client; the first callbacks bring one in, and only one."""

import asyncio
import subprocess
import sys

import pytest

from counterfoil.core.callbacks import Callback
from counterfoil.courier.late import LateCourier

pytestmark = pytest.mark.anyio

ASKS = """
import sys
from counterfoil import dialects, wiring
dialects.found()
assert "aiohttp" not in sys.modules
"""


def test_a_server_does_without_it() -> None:
    subprocess.run([sys.executable, "-c", ASKS], check=True, timeout=60)


async def test_the_first_callbacks_bring_it_in() -> None:
    courier = LateCourier()
    callback = Callback(body=b"{}", content_type="application/json")
    posts = [courier.post("https://127.0.0.1/told", callback) for _ in range(3)]
    told = await asyncio.gather(*posts)
    await courier.close()
    assert {each.why for each in told} == {"refused address: loopback"}


async def test_it_can_be_closed_unused() -> None:
    await LateCourier().close()
