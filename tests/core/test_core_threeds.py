"""3-D Secure in the core: what a status means, for a payment and for who bears a loss."""

import pytest
from msgspec.structs import replace

from counterfoil.core.card import Brand
from counterfoil.core.history import as_of
from counterfoil.core.money import Money
from counterfoil.core.order import Order, Payment, Secure3d
from counterfoil.core.threeds import (
    MEANINGS,
    Authentication,
    Form,
    Liability,
    Meaning,
    Result,
    Status,
    Step,
    Version,
    eci,
    liability,
    passes,
)

EUR = Money(minor=100, currency="EUR")
FORM, BEFORE = (Form(url=f"https://bank.example/{each}", method="POST", fields=()) for each in "ab")
KNOWN = Authentication(
    version=Version.TWO_2, reason="force3d", step=Step.PASSED, transaction="t", begun=10,
    changed=40, expires=90, base="https://pay.example", form=FORM, method=BEFORE, resumed=20,
    result=Result(status=Status.AUTHENTICATED),
)  # fmt: skip


def test_every_status_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Status)


@pytest.mark.parametrize(
    ("brand", "levels"),
    [
        (Brand.VISA, ("05", "06", "07")),
        (Brand.MASTERCARD, ("02", "01", "00")),
        (Brand.MAESTRO, ("02", "01", "00")),
        (Brand.AMEX, ("05", "06", "07")),
        (Brand.MIR, ("05", "06", "07")),
        (Brand.UNKNOWN, ("05", "06", "07")),
    ],
)
def test_the_indicator_by_scheme_and_status(brand: Brand, levels: tuple[str, str, str]) -> None:
    full, attempt, none = levels
    assert eci(brand, Status.AUTHENTICATED) == full
    assert eci(brand, Status.ATTEMPTED) == attempt
    for status in (*(set(Status) - {Status.AUTHENTICATED, Status.ATTEMPTED}), None):
        assert eci(brand, status) == none


def test_the_issuer_bears_the_loss_of_what_it_authenticated_or_attempted() -> None:
    bearing = {status for status in Status if liability(status) is Liability.ISSUER}
    assert bearing == {Status.AUTHENTICATED, Status.ATTEMPTED}
    assert liability(None) is Liability.MERCHANT


@pytest.mark.parametrize("unproved", [False, True])
def test_what_passes(unproved: bool) -> None:
    passing = {each for each in Status if passes(Result(status=each), unproved=unproved)}
    doubtful = {each for each in Status if MEANINGS[each] is Meaning.DOUBT}
    wanted = {Status.AUTHENTICATED, Status.ATTEMPTED}
    assert passing == (wanted | doubtful if unproved else wanted)
    assert passes(Result(status=None), unproved=unproved) is unproved


def order(known: Authentication) -> Order:
    payment = Payment(
        id=1, amount=EUR, terminal="TERM", authentication=known, secure3d=Secure3d(reason="force3d")
    )
    return Order(merchant=1, id=1, amount=EUR, payments=(payment,))


def then(known: Authentication, instant: int) -> Authentication:
    found = as_of(order(known), instant).payments[0].authentication
    assert found is not None
    return found


def test_an_authentication_at_an_earlier_instant() -> None:
    assert then(KNOWN, 40) == KNOWN
    waiting = then(KNOWN, 30)
    assert (waiting.step, waiting.form, waiting.result) == (Step.CHALLENGE, FORM, None)
    assert waiting.waits
    shown = then(KNOWN, 10)
    assert (shown.step, shown.form) == (Step.METHOD, BEFORE)
    assert as_of(order(KNOWN), 30).payments[0].secure3d is None
    assert as_of(order(KNOWN), 40).payments[0].secure3d is not None


def test_a_method_step_at_an_earlier_instant() -> None:
    still = replace(KNOWN, step=Step.METHOD, method=None, resumed=None, result=None)
    assert then(still, 20).form == FORM
    assert then(still, 20).step is Step.METHOD
    failed = replace(KNOWN, step=Step.FAILED, method=None, resumed=None)
    assert then(failed, 20).step is Step.CHALLENGE


def test_what_was_never_asked_is_as_it_was() -> None:
    at_once = replace(KNOWN, form=None)
    assert then(at_once, 20) == at_once
    assert then(KNOWN, 5) == KNOWN


def test_an_order_is_as_young_as_its_authentication() -> None:
    assert order(replace(KNOWN, changed=2**60)).updated == 2**60
