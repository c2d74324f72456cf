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

from counterfoil.connectors.sandbox.table import Authentication as How
from counterfoil.connectors.sandbox.table import card_authenticated
from counterfoil.core.order import Kind, Outcome
from counterfoil.core.ports import OrderQuery
from counterfoil.core.record import Record
from counterfoil.store.sqlite import open_store

ROOT: Final = Path(__file__).parent.parent.parent
CLIENTS: Final = ROOT / ".clients"
SCRIPTS: Final = ROOT / "tests" / "payfunc" / "client"
VISITS: Final = {  # a card, whether the old version is spoken, and what its holder goes through
    "4200000000000000": (True, ["pareq"]),
    "5555550000004444": (False, ["challenge"]),
    card_authenticated(How.METHOD_CHALLENGE, asks=True): (False, ["method", "challenge"]),
    card_authenticated(How.METHOD, asks=True): (False, ["method"]),
}
RUN_S: Final = 120


class Visit(Record):
    """What a customer went through, and the order that was paid."""

    went: list[str]
    order: str


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
            "VISITS": json.encode({pan: old for pan, (old, _) in VISITS.items()}).decode(),
        }
        assert json.decode(ran("client.mjs", environment))["orders"] == 21
        visits = json.decode(ran("verification.mjs", environment), type=dict[str, Visit])
        server.verify()
        assert not any(pan.encode() in server.written() for pan in VISITS)
    assert {pan: each.went for pan, each in visits.items()} == {
        pan: went for pan, (_, went) in VISITS.items()
    }
    assert asyncio.run(charged(tmp_path)) == [10_000]


def ran(script: str, environment: dict[str, str]) -> bytes:
    """What a programme of the client's packages has printed."""
    done = subprocess.run(
        ["node", "--no-warnings", str(SCRIPTS / script)],
        capture_output=True,
        check=False,
        env=environment,
        timeout=RUN_S,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


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
