"""What comes of a post, whatever the other end does: a receipt, in time, and nothing kept."""

import asyncio
import gzip
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from itertools import pairwise

import pytest
from msgspec.structs import replace
from tests.courier.receiver import (
    CALLBACK,
    Answer,
    Names,
    Receiver,
    couriering,
    drips,
    receiving,
    says,
    sends,
)

from counterfoil.core.callbacks import ANSWER_MAX, Callback, Receipt
from counterfoil.courier import Forbidden
from counterfoil.courier.http import RETRY_AFTER_MAX_S, HttpCourier
from counterfoil.version import VERSION

pytestmark = pytest.mark.anyio

SHORT_MS = 300
LOOSE_US = 3_000_000  # a short limit is kept within this on a busy machine
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 1_000_000
SECRET = Callback(body=b'{"pan": "top secret"}', headers=(("webhook-signature", "v1,secret"),))


async def posted(answer: Answer, *, timeout_ms: int = 5_000) -> tuple[Receipt, Receiver]:
    async with receiving(answer) as receiver, couriering(timeout_ms=timeout_ms) as courier:
        return await courier.post(receiver.url(), CALLBACK), receiver


async def test_a_post_is_what_was_asked_for() -> None:
    receipt, receiver = await posted(says("200 OK", "thanks"))
    assert (receipt.status, receipt.answer, receipt.why) == (200, "thanks", None)
    assert receipt.delivered
    assert 0 < receipt.took_us < 5_000_000
    line, *headers = receiver.heads[0].rstrip().split("\r\n")
    assert line == "POST /hook HTTP/1.1"
    assert sorted(headers) == [
        "Accept-Encoding: identity",
        "Accept: */*",
        "Content-Length: 11",
        "Content-Type: application/json",
        f"Host: 127.0.0.1:{receiver.port}",
        f"User-Agent: Counterfoil/{VERSION}",
        "x-test: yes",
    ]
    assert receiver.bodies == [CALLBACK.body]


async def test_the_path_goes_out_as_it_was_written() -> None:
    path = "/a//b/../%7euser/?q=%2F;a+b&c=[d]"
    async with receiving(says("204 No Content")) as receiver, couriering() as courier:
        assert (await courier.post(receiver.url(path), CALLBACK)).status == 204
        assert receiver.heads[0].startswith(f"POST {path} HTTP/1.1\r\n")


@pytest.mark.parametrize("status", [200, 201, 204, 299, 400, 401, 404, 410, 429, 500, 503, 599])
async def test_a_status_is_an_answer(status: int) -> None:
    receipt, _ = await posted(sends(f"HTTP/1.1 {status} Word\r\n\r\n".encode()))
    assert (receipt.status, receipt.why) == (status, None)
    assert receipt.delivered == (status < 300)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("away", [False, True])
async def test_a_redirect_is_not_followed(status: int, *, away: bool) -> None:
    async with receiving(says("200 OK")) as inner, couriering() as courier:
        location = "http://10.0.0.1/secrets" if away else inner.url()
        answer = says(f"{status} Moved", more=f"Location: {location}\r\n")
        async with receiving(answer) as receiver:
            receipt = await courier.post(receiver.url(), CALLBACK)
        assert (receipt.status, receipt.why, receipt.delivered) == (status, None, False)
        assert (inner.callers, receiver.callers) == (0, 1)


async def test_nobody_there() -> None:
    async with receiving(says("200 OK")) as receiver:
        url = receiver.url()
    async with couriering() as courier:
        receipt = await courier.post(url, CALLBACK)
    assert (receipt.status, receipt.why) == (None, "connection refused")


async def test_no_such_name() -> None:
    async with couriering() as courier:
        receipt = await courier.post("https://nobody.example/", CALLBACK)
    assert (receipt.status, receipt.why) == (None, "no such name")


