"""The payment page served: paid once, tried as often as it may be, over in time, nothing leaked."""

import asyncio
import re
from typing import Final

import pytest
from tests.web.shop import CARD, PAN, open_shop

from counterfoil.connectors import Behaviour
from counterfoil.connectors.sandbox.table import card_doing
from counterfoil.core.change import Change, change
from counterfoil.core.errors import Code
from counterfoil.core.merchant import Merchant, Terminal
from counterfoil.core.order import Location, Order, Relation
from counterfoil.core.rules import Standing, standing
from counterfoil.engine.pages import Challenge, Pages, Prepared, attached

pytestmark = pytest.mark.anyio

BACK: Final = "http://shop.example/thanks?cart=7&x=a%26b#top"
DECLINED: Final = "4000000000000002"
FUNDS: Final = "4000000000009995"
FAULTY: Final = "4000000000000119"
HASHES: Final = re.compile(r' name="(form|key)" value="[^"]*"')  # in which any digits may stand
SILENT: Final = card_doing(Behaviour.TIMEOUT_AFTER)


class Bank:
    """An guide that sends everybody to their bank."""

    async def begin(self, merchant: Merchant, prepared: Prepared) -> Order | None:
        """Keep the order, waiting."""
        del merchant
        return await self.keep(prepared)

    async def challenge(self, merchant: Merchant, order: Order) -> Challenge | None:
        """Where to."""
        del merchant
        fields = (("MD", str(order.id)),)
        return Challenge(action="http://127.0.0.1:1/bank", method="POST", fields=fields)

    def __init__(self) -> None:
        self.pages: Pages | None = None

    async def keep(self, prepared: Prepared) -> Order:
        """The order with the payment attached."""
        assert self.pages is not None
        pages = self.pages

        def decide(order: Order) -> Change:
            return change(
                attached(order, prepared, pages.engine.clock.now()), cards=(prepared.sealed,)
            )

        made = await pages.engine.commit(prepared.order, decide)
        assert made is not None
        return made.order


async def test_the_page_asks_for_a_card_and_what_is_typed_pays() -> None:
    shop = await open_shop()
    path = await shop.create(return_url=BACK)
    shown = await shop.client.get(path)
    assert shown.status_code == 200
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert "€" not in shown.text
    assert "$9.99" in shown.text
    paid = await shop.pay(path)
    order = await shop.order(path)
    assert paid.status_code == 303
    where = f"http://shop.example/thanks?cart=7&x=a%26b&order_id={order.id}#top"
    assert paid.headers["location"] == where
    assert standing(order) is Standing.AUTHORIZED
    assert order.location == Location(ip="9.9.9.9")
    again = await shop.client.get(path)
    assert (again.status_code, again.headers["location"]) == (303, where)
    assert again.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("back", "where"),
    [
        ("http://shop.example", "http://shop.example?order_id={}"),
        ("http://shop.example/a%20b?x=[1]#c", "http://shop.example/a%20b?x=[1]&order_id={}#c"),
        ("http://shop.example/ü 漢", "http://shop.example/%C3%BC%20%E6%BC%A2?order_id={}"),
        (
            "http://shop.example/\r\nSet-Cookie: a=b",
            "http://shop.example/Set-Cookie:%20a=b?order_id={}",
        ),
    ],
)
async def test_whatever_the_shop_s_address_the_browser_gets_there(back: str, where: str) -> None:
    shop = await open_shop()
    path = await shop.create(return_url=back)
    paid = await shop.pay(path)
    assert paid.headers["location"] == where.format((await shop.order(path)).id)
    assert "set-cookie" not in paid.headers


async def test_without_an_address_to_go_back_to_there_is_a_page_that_says_what_came_of_it() -> None:
    shop = await open_shop()
    path = await shop.create(language="de")
    paid = await shop.pay(path)
    assert (paid.status_code, paid.headers["location"]) == (303, f"{path}?language=de")
    shown = await shop.client.get(paid.headers["location"])
    assert (shown.status_code, "Zahlung angenommen" in shown.text) == (200, True)


