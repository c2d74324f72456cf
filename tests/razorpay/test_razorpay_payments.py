"""Payments of the Razorpay wire: the bank's page, late payers, one-time passwords, expiry, fees."""

import html
import re
from typing import Final

import pytest

from counterfoil.engine.timed import kinds  # noqa: F401 (what falls due is played below)

pytestmark = pytest.mark.anyio
BACK: Final = "https://shop.example/paid?basket=7"
FIELD: Final = re.compile(r'name="([^"]+)" value="([^"]*)"')


def fields(page: str) -> dict[str, str]:
    return {html.unescape(name): html.unescape(value) for name, value in FIELD.findall(page)}
