"""How much is tried: a slice of seconds in every run, and as much as is wanted under `-m fuzz`.

The slice is the same each time; the long form is not, and what it finds becomes a test of its own.
"""

from typing import Final

from hypothesis import HealthCheck, settings

SLICE: Final = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=600,
    suppress_health_check=list(HealthCheck),
)
LONG: Final = settings(SLICE, derandomize=False, max_examples=200_000)
