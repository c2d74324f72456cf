"""Fakes for those who write connectors, dialects and tests: they behave, they do not pretend.

Everything here runs in memory and on a clock that stands still until it is told to move, so that a
test of two days takes milliseconds and gives the same result twice. Nothing here may serve a real
merchant: the store forgets, the vault hides nothing.
"""

from counterfoil.testing.acquirer import Script, ScriptedAcquirer, approve, decline, unknown
from counterfoil.testing.courier import FakeCourier, PlainForm
from counterfoil.testing.store import MemoryStore
from counterfoil.testing.world import FakeClock, MemoryVault, SerialIds, demo_merchant

__all__ = [
    "FakeClock",
    "FakeCourier",
    "MemoryStore",
    "MemoryVault",
    "PlainForm",
    "Script",
    "ScriptedAcquirer",
    "SerialIds",
    "approve",
    "decline",
    "demo_merchant",
    "unknown",
]
