"""Many calls at once, retries and silence: nothing is done twice, no number is given twice."""

import asyncio
import json
from decimal import Decimal

import pytest
from msgspec.structs import replace
from tests.afterpay.shop import Shop, code, figures, item, open_shop, said
from tests.contract.wires import Bank

from counterfoil.core.answers import Answer
from counterfoil.core.order import Kind
from counterfoil.core.ports import Inquiry, Instruction
from counterfoil.dialects.afterpay.numbers import CAPTURE, NUMBER, Numbers

pytestmark = pytest.mark.anyio


class Mumbling(Bank):
    """A bank of which only the first answer is heard."""

    async def send(self, instruction: Instruction) -> Answer:
        """Its answer."""
        answer = await super().send(instruction)
        self.mumbles = True
        return answer


@pytest.fixture
async def shop() -> Shop:
    return await open_shop()


async def test_refunds_of_one_capture_at_once_never_exceed_it(shop: Shop) -> None:
    await shop.order()
    await shop.good("/orders/1001/captures", {"invoiceNumber": "I1"})
    back = {"captureNumber": "I1", "items": [item("x", 10)]}
    answers = await asyncio.gather(*(shop.post("/orders/1001/refunds", back) for _ in range(30)))
    good = [each for each in answers if each.status_code == 200]
    assert len(good) == 18
    assert {code(each) for each in answers if each.status_code != 200} == {"400.951"}
    numbers = [number for each in good for number in json.loads(each.content)["refundNumbers"]]
    assert len(set(numbers)) == 18
    (capture,) = (await shop.get("/orders/1001/captures"))["captures"]
    assert (capture["totalRefundedAmount"], capture["balance"]) == (Decimal(180), Decimal(5))


async def test_captures_and_voids_at_once_never_exceed_the_order(shop: Shop) -> None:
    await shop.order()
    body = {"orderDetails": {"items": [item("x", 10)]}}
    gone = {"cancellationDetails": {"items": [item("x", 10)]}}
    answers = await asyncio.gather(
        *(shop.post("/orders/1001/captures", body) for _ in range(15)),
        *(shop.post("/orders/1001/voids", gone) for _ in range(15)),
    )
    assert sum(each.status_code == 200 for each in answers) == 18
    assert {code(each) for each in answers if each.status_code != 200} <= {"400.117", "400.953"}


async def test_orders_at_once_of_one_number(shop: Shop) -> None:
    made = {
        "payment": {"type": "Invoice"},
        "customer": {"firstName": "Ada"},
        "order": {"number": "N1", "items": [item("x", 10)], "currency": "EUR"},
    }
    answers = await asyncio.gather(*(shop.post("/checkout/authorize", made) for _ in range(20)))
    assert sorted(each.status_code for each in answers) == [200] + [400] * 19
    assert {code(each) for each in answers if each.status_code == 400} == {"400.100"}


async def test_a_number_is_unique_in_its_merchants_whole_book(shop: Shop) -> None:
    for number in ("1", "2"):
        await shop.order(number)
    await shop.good("/orders/1/captures", {"invoiceNumber": "I"})
    assert await shop.refused("/orders/2/captures", {"invoiceNumber": "I"}) == "400.950"
    await shop.good("/orders/2/captures", {"invoiceNumber": "J"})
    note = {"captureNumber": "I", "creditNoteNumber": "N", "items": [item("x", 1)]}
    await shop.good("/orders/1/refunds", note)
    assert await shop.refused("/orders/2/refunds", {**note, "captureNumber": "J"}) == "400.952"


async def test_a_number_of_what_was_declined_is_free(shop: Shop) -> None:
    await shop.good(
        "/checkout/authorize",
        {
            "payment": {"type": "Invoice"},
            "customer": {"firstName": "charge.05"},
            "order": {"number": "1", "items": [item("x", 10)], "currency": "EUR"},
        },
    )
    for _ in range(2):
        declined = await shop.post("/orders/1/captures", {"invoiceNumber": "I"})
        assert code(declined) == "400.117"
        assert "Declined: Do not honor" in declined.text
    await shop.order("2")
    assert (await shop.good("/orders/2/captures", {"invoiceNumber": "I"}))["captureNumber"] == "I"
    assert await shop.refused("/orders/2/captures", {"invoiceNumber": "I"}) == "400.117"


