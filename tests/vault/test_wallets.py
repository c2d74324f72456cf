"""Wallet tokens: every form opens, every broken one is refused for its own reason."""

import json
import subprocess
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from msgspec.structs import replace
from tests.vault.tokens import (
    AMOUNT,
    CRYPTOGRAM,
    EVERY,
    KINDS,
    PAN,
    WALLETS,
    WANTED,
    keys,
    mint,
    opened,
    refused,
    vault,
)

from counterfoil.core.card import Masked, Pan
from counterfoil.core.wallets import Form, Reason, Token, TokenError, Wallet
from counterfoil.testing import demo_merchant
from counterfoil.testing.tokens import BREAKS, FORMS, Broken, Mint, make_token
from counterfoil.testing.tokens.apple import sign
from counterfoil.testing.world import START_US
from counterfoil.vault.wallets import cms, read_keys

MINUTE_US = 60_000_000


@pytest.mark.parametrize("form", EVERY)
def test_a_token_opens(form: Form) -> None:
    found = opened(replace(WANTED, form=form))
    assert found.pan == Pan(PAN)
    assert (found.month, found.year) == (12, 2030)
    assert found.cryptogram is not None
    assert found.cryptogram.reveal() == CRYPTOGRAM
    assert (found.use.wallet, found.use.form, found.use.eci) == (WALLETS[form], form, "05")
    assert len(found.use.id) == 64
    assert found.use.until is not None
    assert found.use.until > START_US


@pytest.mark.parametrize(("form", "broken"), KINDS)
def test_a_broken_token_is_refused_for_its_reason(form: Form, broken: Broken) -> None:
    wanted = replace(WANTED, form=form, broken=broken)
    if broken is Broken.REPLAYED:  # what has been seen is the store's to know
        assert opened(wanted).use.id == opened(wanted).use.id
        return
    assert refused(lambda: opened(wanted)) is BREAKS[broken][form]


def test_a_form_is_broken_only_in_ways_that_it_has() -> None:
    with pytest.raises(ValueError, match="cannot be broken"):
        make_token(mint(), replace(WANTED, form=Form.ECV2, broken=Broken.AMOUNT))
    with pytest.raises(ValueError, match="cryptogram"):
        make_token(mint(), replace(WANTED, cryptogram=None))


def test_every_kind_of_broken_token_can_be_made() -> None:
    assert set(BREAKS) == set(Broken)
    made_without = {Reason.NO_KEYS}
    assert {why for forms in BREAKS.values() for why in forms.values()} | made_without == set(
        Reason
    )


@pytest.mark.parametrize("form", EVERY)
def test_two_tokens_have_two_identities(form: Form) -> None:
    wanted = replace(WANTED, form=form)
    first, second = opened(wanted), opened(wanted)
    assert first.use.id != second.use.id
    assert first.use.key != second.use.key
    assert not first.use.key.isascii(), "no caller can send it as an idempotency key"


def test_what_stands_for_a_cryptogram_looks_like_one_and_is_none() -> None:
    text = make_token(mint(), WANTED)
    first, again = opened(WANTED, text), opened(WANTED, text)
    assert first.use.stand_in == again.use.stand_in
    assert first.use.stand_in is not None
    assert len(first.use.stand_in) == len(CRYPTOGRAM)
    assert first.use.stand_in != CRYPTOGRAM
    assert opened(WANTED).use.stand_in != first.use.stand_in


def test_a_plain_card_of_google_has_no_cryptogram() -> None:
    found = opened(replace(WANTED, form=Form.ECV2, cryptogram=None))
    assert found.cryptogram is None
    assert found.use.stand_in is None
    assert found.use.eci is None


@pytest.mark.parametrize(
    ("pan", "eci"), [(PAN, "05"), ("5555555555554444", "02"), ("378282246310005", None)]
)
def test_apple_leaves_out_what_the_scheme_means_anyway(pan: str, eci: str | None) -> None:
    assert opened(replace(WANTED, pan=pan, eci=None)).use.eci == eci


