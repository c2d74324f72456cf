"""The vendor's own Node client against the real server; `make test` installs it where npm is."""

import os
import subprocess
from pathlib import Path
from typing import Final

from msgspec import json
from tests.e2e.server import serving

from counterfoil import demo

ROOT: Final = Path(__file__).parents[2]
SCRIPT: Final = Path(__file__).with_name("razorpay_node.js")
NODE_S: Final = 60


def refused(said: object) -> tuple[object, object]:
    """Status and description of what the client rejects with."""
    assert isinstance(said, dict)
    assert isinstance(said["error"], dict)
    return said["statusCode"], said["error"]["description"]


def test_every_call_of_the_orders_page_through_the_node_client(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        base = f"http://127.0.0.1:{server.port}"
        done = subprocess.run(
            ["node", str(SCRIPT), base, demo.KEY_ID, demo.KEY_SECRET],
            check=False,
            capture_output=True,
            timeout=NODE_S,
            env={**os.environ, "NODE_PATH": str(ROOT / ".node" / "node_modules")},
        )
        assert done.returncode == 0, done.stderr.decode()
        server.verify()
    found = json.decode(done.stdout, type=dict[str, object])
    less = "Capture amount must be equal to the amount authorized"
    assert refused(found.pop("refused")) == (400, less)
    assert refused(found.pop("unknown")) == (400, "The id provided does not exist")
    assert found == {
        "created": "created",
        "listed": "collection",
        "fetched": "b",
        "edited": "d",
        "banked": True,
        "transfers": 0,
        "waiting": True,
        "unpaid": 0,
        "verified": True,
        "paid": "paid",
        "payment": "captured",
        "payments": True,
        "refund": "processed",
        "refunds": True,
        "refetched": 100,
        "captured": True,
        "hook": "webhook",
        "webhook": True,
    }