async def test_our_numbers_go_on_around_the_merchants_own(shop: Shop) -> None:
    await shop.order("1")
    part = {"orderDetails": {"items": [item("x", 10)]}}
    own = {**part, "invoiceNumber": "000000001"}
    assert (await shop.good("/orders/1/captures", own))["captureNumber"] == "000000001"
    for number in (2, 3):
        captured = await shop.good("/orders/1/captures", part)
        assert captured["captureNumber"] == f"{number:09}"
    fresh = Numbers(shop.desk.engine)  # another process: it finds the gap, and passes what follows
    assert await fresh.next(1, NUMBER) == [1]
    fresh.pass_by(1, f"{CAPTURE}/000000001")
    assert await fresh.next(1, NUMBER) == [2]
    fresh.pass_by(1, f"{NUMBER}/2")
    assert await fresh.next(1, NUMBER) == [4]


async def test_an_order_may_be_charged_at_once(shop: Shop) -> None:
    merchant = await shop.desk.store.merchant(1)
    assert merchant is not None
    await shop.desk.store.save_merchant(replace(merchant, auto_charge=True))
    shop.desk.clock.advance(2)
    assert (await shop.order())["outcome"] == "Accepted"
    (capture,) = (await shop.get("/orders/1001/captures"))["captures"]
    assert capture["amount"] == 185
    await shop.good("/orders/1001/refunds", {"captureNumber": capture["captureNumber"]})


async def test_the_sequence_goes_on_after_a_start_and_beside_another_process(shop: Shop) -> None:
    for number in range(1, 40):
        await shop.order(str(number))
        await shop.good(f"/orders/{number}/voids")
    fresh = Numbers(shop.desk.engine)
    assert await fresh.next(1, NUMBER) == [40]
    assert await fresh.next(1, NUMBER, 2) == [41, 42]
    fresh.give_back(1, NUMBER, [41, 42])
    assert await fresh.next(1, NUMBER) == [41]
    await shop.order("40")
    await shop.good("/orders/40/voids")  # the process that counted along knew nothing of this
    fresh.pass_by(1, "afterpay.capture/40")
    assert await fresh.next(1, NUMBER) == [42]
    fresh.pass_by(1, f"{NUMBER}/40")
    assert await fresh.next(1, NUMBER) == [41]


async def test_a_repeated_key_gives_the_same_bytes_and_books_nothing(shop: Shop) -> None:
    await shop.order()
    calls = (
        ("/orders/1001/captures", {"orderDetails": {"items": [item("x", 85)]}}),
        ("/orders/1001/captures/{}/shipping-details", {"type": "Shipment", "shippingCompany": "D",
                                                       "trackingId": "1"}),
        ("/orders/1001/updateOrder", {"updateOrderSummary": {"items": [item("x", 190)]}}),
        ("/orders/1001/voids", {"cancellationDetails": {"items": [item("x", 5)]}}),
        ("/orders/1001/refunds", None),
        ("/checkout/payment-methods", {"order": {"totalGrossAmount": 1}}),
    )  # fmt: skip
    answers = []
    capture = ""
    for path, body in calls:
        answer = await shop.post(path.format(capture), body, key="k")
        assert answer.status_code == 200, answer.text
        capture = json.loads(answer.content).get("captureNumber", capture)
        answers.append(answer.content)
    before = shop.desk.done()
    again = [(await shop.post(path.format(capture), body, key="k")).content for path, body in calls]
    assert again == answers
    assert shop.desk.done() == before


async def test_keys_of_what_was_refused_are_free_and_other_bodies_are_not(shop: Shop) -> None:
    await shop.order()
    assert await shop.refused("/orders/1001/refunds", None, "k") == "400.951"
    await shop.good("/orders/1001/captures", None, "k")
    await shop.good("/orders/1001/refunds", None, "k")
    body = {"refundType": "Return"}
    assert await shop.refused("/orders/1001/refunds", body, "k") == "400.957"
    for key in ("a b", "x" * 51, "é", "a/b", ""):
        answer = await shop.ask(
            "POST", "/orders/1001/captures", headers={"X-Idempotency-Key": key} if key else None
        )
        assert code(answer) == ("400.004" if key else "400.117")


async def test_keys_of_what_was_declined_are_free(shop: Shop) -> None:
    await shop.order()
    ten, five = ({"orderDetails": {"items": [item("x", each)]}} for each in (10, 5))
    shop.desk.bank.declines = True
    assert [await shop.refused("/orders/1001/captures", ten, "k") for _ in range(2)] == [
        "400.117",
        "400.117",
    ]
    shop.desk.bank.declines = False
    made = await shop.good("/orders/1001/captures", five, "k")  # corrected
    assert await shop.good("/orders/1001/captures", five, "k") == made
    assert await shop.refused("/orders/1001/captures", ten, "k") == "400.957"
    assert len((await shop.get("/orders/1001/captures"))["captures"]) == 1