@pytest.mark.parametrize("minutes", [-6, -4, 4, 6])
def test_apple_tokens_are_good_for_five_minutes(minutes: int) -> None:
    text, now = make_token(mint(), WANTED), START_US + minutes * MINUTE_US
    if abs(minutes) < 5:
        found = opened(WANTED, text, now=now)
        assert found.use.until is not None
        assert found.use.until > START_US + 5 * MINUTE_US
    else:
        assert refused(lambda: opened(WANTED, text, now=now)) is Reason.SIGNING_TIME


@pytest.mark.parametrize("form", FORMS[Wallet.GOOGLE_PAY])
def test_google_tokens_live_as_long_as_they_say(form: Form) -> None:
    wanted = replace(WANTED, form=form)
    text = make_token(mint(), wanted)
    until = opened(wanted, text).use.until
    assert until is not None
    assert opened(wanted, text, now=until - 1).pan == Pan(PAN)
    assert refused(lambda: opened(wanted, text, now=until)) is Reason.EXPIRED


def test_a_signing_time_after_2049_is_read() -> None:
    now = START_US + 30 * 366 * 86_400_000_000
    assert opened(replace(WANTED, now=now), now=now).pan == Pan(PAN)


@pytest.mark.parametrize(
    "respell",
    [
        lambda text: text.rstrip("="),
        lambda text: text.replace("+", "-").replace("/", "_"),
        lambda text: "\n".join(text[at : at + 76] for at in range(0, len(text), 76)),
        lambda text: b64decode(text).decode(),
        lambda text: json.dumps(json.loads(b64decode(text))["paymentData"]),
    ],
)
def test_a_token_may_be_written_in_several_ways(respell: Callable[[str], str]) -> None:
    assert opened(WANTED, respell(make_token(mint(), WANTED))).pan == Pan(PAN)


def test_another_producer_of_signatures_is_understood() -> None:
    chain, roots = mint().chain(by_rsa=False), keys().apple_pay
    assert roots is not None
    builder = pkcs7.PKCS7SignatureBuilder().set_data(b"content")
    builder = builder.add_signer(chain.leaf, chain.key, SHA256())
    builder = builder.add_certificate(chain.intermediate)
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    signature = builder.sign(Encoding.DER, options)
    signed_at = cms.verify(signature, b"content", roots.roots)
    assert abs(datetime.now(UTC) - signed_at) < timedelta(minutes=5)