@pytest.mark.parametrize(
    "answer",
    [
        sends(b"", close=False),
        sends(b"HTTP/1.1 200 OK\r\n", close=False),
        drips(b"HTTP/1.1 200 "),
        drips(b"HTTP/1.1 200 OK\r\nX: "),
        sends(b"HTTP/1.1 100 Continue\r\n\r\n" * 10, close=False),
    ],
    ids=["silence", "half a head", "a byte at a time", "a head without end", "not yet"],
)
async def test_an_answer_that_does_not_come_is_not_waited_for(answer: Answer) -> None:
    receipt, _ = await posted(answer, timeout_ms=SHORT_MS)
    assert (receipt.status, receipt.why) == (None, "timeout")
    assert SHORT_MS * 900 <= receipt.took_us < LOOSE_US


async def test_a_callback_may_give_the_address_less_time_and_not_more() -> None:
    hasty, patient = replace(CALLBACK, timeout_s=1), replace(CALLBACK, timeout_s=60)
    async with receiving(sends(b"", close=False)) as receiver:
        async with couriering(timeout_ms=5_000) as courier:
            receipt = await courier.post(receiver.url(), hasty)
        assert (receipt.why, receipt.took_us < 1_000_000 + LOOSE_US) == ("timeout", True)
        async with couriering(timeout_ms=SHORT_MS) as courier:
            receipt = await courier.post(receiver.url(), patient)
        assert (receipt.why, receipt.took_us < LOOSE_US) == ("timeout", True)


async def test_a_name_that_is_not_resolved_is_not_waited_for() -> None:
    async def slow(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return [host, str(port)]

    courier = HttpCourier(resolver=slow, timeout_ms=SHORT_MS)
    receipt = await courier.post("https://shop.example/", CALLBACK)
    await courier.close()
    assert (receipt.status, receipt.why) == (None, "timeout")


@pytest.mark.parametrize(
    "answer",
    [
        drips(b"HTTP/1.1 200 OK\r\n\r\n"),
        drips(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n"),
        drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n190\r\n"),
    ],
)
async def test_a_body_that_drips_is_cut_off_and_its_head_is_the_answer(answer: Answer) -> None:
    receipt, _ = await posted(answer, timeout_ms=SHORT_MS)
    assert (receipt.status, receipt.why) == (200, None)
    assert set(receipt.answer) == {"a"}
    assert receipt.took_us < LOOSE_US


async def test_a_body_without_end_is_not_read() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(ENDLESS)
        while True:
            writer.write(b"a" * 65_536)
            await writer.drain()

    receipt, _ = await posted(endless)
    assert (receipt.status, receipt.answer) == (200, "a" * ANSWER_MAX)
    assert receipt.took_us < LOOSE_US


async def test_nothing_is_unpacked() -> None:
    bomb = gzip.compress(b"a" * 10_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    receipt, _ = await posted(sends(head.encode() + bomb))
    assert receipt.status == 200
    assert len(receipt.answer) <= ANSWER_MAX
    assert receipt.answer.isprintable()
    assert "aaa" not in receipt.answer


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "connection closed"),
        (b"HTTP/1.1 200", "connection closed"),
        (b"\r\n\r\n\r\n", "connection closed"),
        (b"nonsense\r\n\r\n", "broken answer"),
        (b"HTTP/9.9 2000 What\r\n\r\n", "broken answer"),
        (b"HTTP/1.1 -200 OK\r\n\r\n", "broken answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "broken answer"),
        (b"\x15\x03\x03\x00\x02\x02\x0a", "broken answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "broken answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "broken answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "broken answer"),
        (b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n", "broken answer"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", "broken answer"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 10_000 + b"\r\n", "broken answer"),
        (b"HTTP/1.1 200 " + b"a" * 100_000 + b"\r\n\r\n", "broken answer"),
    ],
)
async def test_what_is_no_http_is_no_answer(raw: bytes, why: str) -> None:
    receipt, _ = await posted(sends(raw))
    assert (receipt.status, receipt.why) == (None, why)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nbegun",
    ],
)
async def test_a_body_that_breaks_off_leaves_its_head(raw: bytes) -> None:
    receipt, _ = await posted(sends(raw))
    assert (receipt.status, receipt.why) == (200, None)
    assert receipt.answer in {"begun", ""}


