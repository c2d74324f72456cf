"""webhooks: endpoints and their secrets, what was sent, and sending it again."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

import pytest
from msgspec import json
from tests.cli.conftest import Ran, Run
from tests.e2e.server import PROGRAM

from counterfoil.cli.specimen import specimen
from counterfoil.config import Settings
from counterfoil.core.callbacks import Attempt, Endpoint, Receipt, Told
from counterfoil.core.card import SealedSecret, Secret
from counterfoil.core.events import Event
from counterfoil.core.timers import Due, Settled, Timer, Want
from counterfoil.courier.standard import verify
from counterfoil.testing import FakeClock, SerialIds, demo_merchant
from counterfoil.wiring import Parts, forms, parts
from counterfoil.world import SystemClock

HOOK: Final = "https://shop.example/hook"
HOUR_US: Final = 3_600_000_000


@pytest.fixture
def webhooks(seeded: Run) -> Run:
    def act(*words: str) -> Ran:
        return seeded("webhooks", *words, "--merchant", "1")

    return act


def add(webhooks: Run, *words: str, url: str = HOOK) -> dict[str, object]:
    (row,) = webhooks("endpoints", "add", url, "--json", *words).rows
    return row


def opened(database: Path) -> Settings:
    return Settings(database=f"sqlite:///{database}")


def secrets_of(database: Path) -> list[tuple[SealedSecret, str]]:
    """The secrets of the merchant's one endpoint, opened, the newest first."""

    async def act() -> list[tuple[SealedSecret, str]]:
        async with parts(opened(database)) as made:
            (endpoint,) = await made.store.endpoints(1)
            return [
                (each, made.vault.open_secret((1, endpoint.id), each).reveal())
                for each in endpoint.secrets
            ]

    return asyncio.run(act())


def test_an_endpoint_is_added_listed_and_removed(webhooks: Run) -> None:
    row = add(webhooks)
    assert (row["wire"], row["url"], row["events"], row["off"]) == ("standard", HOOK, "all", None)
    assert str(row["secret"]).startswith("whsec_")
    (listed,) = webhooks("endpoints", "list", "--json").rows
    assert listed == {name: value for name, value in row.items() if name != "secret"}
    assert webhooks("endpoints", "remove", str(row["id"])).status == 0
    assert webhooks("endpoints", "list", "--json").rows == []


def test_an_endpoint_of_a_wire_and_some_events(webhooks: Run, database: Path) -> None:
    events = ("--event", "order.charged", "--event", "order.refunded")
    row = add(webhooks, "--wire", "bizon", "--login", "n", "--secret", "own words", *events)
    assert (row["events"], row["secret"]) == ("order.charged order.refunded", "own words")
    ((_, text),) = secrets_of(database)
    assert text == "own words"
    assert b"own words" not in b"".join(
        each.read_bytes() for each in database.parent.rglob("*") if each.is_file()
    )


def test_a_secret_is_read_from_standard_input(webhooks: Run, database: Path) -> None:
    assert webhooks("endpoints", "list").status == 0
    words = ["add", HOOK, "--merchant", "1", "--wire", "bizon", "--secret", "-"]
    command = [PROGRAM, "webhooks", "endpoints", *words, "--database", f"sqlite:///{database}"]
    subprocess.run(command, input=b"from a pipe\n", check=True, capture_output=True)
    ((_, text),) = secrets_of(database)
    assert text == "from a pipe"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("ftp://shop.example/",), "bad url: scheme"),
        (("https://a:b@shop.example/",), "user info"),
        (("https://169.254.169.254/",), "refused address: metadata"),
        ((HOOK, "--wire", "telex"), "'telex' is none of: afterpay, bizon"),
        ((HOOK, "--event", "order.eaten"), "'order.eaten' is none of: charge.failed"),
        ((HOOK, "--wire", "bizon", "--event", "order.created"), "'order.created' is none of"),
        ((HOOK, "--secret", "short"), "a secret is whsec_"),
        ((HOOK, "--wire", "bizon", "--secret", "x" * 201), "1 to 200 printable"),
    ],
)
def test_what_cannot_be_told_is_refused(webhooks: Run, words: tuple[str, ...], why: str) -> None:
    assert why in webhooks("endpoints", "add", *words).fault
    assert webhooks("endpoints", "list", "--json").rows == []


def test_an_address_that_only_some_gateways_may_call_is_kept_with_a_note(webhooks: Run) -> None:
    ran = webhooks("endpoints", "add", "https://10.0.0.1/hook")
    assert ran.status == 0
    assert "note: refused address: private; a gateway sends there only if" in ran.err


def test_who_is_not_there_is_named(seeded: Run, webhooks: Run) -> None:
    for words in (
        ("endpoints", "list"),
        ("endpoints", "add", HOOK),
        ("deliveries", "list"),
        ("deliveries", "waiting"),
    ):
        ran = seeded("webhooks", *words, "--merchant", "77")
        assert ran.fault == "counterfoil: there is no merchant 77"
    for verb in ("remove", "rotate", "on", "test"):
        fault = webhooks("endpoints", verb, "5").fault
        assert fault == "counterfoil: merchant 1 has no endpoint 5"
    for verb in ("show", "resend"):
        fault = webhooks("deliveries", verb, "5").fault
        assert fault == "counterfoil: merchant 1 has no attempt 5"