@pytest.mark.parametrize("by_rsa", [False, True])
def test_another_reader_of_signatures_agrees(tmp_path: Path, *, by_rsa: bool) -> None:
    """The signatures that we make are what the standard says: OpenSSL verifies them."""
    chain = mint().chain(by_rsa=by_rsa)
    (tmp_path / "signature").write_bytes(sign(chain, b"content", datetime.now(UTC)))
    (tmp_path / "content").write_bytes(b"content")
    roots = mint().keys()["apple_pay"]["roots"]
    assert isinstance(roots, list)
    (tmp_path / "root.pem").write_text(str(roots[0]))
    words = "openssl cms -verify -binary -inform DER -in signature -content content -purpose any"
    done = subprocess.run(
        [*words.split(), "-CAfile", "root.pem"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"content"


@pytest.mark.parametrize("form", FORMS[Wallet.GOOGLE_PAY])
def test_lengths_count_bytes_and_not_characters(form: Form) -> None:
    wanted = replace(WANTED, form=form)
    google = keys().google_pay
    assert google is not None
    other = keys()._replace(google_pay=google._replace(recipient="gateway:größer"))
    assert refused(lambda: opened(wanted, own=other)) is Reason.SIGNATURE


def test_a_token_for_the_merchant_itself_names_no_other() -> None:
    google = keys().google_pay
    assert google is not None
    other = keys()._replace(google_pay=google._replace(gateway_merchant=None))
    wanted = replace(WANTED, form=Form.ECV2, broken=Broken.OTHER_MERCHANT)
    assert opened(wanted, own=other).pan == Pan(PAN)


def test_google_roots_grow_old_and_are_for_one_version() -> None:
    google = keys().google_pay
    assert google is not None
    old = tuple(root._replace(until=START_US) for root in google.roots)
    wanted = replace(WANTED, form=Form.ECV2)
    own = keys()._replace(google_pay=google._replace(roots=old))
    assert refused(lambda: opened(wanted, own=own)) is Reason.KEY_EXPIRED
    first = tuple(root for root in google.roots if root.version == "ECv1")
    own = keys()._replace(google_pay=google._replace(roots=first))
    assert refused(lambda: opened(wanted, own=own)) is Reason.CHAIN


def test_the_older_of_two_keys_still_opens() -> None:
    newer = Mint.create().keys()["google_pay"]["keys"]
    mine = mint().keys()
    older = mine["google_pay"]["keys"]
    assert isinstance(newer, list)
    assert isinstance(older, list)
    mine["google_pay"]["keys"] = [*newer, *older]
    found = opened(replace(WANTED, form=Form.ECV2), own=read_keys(json.dumps(mine)))
    assert found.pan == Pan(PAN)


def test_an_identifier_may_be_given_as_its_hash() -> None:
    mine = mint().keys()
    identifier = str(mine["apple_pay"]["merchant"])
    mine["apple_pay"]["merchant"] = sha256(identifier.encode()).hexdigest().upper()
    assert opened(WANTED, own=read_keys(json.dumps(mine))).pan == Pan(PAN)


def test_without_keys_nothing_is_opened() -> None:
    token = Token(wallet=Wallet.APPLE_PAY, text=Masked(make_token(mint(), WANTED)))
    for own in (None, keys()._replace(apple_pay=None)):
        with pytest.raises(TokenError) as caught:
            vault(own).open(demo_merchant(), token, AMOUNT, START_US, samples=False)
        assert caught.value.reason is Reason.NO_KEYS


@pytest.mark.parametrize("wallet", Wallet)
@pytest.mark.parametrize("text", ["eyJwYXltZW50RGF0YSI6eyJoZWFkZXIi", "abc", '{"a": 1}', "e30="])
def test_a_test_bank_takes_samples(wallet: Wallet, text: str) -> None:
    token = Token(wallet=wallet, text=Masked(text))
    found = vault(sandbox=keys()).open(demo_merchant(), token, AMOUNT, START_US, samples=True)
    assert found.pan == Pan(PAN)
    assert (found.month, found.year) == (12, 2030)
    assert (found.use.form, found.use.until, found.use.eci) == (Form.SAMPLE, None, "05")
    assert found.cryptogram is not None
    assert found.cryptogram.reveal() != found.use.stand_in


@pytest.mark.parametrize("text", ["invalid", "not a token!", "   ", "ä"])
def test_a_test_bank_takes_no_nonsense(text: str) -> None:
    token = Token(wallet=Wallet.APPLE_PAY, text=Masked(text))
    with pytest.raises(TokenError) as caught:
        vault().open(demo_merchant(), token, AMOUNT, START_US, samples=True)
    assert caught.value.reason is Reason.MALFORMED


def test_a_token_of_the_sandbox_is_opened_for_real_by_the_test_bank_only() -> None:
    token = Token(wallet=Wallet.APPLE_PAY, text=Masked(make_token(mint(), WANTED)))
    one = vault(sandbox=keys())
    found = one.open(demo_merchant(), token, AMOUNT, START_US, samples=True)
    assert found.use.form is Form.EC_V1
    with pytest.raises(TokenError) as caught:
        one.open(demo_merchant(), token, AMOUNT, START_US, samples=False)
    assert caught.value.reason is Reason.NO_KEYS
    with pytest.raises(TokenError) as caught:
        vault(sandbox=None).open(demo_merchant(), token, AMOUNT, START_US, samples=True)
    assert caught.value.reason is Reason.NO_KEYS
