"""rates: imported whole or not at all, listed by day."""

from pathlib import Path

import pytest
from tests.cli.conftest import Ran, Run

GOOD = "2026-01-15,EUR,USD,1.145036\n"
LATER = "2026-01-20,EUR,USD,1.25\n"


@pytest.fixture
def imported(run: Run, tmp_path: Path) -> Run:
    """Import the text of a file."""

    def act(text: str | bytes) -> Ran:
        file = tmp_path / "rates.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return run("rates", "import", str(file))

    return act


def listed(run: Run, day: str) -> list[dict[str, object]]:
    return run("rates", "list", "--date", day, "--json").rows


@pytest.mark.parametrize("before", ["", "day,from,to,rate\n", "\ufeffDay,From,To,Rate\r\n", "\n"])
def test_rates_of_a_file_are_in_force_from_their_day(run: Run, imported: Run, before: str) -> None:
    done = imported(before + GOOD + LATER)
    row = {"from": "EUR", "to": "USD", "rate": "1.145036", "day": "2026-01-15"}
    assert (done.status, done.out, done.err) == (0, "", "2 rates saved\n")
    assert listed(run, "2026-01-14") == []
    assert listed(run, "2026-01-19") == [row]
    assert listed(run, "2026-01-20") == [row | {"rate": "1.25", "day": "2026-01-20"}]
    assert run("rates", "list", "--date", "2026-01-15").out == "EUR\tUSD\t1.145036\t2026-01-15\n"


def test_a_rate_of_the_same_day_is_replaced(run: Run, imported: Run) -> None:
    assert imported(GOOD).status == 0
    assert imported("2026-01-15,EUR,USD,1.2\n").status == 0
    (row,) = listed(run, "2026-01-15")
    assert row["rate"] == "1.2"


@pytest.mark.parametrize(
    "line",
    [
        "2026-01-15,EUR,USD",
        "2026-01-15,EUR,USD,1.1,x",
        "2026-02-30,EUR,USD,1.1",
        "2026-1-5,EUR,USD,1.1",
        "15.01.2026,EUR,USD,1.1",
        ",EUR,USD,1.1",
        "2026-01-15,eur,USD,1.1",
        "2026-01-15,EURO,USD,1.1",
        "2026-01-15,EUR,QQQ,1.1",
        "2026-01-15,EUR,EUR,1.1",
        "2026-01-15,EUR,USD,0",
        "2026-01-15,EUR,USD,0.000",
        "2026-01-15,EUR,USD,-1.1",
        "2026-01-15,EUR,USD,1e2",
        "2026-01-15,EUR,USD,NaN",
        "2026-01-15,EUR,USD,",
        '2026-01-15,EUR,USD,"1,1"',
        "2026-01-15,EUR,USD,٣",
    ],
)
def test_one_bad_line_keeps_the_whole_file_out(run: Run, imported: Run, line: str) -> None:
    assert run("migrate").status == 0
    done = imported(f"{GOOD}{line}\n{LATER}")
    assert listed(run, "2026-12-31") == []
    assert "rates.csv:2" in done.fault


REFERENCE = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
  xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <gesmes:subject>Reference rates</gesmes:subject>
  <gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>
  <Cube>
    <Cube time='2026-01-16'>
      <Cube currency='USD' rate='1.0301'/>
      <Cube currency='JPY' rate='161.2'/>
    </Cube>
    <Cube time="2026-01-15"><Cube currency="USD" rate="1.0298"/></Cube>
  </Cube>
</gesmes:Envelope>
"""


@pytest.mark.parametrize("before", ["", "\ufeff", "\n"])
def test_the_european_central_bank_s_rates_are_of_one_euro(
    run: Run, imported: Run, before: str
) -> None:
    text = before + REFERENCE.removeprefix('<?xml version="1.0" encoding="UTF-8"?>\n')
    done = imported(text if before else REFERENCE)
    assert (done.status, done.err) == (0, "3 rates saved\n")
    usd = {"from": "EUR", "to": "USD", "rate": "1.0298", "day": "2026-01-15"}
    assert listed(run, "2026-01-15") == [usd]
    assert listed(run, "2026-01-16") == [
        {"from": "EUR", "to": "JPY", "rate": "161.2", "day": "2026-01-16"},
        usd | {"rate": "1.0301", "day": "2026-01-16"},
    ]


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("<gesmes:Envelope", '<!DOCTYPE x [<!ENTITY a "1">]><gesmes:Envelope', "document type"),
        ("<gesmes:Envelope", '<!DOCTYPE x SYSTEM "file:///etc/passwd"><gesmes:Envelope', "type"),
        ("1.0301", "&a;", "rates.csv:8: no XML"),
        ("</gesmes:Envelope>", "", "no XML"),
        ("eurofxref", "eurofxref2", "no reference rates"),
        ("1.0301", "-1", "rates.csv:8: "),
        ("'USD'", "'QQQ'", "rates.csv:8: "),
        (" time='2026-01-16'", "", "rates.csv:8: "),
        (" rate='161.2'", "", "rates.csv:9: "),
    ],
)
def test_one_thing_wrong_keeps_the_whole_document_out(
    run: Run, imported: Run, was: str, now: str, said: str
) -> None:
    assert run("migrate").status == 0
    assert said in imported(REFERENCE.replace(was, now)).fault
    assert listed(run, "2026-12-31") == []


def test_a_file_that_cannot_be_read_is_one_line(run: Run, imported: Run, tmp_path: Path) -> None:
    assert "nowhere.csv" in run("rates", "import", str(tmp_path / "nowhere.csv")).fault
    assert str(tmp_path) in run("rates", "import", str(tmp_path)).fault
    assert "rates.csv" in imported(b"\xff\xfe\x00").fault
