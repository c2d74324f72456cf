"""sandbox token and merchant wallets: tokens are made, keys are kept."""

from base64 import b64decode
from pathlib import Path

import pytest
from msgspec import json
from tests.cli.conftest import Run

from counterfoil.testing.tokens import BREAKS, Broken, Mint


def members(text: str) -> dict[str, object]:
    return json.decode(b64decode(text), type=dict[str, object])


@pytest.mark.parametrize(
    ("words", "form"),
    [
        (("apple_pay",), "EC_v1"),
        (("apple_pay", "--protocol", "RSA_v1"), "RSA_v1"),
        (("google_pay",), "ECv2"),
        (("google_pay", "--protocol", "ECv2SigningOnly", "--plain-card"), "ECv2SigningOnly"),
    ],
)
def test_a_token_is_one_line(run: Run, words: tuple[str, ...], form: str) -> None:
    done = run("sandbox", "token", "--type", *words)
    assert done.status == 0
    assert done.err == ""
    (line,) = done.out.splitlines()
    found = members(line)
    inner = found.get("paymentData", found)
    assert isinstance(inner, dict)
    assert form in {inner.get("version"), inner.get("protocolVersion")}


def test_the_keys_are_made_once(run: Run, database: Path) -> None:
    run("sandbox", "token", "--type", "apple_pay")
    file = database.with_name("gateway.wallets.json")
    made = file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    run("sandbox", "token", "--type", "google_pay")
    assert file.read_bytes() == made
    assert not database.exists(), "a token needs no database"


@pytest.mark.parametrize("broken", Broken)
def test_a_broken_token_says_what_it_is_refused_for(run: Run, broken: Broken) -> None:
    form, reason = next(iter(BREAKS[broken].items()))
    wallet = "apple_pay" if "_" in form else "google_pay"
    done = run(
        "sandbox", "token", "--type", wallet, "--protocol", form, "--broken", broken, "--json"
    )
    assert done.err == f"refused for: {reason}\n"
    assert json.decode(done.out, type=dict[str, str])["type"] == wallet


FAULTS = [
    (("--type", "samsung_pay"), "--type samsung_pay: there are apple_pay, google_pay"),
    (("--type", "apple_pay", "--protocol", "ECv2"), "--protocol ECv2: there are EC_v1, RSA_v1"),
    (("--type", "apple_pay", "--broken", "leg"), "--broken leg: there are signature"),
    (("--type", "google_pay", "--broken", "amount"), "cannot be broken so: amount"),
    (("--type", "apple_pay", "--pan", "4111111111111112"), "--pan is not a valid card number"),
    (("--type", "apple_pay", "--amount", "1.001"), "'1.001' is no amount of USD"),
    (("--type", "apple_pay", "--currency", "XXA"), "'XXA' is no currency"),
    (("--type", "apple_pay", "--expires", "13/2029"), "--expires '13/2029' is not a month"),
    (("--type", "apple_pay", "--plain-card"), "an Apple Pay token has a cryptogram"),
]


@pytest.mark.parametrize(("words", "fault"), FAULTS)
def test_what_cannot_be_made_is_said(run: Run, words: tuple[str, ...], fault: str) -> None:
    assert fault in run("sandbox", "token", *words).fault


def test_a_merchant_s_keys_rest_sealed(seeded: Run, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    keys = Mint.create().keys()
    file.write_bytes(json.encode(keys))
    assert seeded("merchant", "wallets", "1", str(file)).err == "saved\n"
    shown = json.decode(seeded("merchant", "show", "1").out, type=dict[str, object])
    assert shown["wallet_keys"] is True
    rest = b"".join(
        each.read_bytes() for each in tmp_path.iterdir() if each.name.startswith("gateway.db")
    )
    assert b"PRIVATE KEY" not in rest
    assert b"wallet_keys" in rest
    assert seeded("merchant", "set", "1", "name=Shop").status == 0
    assert seeded("vault", "rotate").status == 0, "what rests still opens"
    assert "wallet_keys" in seeded("merchant", "set", "1", "wallet_keys=null").fault
    shown = json.decode(seeded("merchant", "show", "1").out, type=dict[str, object])
    assert shown["wallet_keys"] is True
    assert seeded("merchant", "wallets", "1").err == "forgotten\n"
    shown = json.decode(seeded("merchant", "show", "1").out, type=dict[str, object])
    assert shown["wallet_keys"] is False


def test_keys_that_are_none_are_not_saved(seeded: Run, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text('{"apple_pay": {"merchant": "m", "keys": ["SECRET"], "roots": []}}')
    fault = seeded("merchant", "wallets", "1", str(file)).fault
    assert "apple_pay.keys" in fault
    assert "SECRET" not in fault
    assert "no such file" in seeded("merchant", "wallets", "1", str(tmp_path / "x")).fault.lower()
    assert "there is no merchant 7" in seeded("merchant", "wallets", "7").fault
