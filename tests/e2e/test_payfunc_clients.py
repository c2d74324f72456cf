"""The PayFunc client's own packages against the real server: cards, orders, checks of tokens."""

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import RSAKey
from msgspec import json
from tests.e2e.server import serving

from counterfoil.core.order import Kind, Outcome
from counterfoil.core.ports import OrderQuery
from counterfoil.store.sqlite import open_store

ROOT: Final = Path(__file__).parent.parent.parent
CLIENTS: Final = ROOT / ".clients"
SCRIPT: Final = ROOT / "tests" / "payfunc" / "client" / "client.mjs"
RUN_S: Final = 120


def test_the_clients_own_packages_make_orders_and_check_tokens(tmp_path: Path) -> None:
    assert (CLIENTS / "node_modules").is_dir(), "make clients installs what this test runs"
    with serving(tmp_path) as server:
        address = f"http://127.0.0.1:{server.port}"
        found = json.decode(server.command("keys", "--json", "--base-url", address).out)["payfunc"]
        other = RSAKey.import_key(rsa.generate_private_key(65537, 2048).public_key())
        environment = {
            **os.environ,
            "CLIENTS": str(CLIENTS),
            "KEYS": json.encode(found).decode(),
            "STRANGER": "".join(other.as_pem().decode().splitlines()[1:-1]),
        }
        done = subprocess.run(
            ["node", "--no-warnings", str(SCRIPT)],
            capture_output=True,
            check=False,
            env=environment,
            timeout=RUN_S,
        )
        assert done.returncode == 0, done.stderr.decode()
        assert json.decode(done.stdout)["orders"] == 21
    assert asyncio.run(charged(tmp_path)) == [10_000]


async def charged(folder: Path) -> list[int]:
    """What the demo merchant has charged, as it rests."""
    store = await open_store(folder / "gateway.db", create=False)
    orders = await store.orders(OrderQuery(merchant=1, limit=100))
    await store.close()
    return [
        each.amount.minor
        for order in orders
        for each in order.operations
        if each.kind is Kind.CHARGE and each.outcome is Outcome.APPROVED
    ]