async def test_the_customer_s_name_is_filled_in_and_given_place_is_kept() -> None:
    shop = await open_shop()
    path = await shop.create(client={"name": "Grace Hopper"}, location={"ip": "6.6.6.6"})
    assert 'value="Grace Hopper"' in (await shop.client.get(path)).text
    await shop.pay(path)
    assert (await shop.order(path)).location == Location(ip="6.6.6.6")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"pan": ""}, "Enter the card number."),
        ({"pan": "4111111111111112"}, "This card number is not valid."),
        ({"pan": "x" * 300}, "This card number is not valid."),
        ({"expiration_month": "13"}, "Enter the month"),
        ({"expiration_month": ""}, "Enter the month"),
        ({"expiration_year": "3"}, "Enter the year"),
        ({"expiration_year": "20"}, "This card has expired."),
        ({"expiration_year": "2020"}, "This card has expired."),
        ({"cvv": "12"}, "Enter the security code"),
        ({"cvv": "٣٣٣"}, "Enter the security code"),
        ({"holder": "A"}, "Enter the name"),
        ({"holder": "A\x00B"}, "Enter the name"),
    ],
)
async def test_what_is_wrong_is_said_and_the_order_stays_new(
    wrong: dict[str, str], said: str
) -> None:
    shop = await open_shop()
    path = await shop.create(return_url=BACK)
    answer = await shop.pay(path, **wrong)
    assert (answer.status_code, said in answer.text) == (422, True)
    shown = HASHES.sub("", answer.text)
    for secret in (PAN, CARD["pan"], "4111", CARD["cvv"], wrong.get("pan") or PAN):
        assert secret not in shown
    assert standing(await shop.order(path)) is Standing.NEW
    assert (await shop.pay(path)).status_code == 303


async def test_what_a_project_does_not_ask_for_may_be_left_out() -> None:
    shop = await open_shop()
    await shop.set(cvv_required=False, holder_required=False)
    path = await shop.create()
    assert (await shop.pay(path, cvv="", holder="")).status_code == 303
    assert standing(await shop.order(path)) is Standing.AUTHORIZED


async def test_a_form_of_somebody_else_pays_nothing() -> None:
    shop = await open_shop()
    path, other = await shop.create(), await shop.create()
    hidden = await shop.form(other)
    for forged in ({}, hidden, {"form": "a", "key": "é"}, {**hidden, "form": "x"}):
        answer = await shop.submit(path, {**CARD, **forged})
        assert answer.status_code == 403
        assert PAN not in answer.text
    many = "&".join(f"a{each}=1" for each in range(100))
    assert (await shop.client.post(path, content=many.encode())).status_code == 403
    assert standing(await shop.order(path)) is Standing.NEW