def test_a_secret_is_rotated_and_the_old_one_ends(webhooks: Run, database: Path) -> None:
    row = add(webhooks)
    (rotated,) = webhooks("endpoints", "rotate", str(row["id"]), "--overlap", "2h", "--json").rows
    assert rotated["secret"] != row["secret"]
    (new, first), (old, second) = secrets_of(database)
    assert (first, second) == (rotated["secret"], row["secret"])
    assert (new.until, old.until) == (None, new.since + 2 * HOUR_US)
    webhooks("endpoints", "rotate", str(row["id"]), "--overlap", "9h")
    (_, _), (middle, _), (oldest, _) = secrets_of(database)
    assert middle.until is not None
    assert oldest.until == old.until
    assert middle.until > new.since + 8 * HOUR_US


async def _parked(made: Parts, endpoint: int) -> None:
    """Something that waits for the endpoint, given up."""
    now = made.clock.now()
    await made.store.plant(1, [Timer(kind=Due.DELIVER, subject=7, lane=endpoint, due=now)])
    wants = [Want(merchant=1, lane=endpoint, limit=1)]
    (errand,) = await made.store.claim(wants, now=now, holder=256, until=now + 1)
    receipt = Receipt(took_us=1_500, status=500, answer="sorry")
    attempt = Attempt(
        id=made.ids.next(),
        merchant=1,
        endpoint=endpoint,
        order=7,
        sequence=1,
        event=Event.ORDER_CHARGED,
        receipt=receipt,
    )
    settled = Settled(errand=errand, parked=True, since=1, tries=3, why="status 500")
    await made.store.settle([settled], [attempt])


def given_up(database: Path, endpoint: int) -> None:
    async def act() -> None:
        async with parts(opened(database)) as made:
            await _parked(made, endpoint)

    asyncio.run(act())


def test_what_was_given_up_is_seen_and_goes_on_when_the_endpoint_is_on(
    webhooks: Run, database: Path
) -> None:
    endpoint = int(str(add(webhooks)["id"]))
    given_up(database, endpoint)
    (row,) = webhooks("deliveries", "waiting", "--json").rows
    assert (row["order"], row["parked"], row["tries"], row["why"]) == (7, True, 3, "status 500")
    ran = webhooks("endpoints", "on", str(endpoint))
    assert ran.err == "on; 1 orders have waited\n"
    (row,) = webhooks("deliveries", "waiting", "--json").rows
    assert (row["parked"], row["tries"]) == (False, 0)


def test_attempts_are_listed_shown_and_sent_again(webhooks: Run, database: Path) -> None:
    endpoint = int(str(add(webhooks)["id"]))
    given_up(database, endpoint)
    (row,) = webhooks("deliveries", "list", "--failed", "--json").rows
    assert (row["status"], row["ms"], row["event"]) == (500, 1, "order.charged")
    assert webhooks("deliveries", "list", "--order", "8", "--json").rows == []
    assert webhooks("deliveries", "list", "--last", "0", "--json").rows == []
    shown = webhooks("deliveries", "show", str(row["id"])).json
    assert isinstance(shown, dict)
    assert shown["answer"] == "sorry"
    assert webhooks("deliveries", "resend", str(row["id"])).status == 0

    async def look() -> list[tuple[Due, int]]:
        async with parts(opened(database)) as made:
            found = await made.store.timers(1, 10)
            return [(each.timer.kind, each.timer.subject) for each in found]

    assert (Due.RESEND, row["id"]) in asyncio.run(look())


@contextmanager
def shop(status: int) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A receiver in a thread, its address, and what came."""
    came: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("status", "ends"), [(200, 0), (500, 1)])
def test_an_endpoint_is_tested(webhooks: Run, status: int, ends: int) -> None:
    with shop(status) as (url, came):
        row = add(webhooks, url=url)
        ran = webhooks("endpoints", "test", str(row["id"]))
    assert (ran.status, f'"status": {status}' in ran.out) == (ends, True)
    ((headers, body),) = came
    now_s = SystemClock().now() // 1_000_000
    assert verify([Secret(str(row["secret"]))], headers, body, now_s=now_s) is None


@pytest.mark.parametrize(
    ("words", "told", "event"),
    [
        ((), (), "payment.authorized"),
        (("--event", "order.refunded", "--event", "order.charged"), (), "order.charged"),
        (("--event", "order.refunded", "--event", "charge.failed"), (), "charge.failed"),
        ((), ("--event", "order.refunded"), "order.refunded"),
    ],
)
def test_it_is_tested_with_an_event_that_makes_sense(
    webhooks: Run, words: tuple[str, ...], told: tuple[str, ...], event: str
) -> None:
    with shop(200) as (url, came):
        row = add(webhooks, *words, url=url)
        ran = webhooks("endpoints", "test", str(row["id"]), *told)
    ((_, body),) = came
    shown = json.decode(body)
    assert (ran.status, shown["type"]) == (0, event)
    assert shown["data"]["operation"]["amount"] == "10.00"


def test_an_event_that_the_form_has_no_words_for_cannot_be_tried(webhooks: Run) -> None:
    row = add(webhooks, "--wire", "bizon", "--login", "a")
    ran = webhooks("endpoints", "test", str(row["id"]), "--event", "order.created")
    assert "'order.created' is none of" in ran.fault


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("wire", sorted(forms()))
def test_every_form_can_tell_of_a_made_up_order(wire: str, event: Event) -> None:
    ids, form = SerialIds(FakeClock()), forms()[wire]
    order, notice = specimen(demo_merchant(), event, ids.next)
    assert all(each.outcome == "approved" for each in order.operations[:-1])
    endpoint = Endpoint(merchant=1, id=9, wire=wire, url=HOOK, created=0)
    told = Told(
        merchant=demo_merchant(), endpoint=endpoint, notice=notice, order=order, secrets=(), now=0
    )
    assert event not in form.events or form.callback(told) is not None
