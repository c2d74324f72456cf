"""How the property tests run: the same examples on every machine, none kept, none timed."""

from typing import Final

from hypothesis import HealthCheck, settings

STEADY: Final = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
MACHINE: Final = settings(
    STEADY, max_examples=400, stateful_step_count=40, report_multiple_bugs=False
)
UNITS: Final = settings(MACHINE, max_examples=150, stateful_step_count=20)
