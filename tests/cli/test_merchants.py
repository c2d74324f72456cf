"""demo, keys, merchant: who may call, on what terms."""

from pathlib import Path

import pytest
import uvloop
from msgspec import json
from tests.cli.conftest import Run, left_in
from tests.e2e.client import Answer, Client, payment
from tests.e2e.server import Server

from counterfoil import demo
from counterfoil.config import Settings
from counterfoil.engine.directory import Directory
from counterfoil.wiring import parts

KEYS = {
    "bizon": {"login": "project", "password": "password"},
    "razorpay": {
        "key_id": demo.KEY_ID,
        "key_secret": demo.KEY_SECRET,
        "webhook_secret": demo.WEBHOOK_SECRET,
    },
    "afterpay": {"auth_key": "project.password"},
}


def ask_once(server: Server, credentials: tuple[str, str]) -> Answer:
    async def act() -> Answer:
        async with Client(server.port, credentials) as client:
            return await client.post("/orders/authorize", payment())

    return uvloop.run(act())


def test_keys_have_the_form_that_programs_rely_on(seeded: Run) -> None:
    found = seeded("keys", "--json").json
    assert isinstance(found, dict)
    assert {wire: found[wire] for wire in KEYS} == KEYS
    assert set(found["payfunc"]) == {"private", "public", "account", "verify_pem"}
    assert found["payfunc"]["verify_pem"].startswith("-----BEGIN PUBLIC KEY-----")
    plain = seeded("keys")
    assert plain.status == 0
    assert plain.out.startswith("bizon\tlogin\tproject\nbizon\tpassword\tpassword\n")


def test_there_are_no_keys_before_the_demo(run: Run) -> None:
    assert run("migrate").status == 0
    done = run("keys", "--json")
    assert (done.status, done.out) == (1, "")
    assert "counterfoil demo" in done.err


def test_demo_is_idempotent_and_keeps_what_an_operator_changed(seeded: Run) -> None:
    assert seeded("merchant", "set", "1", "zone=Europe/Kyiv", "name=Mine").status == 0
    before = seeded("merchant", "show", "1").json
    rates = seeded("rates", "list", "--json").rows
    assert seeded("demo", "--json").json == KEYS
    assert seeded("merchant", "show", "1").json == before
    assert seeded("rates", "list", "--json").rows == rates
    assert len(seeded("merchant", "list", "--json").rows) == 2


def test_demo_says_what_to_paste(run: Run) -> None:
    done = run("demo")
    assert (done.status, done.err) == (0, "")
    assert "curl -s 'http://project:password@127.0.0.1:8080/orders/authorize'" in done.out


def test_merchants_are_listed(seeded: Run) -> None:
    assert seeded("merchant", "list").out == (
        "1\tDemo\tproject\tUSD EUR INR\t3.00 %\t0.00 %\n"
        "2\tDemo with reserve\tproject_reserve\tUSD EUR\t1.00 %\t3.00 %\n"
    )
    assert seeded("merchant", "list", "--json").rows[0] == {
        "id": 1,
        "name": "Demo",
        "login": "project",
        "currencies": "USD EUR INR",
        "fee": "3.00 %",
        "reserve": "0.00 %",
    }


def test_a_new_password_is_shown_once_and_works(tmp_path: Path, anywhere: Run) -> None:
    server = Server(tmp_path)
    url = ("--database", server.url)
    words = ("merchant", "add", "Book shop", "--login", "books", "--fee", "2.9", "--json")
    (made,) = anywhere(*words, *url).rows
    login, password = str(made["login"]), str(made["password"])
    shown = anywhere("merchant", "show", str(made["id"]), *url)
    listed = anywhere("merchant", "list", *url)
    assert password not in shown.out + listed.out
    assert password.encode() not in b"".join(left_in(tmp_path).values())
    server.start()
    good = ask_once(server, (login, password))
    bad = ask_once(server, (login, password[:-1]))
    server.stop()
    assert good.order.status == "authorized"
    assert (bad.status, bad.failure.failure_message) == (401, "Invalid credentials")


def test_a_lost_password_is_replaced(tmp_path: Path, database: Path, run: Run) -> None:
    (made,) = run("merchant", "add", "Book shop", "--login", "books", "--json").rows
    (again,) = run("merchant", "password", str(made["id"]), "--json").rows
    assert {**again, "password": made["password"]} == made
    assert str(again["password"]).encode() not in b"".join(left_in(tmp_path).values())

    async def known(password: object) -> list[bool]:
        async with parts(Settings(database=f"sqlite:///{database}")) as opened:
            directory = Directory(opened.store, opened.vault, opened.clock)
            found = [
                await directory.recognise(wire, "books", str(password))
                for wire in ("bizon", "afterpay")
            ]
            return [each is not None for each in found]

    assert uvloop.run(known(again["password"])) == [True, True]
    assert uvloop.run(known(made["password"])) == [False, False]


def test_of_several_logins_one_must_be_named(seeded: Run) -> None:
    wrong = seeded("merchant", "password", "1", "--login", "project_reserve").fault
    assert "name one of the logins of merchant 1: project" in wrong
    assert seeded("merchant", "password", "9").status == 2
    assert seeded("merchant", "password", "1", "--login", "project").status == 0


