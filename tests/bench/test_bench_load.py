"""A run counts only if every answer was a success."""

import pytest

from counterfoil.bench.calls import GET
from counterfoil.bench.load import LoadError, read

LINE = '{"requests":%d,"elapsed_us":2000000,"p50_us":1,"p99_us":2,"refused":%d,"broken":%d}'


def test_the_rate_is_over_the_time_at_work() -> None:
    assert read(GET, "Running 4s test\n\n" + LINE % (5000, 0, 0), "").rate == 2500


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (LINE % (5000, 3, 0), "3 of 5000 answers were no success"),
        (LINE % (5000, 0, 2), "2 connections broke"),
        (LINE % (0, 0, 0), "no answer came"),
        ("unable to connect", "unable to connect"),
    ],
)
def test_anything_else_fails_the_run(output: str, said: str) -> None:
    with pytest.raises(LoadError, match=said):
        read(GET, output, "")
