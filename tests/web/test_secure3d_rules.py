"""When an order demands 3-D Secure: what the caller says, what the merchant's settings say."""

from typing import Final

import pytest
from httpx2 import Response
from msgspec.structs import replace
from tests.contract.wires import MERCHANT, Desk, open_desk
from tests.web.asking import CREDENTIALS, DETAILS

from counterfoil.connectors.sandbox.table import Authentication, card_authenticated

pytestmark = pytest.mark.anyio

ASKED: Final = card_authenticated(Authentication.CHALLENGE)
OWN: Final = {"cavv": "AAABCBVRA2EYZXQBV1EDAAAAAAA=", "eci": "05"}


@pytest.fixture
async def desk() -> Desk:
    """A gateway of the test's own."""
    return await open_desk()


async def settings(desk: Desk, **given: object) -> None:
    """Give the demo merchant these settings."""
    merchant = await desk.store.merchant(MERCHANT)
    assert merchant is not None
    await desk.store.save_merchant(replace(merchant, **given))


async def authorize(desk: Desk, pan: str = ASKED, **more: object) -> Response:
    """An order of 9.99, a second later than what was before."""
    desk.clock.advance(1)
    card = {"cvv": "333", "expiration_month": 12, "expiration_year": 2030, "holder": "John Smith"}
    asked = {"amount": 9.99, "card": card, "location": {"ip": "6.6.6.6"}, "pan": pan, **more}
    return await desk.client.post("/orders/authorize", json=asked, auth=CREDENTIALS)


def block(answer: Response) -> dict[str, str]:
    """The block of the answer's order."""
    found: dict[str, str] = answer.json()["orders"][0]["secure3d"]
    return found


@pytest.mark.parametrize(
    ("rule", "options", "status", "reason"),
    [
        (False, {}, 200, None),
        (False, {"force3d": 0}, 200, None),
        (False, {"force3d": "1"}, 201, "force3d"),
        (True, {}, 201, "settings"),
        (True, {"force3d": False}, 200, None),
        (True, {"force3d": True}, 201, "force3d"),
        (True, {"exemption_mit": 1}, 200, None),
        (True, {"force3d": 1, "exemption_mit": 1}, 200, None),
    ],
)
async def test_who_says_that_it_is_demanded(
    desk: Desk, *, rule: bool, options: dict[str, object], status: int, reason: str | None
) -> None:
    await settings(desk, secure3d=rule)
    answer = await authorize(desk, options=options)
    assert answer.status_code == status
    assert block(answer).get("reason") == reason


async def test_the_rule_holds_without_any_options(desk: Desk) -> None:
    await settings(desk, secure3d=True)
    assert (await authorize(desk)).status_code == 201
    answer = await authorize(desk, secure3d={"browser_details": DETAILS})
    assert block(answer)["version"] == "2"


async def test_a_result_of_the_merchant_s_own_goes_first(desk: Desk) -> None:
    await settings(desk, secure3d=True)
    answer = await authorize(desk, secure3d=OWN)
    assert answer.status_code == 200
    assert block(answer) == {"cavv": OWN["cavv"], "eci": "5", "reason": "external"}


async def test_where_no_issuer_could_say_the_merchant_may_bear_the_risk(desk: Desk) -> None:
    pan, demanded = card_authenticated(Authentication.NOT_ENROLLED), {"force3d": 1}
    assert (await authorize(desk, pan, options=demanded)).status_code == 402
    await settings(desk, unproved=True)
    answer = await authorize(desk, pan, options=demanded)
    assert answer.status_code == 200
    assert block(answer) == {
        "eci": "7", "reason": "force3d", "scenario": "unknown", "version": "1"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("details", "faults"),
    [
        ({}, []),
        ({"browser_language": None, "window_height": 1}, []),
        ({"browser_color_depth": 0}, ["browser_color_depth"]),
        ({"browser_color_depth": "many"}, ["browser_color_depth"]),
        ({"browser_timezone": "+60"}, ["browser_timezone"]),
        ({"browser_screen_height": -1}, ["browser_screen_height"]),
        ({"browser_java_enabled": "perhaps"}, ["browser_java_enabled"]),
        (
            {"browser_user_agent": "a" * 2049, "browser_language": "e" * 36},
            ["browser_language", "browser_user_agent"],
        ),
        ({"browser_language": "en_US,en;q=0.9"}, []),
        ({"browser_ip": "2001:db8::1"}, []),
        ({"browser_language": "not a language"}, ["browser_language"]),
        ({"browser_ip": "here"}, ["browser_ip"]),
        ({"browser_accept_header": "\u0007"}, ["browser_accept_header"]),
    ],
)
async def test_what_is_said_of_a_browser_is_well_formed(
    desk: Desk, details: dict[str, object], faults: list[str]
) -> None:
    said = {"browser_details": {**DETAILS, **details}}
    answer = await authorize(desk, options={"force3d": 1}, secure3d=said)
    named = [each["attribute"].rpartition(".")[2] for each in answer.json().get("errors", [])]
    assert (answer.status_code, named) == (422 if faults else 201, faults)


async def test_a_browser_may_be_described_by_one_word(desk: Desk) -> None:
    said = {"browser_details": {"browser_user_agent": "Mozilla"}}
    answer = await authorize(desk, options={"force3d": 1}, secure3d=said)
    assert "creq" in answer.json()["orders"][0]["form3d"]


async def test_the_public_address_is_in_every_form(desk: Desk) -> None:
    answer = await authorize(desk, options={"force3d": 1})
    form = answer.json()["orders"][0]["form3d"]
    assert form["TermUrl"].startswith("http://127.0.0.1:8080/complete/secure3d?session=")


async def test_merchants_do_not_see_each_other_s_authentications(desk: Desk) -> None:
    number = (await authorize(desk, options={"force3d": 1})).json()["orders"][0]["id"]
    other = ("project_reserve", "password")
    for verb in ("complete", "complete3d20", "resume"):
        answer = await desk.client.post(f"/orders/{number}/{verb}", json={"PaRes": "Y"}, auth=other)
        assert answer.status_code == 404