async def test_an_address_that_nobody_was_given_leads_nowhere() -> None:
    shop = await open_shop()
    path = await shop.create()
    other = await shop.create()
    number, token = path.split(".")[0], other.split(".")[1]
    for wrong in ("/pay/", "/pay", f"{number}.{token}", number, "/pay/x.y", "/pay/static/x.css"):
        answer = await shop.client.get(wrong)
        assert (answer.status_code, "Page not found" in answer.text) == (404, True)
    assert (await shop.client.get(f"{path}/more")).status_code == 404
    answer = await shop.client.put(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")


async def test_a_page_is_over_in_time() -> None:
    shop = await open_shop()
    path = await shop.create(expiration_timeout="1s", return_url=BACK)
    hidden = await shop.form(path)
    shop.clock.advance(2)
    for answer in (await shop.submit(path, {**hidden, **CARD}), await shop.client.get(path)):
        assert answer.status_code == 410
        assert "<form" not in answer.text
        assert "shop.example" in answer.text
    assert (await shop.order(path)).closed is Code.SESSION_EXPIRED


async def test_a_form_sent_many_times_at_once_pays_once() -> None:
    shop = await open_shop()
    path = await shop.create(return_url=BACK)
    given = {**await shop.form(path), **CARD}
    answers = await asyncio.gather(*(shop.submit(path, given) for _ in range(10)))
    assert {each.status_code for each in answers} == {303}
    ends = {each.headers["location"].partition("?")[0] for each in answers}
    assert ends <= {"http://shop.example/thanks", path}
    order = await shop.order(path)
    assert [operation.kind for operation in order.operations] == ["authorize"]
    assert (await shop.submit(path, given)).headers["location"].startswith("http://shop.example/")
    assert len((await shop.order(path)).operations) == 1


async def test_a_declined_payment_goes_back_to_the_shop() -> None:
    shop = await open_shop()
    path = await shop.create(return_url=BACK)
    answer = await shop.pay(path, pan=DECLINED)
    assert answer.headers["location"].startswith("http://shop.example/")
    assert standing(await shop.order(path)) is Standing.DECLINED
    assert (await shop.client.get(path)).status_code == 303


@pytest.mark.parametrize(
    ("pan", "said"),
    [(DECLINED, "Payment declined"), (FAULTY, "Payment not completed")],
)
async def test_a_refusal_is_told_where_there_is_nowhere_to_go(pan: str, said: str) -> None:
    shop = await open_shop()
    path = await shop.create()
    shown = await shop.client.get((await shop.pay(path, pan=pan)).headers["location"])
    assert (shown.status_code, said in shown.text) == (200, True)
    assert "<form" not in shown.text


async def test_where_the_project_lets_them_customers_try_again_a_few_times() -> None:
    shop = await open_shop()
    await shop.set(settings=("bizon.page_retry",))
    path = await shop.create(return_url=BACK)
    for pan, said in ((DECLINED, "Your bank declined"), (FUNDS, "does not hold enough money")):
        answer = await shop.pay(path, pan=pan)
        assert answer.headers["location"] == f"{path}?language=en"
        assert said in (await shop.client.get(path)).text
    assert "shop.example" in (await shop.pay(path)).headers["location"]
    assert standing(await shop.order(path)) is Standing.AUTHORIZED
    path = await shop.create(return_url=BACK)
    for _ in range(2):
        assert (await shop.pay(path, pan=FAULTY)).headers["location"].startswith(path)
    assert "could not be made" in (await shop.client.get(path)).text
    assert "shop.example" in (await shop.pay(path, pan=DECLINED)).headers["location"]


async def test_while_nobody_knows_the_page_says_to_wait() -> None:
    shop = await open_shop()
    path = await shop.create(return_url=BACK)
    answer = await shop.pay(path, pan=SILENT)
    assert answer.headers["location"] == f"{path}?language=en"
    shown = await shop.client.get(path)
    assert (shown.status_code, "Do not pay again" in shown.text) == (200, True)
    assert "<form" not in shown.text


async def test_what_is_charged_at_once_and_given_back_later_is_finished() -> None:
    shop = await open_shop()
    path = await shop.create(auto_charge=1)
    await shop.pay(path)
    order = await shop.order(path)
    assert standing(order) is Standing.CHARGED
    auth = ("project", "password")
    assert (await shop.client.put(f"/orders/{order.id}/refund", auth=auth)).status_code == 200
    assert "finished already" in (await shop.client.get(path)).text


async def test_a_link_for_many_stays_open_and_each_payment_is_an_order() -> None:
    shop = await open_shop()
    await shop.set(settings=("bizon.static_link",))
    path = await shop.create(static_link=1)
    shop.clock.advance(10 * 24 * 3600)
    hidden = await shop.form(path)
    first = await shop.submit(path, {**hidden, **CARD})
    own = first.headers["location"].partition("?")[0]
    assert own != path
    again = await shop.submit(path, {**hidden, **CARD})
    assert again.headers["location"] == first.headers["location"]
    assert "Payment accepted" in (await shop.client.get(own)).text
    made = await shop.order(own)
    link = await shop.order(path)
    assert (made.parent, made.relation, made.reference) == (link.id, Relation.LINK, "A-1")
    assert standing(link) is Standing.NEW
    second = (await shop.pay(path)).headers["location"].partition("?")[0]
    assert second not in {own, path}


async def test_without_wallets_no_button_is_shown_and_none_pays() -> None:
    shop = await open_shop()
    path = await shop.create(google_pay_enabled=1)
    hidden = await shop.form(path)
    assert 'name="wallet"' not in (await shop.client.get(path)).text
    for wallet in ("google_pay", "samsung_pay"):
        answer = await shop.submit(path, {**hidden, "wallet": wallet})
        assert "Pay by card." in answer.text
    assert standing(await shop.order(path)) is Standing.NEW


async def test_languages_layouts_and_who_says_so() -> None:
    shop = await open_shop()
    path = await shop.create(language="ar", template=2, mobile=1)
    shown = await shop.client.get(path)
    assert '<html lang="ar" dir="rtl" class="layout-column mobile">' in shown.text
    assert shown.headers["content-language"] == "ar"
    assert 'lang="ja"' in (await shop.client.get(f"{path}?language=ja")).text
    path = await shop.create(language="tlh", template="12")
    shown = await shop.client.get(path, headers={"Accept-Language": "fr-CH, en;q=0.8"})
    assert '<html lang="fr" dir="ltr" class="layout-stub">' in shown.text


async def test_a_real_acquirer_is_no_test() -> None:
    shop = await open_shop()
    path = await shop.create()
    assert "Test mode" in (await shop.client.get(path)).text
    await shop.set(terminals=(Terminal(name="TERM", connector="bank"),))
    assert "Test mode" not in (await shop.client.get(path)).text
    answer = await shop.pay(path)  # which nobody has connected
    assert (answer.status_code, "Something went wrong" in answer.text) == (503, True)
    assert standing(await shop.order(path)) is Standing.NEW


async def test_a_store_that_is_away_is_a_page_too() -> None:
    shop = await open_shop()
    path = await shop.create()
    await shop.store.close()
    shop.store._open = False
    hidden = await shop.form(path)
    assert (await shop.submit(path, {**hidden, **CARD})).status_code == 503


async def test_a_body_without_end_is_not_read() -> None:
    shop = await open_shop()
    path = await shop.create()
    answer = await shop.client.post(path, content=b"a" * 2_000_000)
    assert answer.status_code == 400


async def test_a_challenge_is_shown_and_shown_again() -> None:
    bank = Bank()
    shop = await open_shop(bank)
    path = await shop.create(return_url=BACK)
    bank.pages = Pages(shop.orders)
    answer = await shop.pay(path)
    assert answer.headers["location"] == f"{path}?language=en"
    for _ in range(2):
        shown = await shop.client.get(path)
        assert 'action="http://127.0.0.1:1/bank"' in shown.text
        assert shown.status_code == 200
    assert standing(await shop.order(path)) is Standing.WAITING
    shop.clock.advance(3600)
    assert (await shop.client.get(path)).status_code == 410


async def test_what_the_browser_tells_reaches_the_guide() -> None:
    told: list[tuple[tuple[str, str], ...]] = []

    class Ears(Bank):
        async def begin(self, merchant: Merchant, prepared: Prepared) -> Order | None:
            del merchant
            told.append(prepared.attempt.browser)
            return None

    shop = await open_shop(Ears())
    await shop.pay(await shop.create())
    await shop.pay(await shop.create(), browser_language="de-CH", browser_timezone="-60")
    assert told[0] == ()
    assert (
        dict(told[1]).items()
        >= {
            "browser_language": "de-CH",
            "browser_timezone": "-60",
            "browser_ip": "9.9.9.9",
            "browser_accept_header": "*/*",
        }.items()
    )
