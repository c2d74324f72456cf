"""Every table beside this file holds, line by line."""

from pathlib import Path

import pytest
from tests.scenarios.table import Scenario, play, scenarios

HERE = Path(__file__).parent
TABLES = [
    pytest.param(scenario, id=f"{path.stem}:{scenario.title}")
    for path in sorted(HERE.glob("*.txt"))
    for scenario in scenarios(path)
]


@pytest.mark.parametrize("scenario", TABLES)
def test_table(scenario: Scenario) -> None:
    try:
        play(scenario)
    except AssertionError as fault:
        said = str(fault)
    else:
        return
    pytest.fail(said, pytrace=False)


def fails(tmp_path: Path, text: str) -> str:
    path = tmp_path / "wrong.txt"
    path.write_text(text, "utf-8")
    [scenario] = scenarios(path)
    with pytest.raises(AssertionError) as caught:
        play(scenario)
    return str(caught.value)


def test_a_wrong_position_names_file_and_line(tmp_path: Path) -> None:
    said = fails(tmp_path, "pay 100.00 EUR\nauthorize 60.00 approved | authorized 60.00\n")
    assert said.startswith("wrong.txt:2: authorize 60.00 approved")
    assert "expected authorized 60.00, got authorized 60.00 open 40.00" in said


def test_a_missing_refusal_says_what_happened_instead(tmp_path: Path) -> None:
    said = fails(tmp_path, "pay 1.00 EUR\n\nauthorize 1.00 refused exceeds_order\n")
    assert said.startswith("wrong.txt:3:")
    assert "expected refused exceeds_order, got authorize 1.00" in said


def test_another_refusal_says_which(tmp_path: Path) -> None:
    said = fails(tmp_path, "pay 1.00 EUR\ncharge 1.00 approved\n")
    assert "expected approved, got refused not_authorized" in said


def test_an_answer_that_ought_to_change_nothing(tmp_path: Path) -> None:
    told = "pay 1.00 EUR\nauthorize pending\nfinish a1 approved unchanged\n"
    assert "expected unchanged, got changed" in fails(tmp_path, told)
    told = "pay 1.00 EUR\nauthorize approved\nfinish a1 approved\n"
    assert "expected changed, got unchanged" in fails(tmp_path, told)


@pytest.mark.parametrize("text", ["sell 1.00 approved", "pay", "charge approved", "is charged"])
def test_nonsense_names_its_line(tmp_path: Path, text: str) -> None:
    assert fails(tmp_path, f"{text}\n").startswith("wrong.txt:1:")
