"""The report in its three forms."""

from io import StringIO

import msgspec
from msgspec.structs import replace

from counterfoil.bench.figures import Findings, Goal, Resident, Row
from counterfoil.bench.report import show

LINE = Row(call="list", connections=8, rate=12345, p50_us=640, p99_us=2100, reference=20000)
FOUND = Findings(
    table=(LINE,),
    memory_kb=61_000,
    resident=(Resident(orders=200_000, kb=90_000),),
    scale=(LINE,),
    scale_orders=1_000_000,
    goals=(
        Goal(name="small", wanted="< 1", found="0", met=True),
        Goal(name="fast", wanted="> 1", found="0", met=False),
    ),
)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_columns() -> None:
    stream = StringIO()
    show(FOUND, stream)
    lines = stream.getvalue().splitlines()
    assert lines[:5] == [
        "Counterfoil, interpreted",
        "",
        "Against the floor",
        "call       connections  rate/s  p50 ms  p99 ms  floor/s  ratio",
        "list page            8  12,345    0.64    2.10   20,000   61 %",
    ]
    assert "server  60" in lines
    assert "200,000  88" in lines
    assert "With 1,000,000 orders stored" in lines
    stream = StringIO()
    show(replace(FOUND, compiled=True), stream)
    assert stream.getvalue().startswith("Counterfoil, compiled\n")
    assert lines[-2:] == ["small     < 1      0     met", "fast      > 1      0  missed"]


def test_a_terminal_gets_boxes_and_colours() -> None:
    stream = Terminal()
    show(FOUND, stream)
    assert "\x1b[" in stream.getvalue() or "┃" in stream.getvalue()
    assert "12,345" in stream.getvalue()
    assert "Counterfoil, interpreted" in stream.getvalue()


def test_a_machine_gets_json() -> None:
    stream = StringIO()
    show(replace(FOUND, compiled=True), stream, as_json=True)
    found = msgspec.json.decode(stream.getvalue())
    assert found["compiled"] is True
    assert found["table"][0]["percent"] == 61
    assert found["table"][0]["reference"] == 20000
    assert found["memory_kb"] == 61_000
    assert found["resident"] == [{"orders": 200_000, "kb": 90_000}]
    assert [goal["met"] for goal in found["goals"]] == [True, False]


def test_nothing_measured_is_a_heading_alone() -> None:
    stream = StringIO()
    show(Findings(), stream)
    assert stream.getvalue() == "Counterfoil, interpreted\n"