async def test_what_is_shown_of_an_answer_prints() -> None:
    body = "a\x1b[31mb\0\r\n\tc\u202e\x9bé\udcff"
    content = body.encode("utf-8", "surrogateescape")
    head = f"HTTP/1.1 500 No\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    receipt, _ = await posted(sends(head + content))
    assert receipt.answer == "a [31mb    c  é\ufffd"


@pytest.mark.parametrize(
    ("text", "date", "seconds"),
    [
        ("120", None, 120),
        ("0", None, 0),
        ("99999999999999999999", None, RETRY_AFTER_MAX_S),
        ("-5", None, None),
        ("1.5", None, None),
        ("soon", None, None),
        ("", None, None),
        ("\u0664", None, None),
        ("Thu, 15 Jan 2026 12:02:00 GMT", "Thu, 15 Jan 2026 12:00:00 GMT", 120),
        ("Thursday, 15-Jan-26 12:02:00 GMT", "Thu, 15 Jan 2026 12:00:00 GMT", 120),
        ("Thu, 15 Jan 2026 11:00:00 GMT", "Thu, 15 Jan 2026 12:00:00 GMT", 0),
        ("Thu, 15 Jan 2099 11:00:00 GMT", "Thu, 15 Jan 2026 12:00:00 GMT", RETRY_AFTER_MAX_S),
        ("Thu, 15 Jan 2026 12:02:00 GMT", None, None),
        ("Thu, 15 Jan 2026 12:02:00 GMT", "yesterday", None),
        ("Thu, 15 Jan 2026 12:02:00", "Thu, 15 Jan 2026 12:00:00 GMT", None),
        ("Thu, 99 Jan 2026 12:02:00 GMT", "Thu, 15 Jan 2026 12:00:00 GMT", None),
    ],
)
async def test_how_long_to_wait_is_read(text: str, date: str | None, seconds: int | None) -> None:
    more = f"Retry-After: {text}\r\n" + ("" if date is None else f"Date: {date}\r\n")
    receipt, _ = await posted(says("429 Too Many", more=more))
    assert (receipt.status, receipt.retry_after_s) == (429, seconds)


async def test_a_connection_serves_again_if_its_answer_was_read_to_the_end() -> None:
    async with receiving(says("200 OK", "a" * (ANSWER_MAX - 1))) as receiver:
        async with couriering() as courier:
            for _ in range(3):
                assert (await courier.post(receiver.url(), CALLBACK)).delivered
        assert (receiver.callers, len(receiver.bodies)) == (1, 3)
    async with receiving(says("200 OK", "a" * 1_000_000)) as receiver:
        async with couriering() as courier:
            for _ in range(3):
                assert (await courier.post(receiver.url(), CALLBACK)).delivered
        assert (receiver.callers, len(receiver.bodies)) == (3, 3)


async def test_no_cookie_is_kept() -> None:
    answer = says("200 OK", more="Set-Cookie: a=b; Path=/\r\n")
    names = Names(shop_example=[["127.0.0.1"]])
    async with receiving(answer) as receiver, couriering(names=names) as courier:
        for _ in range(2):
            await courier.post(f"http://shop.example:{receiver.port}/", CALLBACK)
    assert not any("cookie" in head.lower() for head in receiver.heads)


