"""Every reason to decline has its row, and every response code of the standard its reason."""

import pytest

from counterfoil.core.declines import BY_CODE, REASONS, Decline, Nature, Retry

# ISO 8583 DE39 by class, as public processor guides give them: later, corrected, stronger, never,
# generic, fault. Codes that approve (00, 08, 10, 11, 85) are no declines.
LATER = "19 28 51 59 61 62 65 75 78 82 91 92 93 96 N0 N3 N4 Z3"
CORRECTED = "13 30 33 39 52 53 54 55 63 64 77 80 6P N7"
STRONGER = "1A"
NEVER = "03 04 07 12 14 15 17 25 34 35 36 37 38 40 41 43 46 56 57 58 67 76 79 83 R0 R1 R3 Q1"
GENERIC = "01 02 05 06 20 21 68 70 86 88 89 94 95"
FAULTS = "06 20 21 68 86 88 89 91 92 94 95 96"
APPROVALS = "00 08 10 11 85"
CLASSES = {
    Retry.LATER: LATER,
    Retry.CORRECTED: CORRECTED,
    Retry.STRONGER: STRONGER,
    Retry.NEVER: NEVER,
    Retry.GENERIC: GENERIC,
}


def test_every_decline_has_a_reason_and_every_reason_a_decline() -> None:
    assert set(REASONS) == set(Decline)


def test_every_code_of_the_table_is_known_and_no_other() -> None:
    listed = " ".join(CLASSES.values()).split()
    assert len(listed) == len(set(listed))
    assert sorted(BY_CODE) == sorted(listed)


@pytest.mark.parametrize("retry", Retry)
def test_what_may_be_tried_again(retry: Retry) -> None:
    for code in CLASSES[retry].split():
        assert REASONS[BY_CODE[code]].retry is retry, code


def test_faults_are_those_of_machines() -> None:
    assert {code for code in BY_CODE if REASONS[BY_CODE[code]].nature is Nature.FAULT} == set(
        FAULTS.split()
    )


def test_fraud_is_never_a_machines_fault() -> None:
    frauds = {each for each, reason in REASONS.items() if reason.nature is Nature.FRAUD}
    assert {REASONS[each].code for each in frauds} == {"07", "34", "59", "83"}


@pytest.mark.parametrize("code", APPROVALS.split())
def test_an_approval_is_no_decline(code: str) -> None:
    assert code not in BY_CODE


def test_a_code_leads_to_a_reason_with_that_code() -> None:
    for code, decline in BY_CODE.items():
        assert REASONS[decline].code == code


@pytest.mark.parametrize("ours", [Decline.NOT_SENT, Decline.NOT_RECEIVED])
def test_what_no_host_says_stands_under_no_code(ours: Decline) -> None:
    assert ours not in BY_CODE.values()
    assert REASONS[ours].nature is Nature.FAULT


def test_every_reason_has_a_text_for_people() -> None:
    for reason in REASONS.values():
        assert reason.text
        assert reason.text == reason.text.strip()
        assert len(reason.code) == 2
