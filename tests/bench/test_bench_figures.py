"""Medians, ratios and goals."""

from counterfoil.bench.calls import AUTHORIZE, CALLS
from counterfoil.bench.figures import (
    Resident,
    Row,
    megabytes,
    memory_goals,
    milliseconds,
    row,
    scale_goals,
    table_goals,
)
from counterfoil.bench.load import Sample


def sample(rate: int, p99_us: int = 10) -> Sample:
    return Sample(requests=rate, elapsed_us=1_000_000, p50_us=5, p99_us=p99_us)


def line(call: str, percent: int, connections: int = 64, p99_us: int = 10_000) -> Row:
    return Row(
        call=call,
        connections=connections,
        rate=percent * 10,
        p50_us=1,
        p99_us=p99_us,
        reference=1000,
    )


def test_one_disturbed_round_changes_nothing() -> None:
    ours = [sample(4000), sample(10, 99_999), sample(4100)]
    found = row(AUTHORIZE, 64, ours, [sample(10_000), sample(9000), sample(10_100)])
    assert (found.rate, found.p99_us, found.reference, found.percent) == (4000, 10, 10_000, 40)


def test_a_ratio_is_rounded_down() -> None:
    assert row(AUTHORIZE, 1, [sample(3999)], [sample(10_000)]).percent == 39


def test_goals_are_met_at_their_figures() -> None:
    table = [line("authorize", 40, p99_us=39_999), line("charge", 35), line("get", 40)]
    assert all(goal.met for goal in table_goals(table))
    table = [line("authorize", 39, p99_us=40_000), line("refund", 34)]
    assert [goal.met for goal in table_goals(table)] == [False, False, False]


def test_goals_are_about_64_connections() -> None:
    assert table_goals([line(call.name, 1, connections=8) for call in CALLS]) == ()


def test_lists_have_no_goal() -> None:
    assert table_goals([line("list", 1), line("filter", 1)]) == ()


def test_memory_is_small_and_flat() -> None:
    few, half, last = ((10_000, 70_000), (110_000, 90_000), (210_000, 94_000))
    found = [Resident(orders=orders, kb=kb) for orders, kb in (few, half, last)]
    assert [goal.met for goal in memory_goals(found)] == [True, True]
    found[-1] = Resident(orders=210_000, kb=122_880)
    assert [goal.met for goal in memory_goals(found)] == [False, False]
    assert memory_goals([]) == ()


def test_memory_that_nobody_could_read_meets_nothing() -> None:
    assert not memory_goals([Resident(orders=200_000, kb=0)])[0].met


def test_scale_keeps_the_rate() -> None:
    found = scale_goals([line("get", 90), line("authorize", 89)], 1_000_000)
    assert [(goal.name, goal.met) for goal in found] == [
        ("get, 1,000,000 orders", True),
        ("authorize, 1,000,000 orders", False),
    ]


def test_figures_are_written_for_people() -> None:
    assert milliseconds(1234) == "1.23"
    assert milliseconds(40_000) == "40.00"
    assert megabytes(1025) == 2