@contextmanager
def variables(**values: str) -> Iterator[None]:
    """The environment with these variables too."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, text in before.items():
            os.environ.pop(name)
            if text is not None:
                os.environ[name] = text


async def test_no_proxy_is_asked() -> None:
    async with receiving(says("200 OK")) as proxy, receiving(says("200 OK")) as receiver:
        address = proxy.url("")
        with variables(http_proxy=address, HTTP_PROXY=address, all_proxy=address, no_proxy=""):
            async with couriering() as courier:
                assert (await courier.post(receiver.url(), CALLBACK)).delivered
    assert (proxy.callers, receiver.callers) == (0, 1)


async def test_a_name_that_turns_inwards_after_it_was_checked_leads_nowhere() -> None:
    names = Names(shop_example=[["127.0.0.1"], ["10.0.0.1"], ["127.0.0.1", "10.0.0.1"]])
    answer = says("200 OK", more="Connection: close\r\n")
    async with receiving(answer) as receiver, couriering(names=names) as courier:
        url = f"http://shop.example:{receiver.port}/"
        receipts = [await courier.post(url, CALLBACK) for _ in range(3)]
    assert [each.status for each in receipts] == [200, None, None]
    why = "refused address: not an allowed network"
    assert [each.why for each in receipts] == [None, why, why]
    assert names.asked == ["shop.example"] * 3  # once for each connection
    assert receiver.callers == 1
    assert f"Host: shop.example:{receiver.port}\r\n" in receiver.heads[0]


async def test_posts_at_once_each_go_where_they_were_checked_for() -> None:
    names = Names(one_example=[["127.0.0.1"]], two_example=[["127.0.0.2"]])
    async with receiving(says("200 OK")) as receiver, couriering(names=names) as courier:
        urls = [f"http://{name}.example:{receiver.port}/" for name in ("one", "two") * 5]
        receipts = await asyncio.gather(*(courier.post(url, CALLBACK) for url in urls))
    # Nobody listens on 127.0.0.2.
    assert [each.status for each in receipts] == [200, None] * 5
    assert {each.why for each in receipts[1::2]} == {"connection refused"}


async def test_no_socket_is_made_for_what_must_not_be_called() -> None:
    async with couriering() as courier:
        for address in ("10.0.0.1", "169.254.169.254"):
            with pytest.raises(Forbidden):
                courier._socket((2, 1, 6, "", (address, 443)))
        courier._socket((2, 1, 6, "", ("127.0.0.1", 443))).close()
        courier.guard.check(ip_address("127.0.0.1"))


async def test_one_that_hangs_delays_no_other() -> None:
    async with (
        receiving(sends(b"", close=False)) as slow,
        receiving(says("200 OK")) as quick,
        couriering(timeout_ms=2_000) as courier,
    ):
        hanging = [asyncio.create_task(courier.post(slow.url(), CALLBACK)) for _ in range(20)]
        began = time.monotonic()
        assert (await courier.post(quick.url(), CALLBACK)).delivered
        assert time.monotonic() - began < 2
        receipts = await asyncio.gather(*hanging)
    assert {each.why for each in receipts} == {"timeout"}


async def test_a_post_that_is_given_up_leaves_nothing_behind() -> None:
    async with receiving(drips(b"HTTP/1.1 200 OK\r\n\r\n")) as receiver, couriering() as courier:
        task = asyncio.create_task(courier.post(receiver.url(), CALLBACK))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert receiver.callers == 1


async def test_nothing_of_a_callback_or_an_address_is_in_a_receipt() -> None:
    answers = (says("500 No"), sends(b""), sends(b"nonsense\r\n\r\n"))
    async with couriering() as courier:
        urls = ["https://u:secret@127.0.0.1/secret", "https://10.9.8.7/secret", "https://[x"]
        found = [await courier.post(url, SECRET) for url in urls]
        for answer in answers:
            async with receiving(answer) as receiver:
                found.append(await courier.post(receiver.url("/secret"), SECRET))
    for each in found:
        assert "secret" not in repr(each)
        assert "127.0.0.1" not in repr(each)
        assert "10.9.8.7" not in repr(each)


async def test_headers_that_cannot_be_sent_are_a_receipt_too() -> None:
    callback = Callback(body=b"", headers=(("x-test", "a\r\nHost: other"),))
    async with receiving(says("200 OK")) as receiver, couriering() as courier:
        receipt = await courier.post(receiver.url(), callback)
    assert (receipt.status, receiver.bodies) == (None, [])
    assert receipt.why is not None


async def test_took_is_measured_by_a_clock_that_never_goes_back() -> None:
    async with receiving(says("200 OK")) as receiver, couriering() as courier:
        began = time.monotonic_ns()
        moments = [began]
        for _ in range(3):
            receipt = await courier.post(receiver.url(), CALLBACK)
            moments.append(time.monotonic_ns())
            assert receipt.took_us * 1000 <= moments[-1] - moments[-2]
    assert all(one < other for one, other in pairwise(moments))
