"""What a merchant calls the wires with, where that is more than a login and a password."""

from counterfoil import dialects
from counterfoil.wiring import Parts, gateway


async def keys(made: Parts, merchant: int, base: str) -> dict[str, dict[str, str]]:
    """By wire: keys for the API at that address; they are made where there are none."""
    found = gateway(made)
    return {
        each.name: dict(await each.keys(found, merchant, base))
        for each in dialects.found()
        if each.keys is not None
    }