async def test_a_full_refund_that_is_half_known_is_answered_once_it_is_known(shop: Shop) -> None:
    await shop.order()
    for amount in (10, 20):
        await shop.good("/orders/1001/captures", {"orderDetails": {"items": [item("x", amount)]}})
    bank = Mumbling(shop.desk.bank._bank)
    shop.desk.engine.acquirers = {"sandbox": bank}
    assert (await shop.post("/orders/1001/refunds", None, "k")).status_code == 500
    ((told, answer),) = bank.unheard
    known = {name: getattr(told, name) for name in Inquiry.__struct_fields__}
    await shop.desk.engine.receive(Inquiry(**known), answer)
    done = await shop.good("/orders/1001/refunds", None, "k")
    assert (len(done["refundNumbers"]), *figures(done, "totalRefundedAmount")) == (2, 30)


async def test_what_has_no_answer_is_neither_done_nor_undone(shop: Shop) -> None:
    await shop.order()
    shop.desk.bank.dumb = True
    for path in ("captures", "voids"):
        body = {"orderDetails": {"items": [item("x", 10)]}}
        body |= {"cancellationDetails": body["orderDetails"]}
        answer = await shop.post(f"/orders/1001/{path}", body)
        assert (answer.status_code, list(json.loads(answer.content))) == (500, ["message"])
    assert (await shop.get("/orders/1001/captures"))["captures"] == []
    assert (await shop.get("/orders/1001/voids"))["cancellations"] == []
    more = {"updateOrderSummary": {"items": [item("x", 1)]}}
    assert (await shop.post("/orders/1001/updateOrder", more)).status_code == 500
    shop.desk.bank.dumb = False
    captured = await shop.good("/orders/1001/captures")  # what is held is not taken twice
    assert figures(captured, "capturedAmount") == (165,)


async def test_an_order_without_an_answer_is_pending(shop: Shop) -> None:
    shop.desk.bank.dumb = True
    assert (await shop.order())["outcome"] == "Pending"
    shop.desk.bank.dumb = False
    details = (await shop.get("/orders/1001"))["orderDetails"]
    assert details["status"] == "Pending"
    assert await shop.refused("/orders/1001/captures") == "400.117"
    waiting = await shop.desk.store.pending(1, 2**63 - 1, 10)
    assert [each.operation.kind for each in waiting] == [Kind.AUTHORIZE]


async def test_a_lost_login_page_leads_nowhere(shop: Shop) -> None:
    client = shop.desk.client
    for path in ("x", "1.2.3", "1.2." + "0" * 32, "a.b." + "0" * 32):
        assert (await client.get(f"/api/v3/secure-login/{path}")).status_code == 404


@pytest.mark.parametrize(
    ("choice", "status"), [("confirm", "Accepted"), ("cancel", "Cancelled"), ("", "Cancelled")]
)
async def test_a_customer_proves_who_it_is(choice: str, status: str, shop: Shop) -> None:
    waiting = await shop.good(
        "/checkout/authorize",
        {
            "payment": {"type": "Invoice"},
            "customer": {"firstName": "StrongCustomerAuthentication", "lastName": "Doe"},
            "order": {"number": "1", "items": [item("x", 10)], "currency": "EUR"},
        },
    )
    url = f"{waiting['secureLoginUrl']}https://shop.example/back?order=1&x=%C3%A4"
    client = shop.desk.client
    page = await client.get(url)
    assert (page.status_code, "10.00 EUR" in page.text) == (200, True)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for _ in range(2):
        back = await client.post(url, content=f"choice={choice}".encode())
        assert back.status_code == 303
        assert back.headers["location"] == "https://shop.example/back?order=1&x=%C3%A4"
    shown = (await shop.get("/orders/1"))["orderDetails"]
    assert shown["status"] == status
    captured = await shop.post("/orders/1/captures")
    assert captured.status_code == (200 if choice == "confirm" else 400)
    plain = str(waiting["secureLoginUrl"])
    assert (await client.get(plain)).status_code == 200
    assert (await client.get(f"{plain}javascript:alert(1)")).status_code == 200


async def test_a_login_is_awaited_for_a_day(shop: Shop) -> None:
    waiting = await shop.good(
        "/checkout/authorize",
        {
            "payment": {"type": "Invoice"},
            "customer": {"firstName": "StrongCustomerAuthentication"},
            "order": {"number": "1", "items": [item("x", 10)], "currency": "EUR"},
        },
    )
    shop.desk.clock.advance(24 * 3600 + 60)
    for _ in range(2):
        shown = (await shop.get("/orders/1"))["orderDetails"]
        assert shown["status"] == "Expired"
        await shop.desk.client.post(str(waiting["secureLoginUrl"]), content=b"choice=confirm")
    for path in ("captures", "voids"):
        assert await shop.refused(f"/orders/1/{path}") == "400.115"
    assert said(await shop.ask("GET", "/status"))