def test_a_new_merchant_has_the_terms_it_was_given(run: Run) -> None:
    words = ("--login", "books", "--currency", "EUR", "--fee", "2.9", "--reserve", "0.5")
    made = run("merchant", "add", "Book shop", *words, "--descriptor", "BOOKS/ONLINE")
    number, name, login, password = made.out.rstrip("\n").split("\t")
    assert (name, login, len(password)) == ("Book shop", "books", 32)
    shown = run("merchant", "show", number).json
    assert isinstance(shown, dict)
    assert shown["pricing"] == {"fee_bps": 290, "reserve_bps": 50}
    assert (shown["currency"], shown["currencies"]) == ("EUR", ["EUR"])
    assert shown["terminals"] == [{"name": "TERM", "descriptor": "BOOKS/ONLINE"}]
    assert shown["logins"] == ["books"]


@pytest.mark.parametrize(
    "words",
    [
        ("Name", "--login", "project"),
        ("Name", "--login", "with:colon"),
        ("Name", "--login", ""),
        ("Name", "--login", "x" * 201),
        ("Name", "--login", "two\nlines"),
        ("   ", "--login", "books"),
        ("two\nlines", "--login", "books"),
        ("", "--login", "books"),
        ("Name", "--login", "books", "--currency", "XXX"),
        ("Name", "--login", "books", "--currency", "eur"),
        ("Name", "--login", "books", "--fee", "2.901"),
        ("Name", "--login", "books", "--fee", "-1"),
        ("Name", "--login", "books", "--fee", "101"),
        ("Name", "--login", "books", "--fee", "1e1"),
        ("Name", "--login", "books", "--fee", "٣"),
        ("Name", "--login", "books", "--fee", "60", "--reserve", "60"),
    ],
)
def test_a_merchant_that_cannot_be_is_not_added(seeded: Run, words: tuple[str, ...]) -> None:
    before = seeded("merchant", "list").out
    done = seeded("merchant", "add", *words)
    assert done.status == 2, done.out
    assert len(done.err.splitlines()) == 1
    assert seeded("merchant", "list").out == before


@pytest.mark.parametrize(
    "assignment",
    [
        "zone",
        "zone=",
        "zone=Nowhere/Land",
        "nosuch=1",
        "id=7",
        "name=5",
        "name=",
        "cvv_required=maybe",
        "charge_after_s=-1",
        "page_timeout_s=0",
        "authorization_days=-1",
        "authorization_days=401",
        "currency=XXX",
        "currencies=[]",
        "currency=GBP",
        'currencies=["EUR"]',
        'terminals=[{"name":""}]',
        'terminals=[{"name":"A","descriptor":""}]',
        'terminals=[{"name":"A","pricing":{"fee_bps":10001}}]',
        'terminals=[{"name":"A","pricing":{"fee":1}}]',
        'terminals=[{"name":"A","merchant":1}]',
        'currencies=["USD","XXX"]',
        "terminals=[]",
        'terminals=[{"name":"A"},{"name":"A"}]',
        'terminals=[{"name":"A","connector":"nosuch"}]',
        'pricing={"fee_bps":-5}',
        'pricing={"fee_bps":10001}',
        'pricing={"fee_bps":6000,"reserve_bps":6000}',
        'pricing={"fee":290}',
        'settings=["bizon.nosuch"]',
    ],
)
def test_a_setting_that_cannot_be_is_refused(seeded: Run, assignment: str) -> None:
    before = seeded("merchant", "show", "1").out
    done = seeded("merchant", "set", "1", "zone=Europe/Kyiv", assignment)
    assert seeded("merchant", "show", "1").out == before
    assert done.fault.startswith("counterfoil: ")


def test_settings_change_and_are_shown(seeded: Run) -> None:
    pricing = {"fee_bps": 290, "reserve_bps": 10}
    words = (f"pricing={json.encode(pricing).decode()}", 'currencies=["USD","GBP"]')
    changed = seeded("merchant", "set", "1", *words, "multiple_charges=true").json
    shown = seeded("merchant", "show", "1").json
    assert isinstance(changed, dict)
    assert isinstance(shown, dict)
    assert shown == changed | {"logins": ["project", "demo0001", demo.KEY_ID]}
    assert (shown["pricing"], shown["currencies"]) == (pricing, ["USD", "GBP"])
    assert shown["multiple_charges"] is True


def test_settings_of_a_wire_are_known_by_its_name(seeded: Run) -> None:
    given = ["bizon.arn", "bizon.trace_id", "bizon.card_expiration"]
    changed = seeded("merchant", "set", "1", f"settings={json.encode(given).decode()}").json
    assert isinstance(changed, dict)
    assert changed["settings"] == given


def test_a_number_that_no_merchant_can_have_is_refused(seeded: Run) -> None:
    assert "there is no merchant 9" in seeded("merchant", "show", "9" * 30).fault


@pytest.mark.parametrize("words", ["show 99", "set 99 zone=UTC"])
def test_an_unknown_merchant_is_named(seeded: Run, words: str) -> None:
    assert seeded("merchant", *words.split()).fault == "counterfoil: there is no merchant 99"
