"""Tokens that are signed and sealed as they should be, with something strange inside."""

import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace
from tests.vault.tokens import CRYPTOGRAM, PAN, WANTED, changed, mint, opened, refused

from counterfoil.core.card import Pan
from counterfoil.core.wallets import Form, Reason
from counterfoil.testing.tokens import apple, google
from counterfoil.testing.tokens.mint import RECIPIENT, elliptic, spki
from counterfoil.vault.wallets.keys import public_hash

Change = Callable[[dict[str, object]], object]
GOOGLE = replace(WANTED, form=Form.ECV1)


def nothing(_: dict[str, object]) -> None:
    """Change nothing."""


def details(**members: object) -> Change:
    """Set members of Google's card."""

    def change(payload: dict[str, object]) -> None:
        card = payload["paymentMethodDetails"]
        assert isinstance(card, dict)
        card.update(members)

    return change


def apple_token(payload: Change = nothing, header: Change = nothing, extra: bytes = b"") -> str:
    """An EC_v1 token whose payload, and header before it is signed, were changed."""
    inside = apple._payload(WANTED)
    payload(inside)
    head, _, sealed = apple._for_ec(mint(), WANTED, json.dumps(inside).encode())
    identity = secrets.token_bytes(32)
    written: dict[str, object] = {**head, "transactionId": identity.hex()}
    if extra:
        written["applicationData"] = extra.hex()
    header(written)
    key_part = b64decode(str(written["ephemeralPublicKey"]))
    content = key_part + sealed + identity + extra
    signature = apple.sign(mint().chain(by_rsa=False), content, apple._signed_at(WANTED))
    return json.dumps(
        {
            "version": "EC_v1",
            "data": b64encode(sealed).decode(),
            "signature": b64encode(signature).decode(),
            "header": written,
        }
    )


def google_token(payload: Change = nothing, message: Change = nothing) -> str:
    """An ECv1 token whose payload, and message before it is signed, were changed."""
    inside = google._payload(GOOGLE)
    payload(inside)
    sealed = json.loads(google._sealed(mint(), GOOGLE, json.dumps(inside).encode()))
    message(sealed)
    signed = json.dumps(sealed).encode()
    parts = (b"Google", RECIPIENT.encode(), b"ECv1", signed)
    signature = google._signature(mint().elliptic("google"), *parts)
    members = {"protocolVersion": "ECv1", "signature": b64encode(signature).decode()}
    return json.dumps({**members, "signedMessage": signed.decode()})


def put(**members: object) -> Change:
    """Set members."""
    return lambda where: where.update(members)


def test_the_tokens_of_these_tests_open() -> None:
    assert opened(WANTED, apple_token()).pan == Pan(PAN)
    assert opened(GOOGLE, google_token()).pan == Pan(PAN)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (put(paymentDataType="EMV", paymentData={"emvData": "AA=="}), Reason.UNSUPPORTED),
        (put(paymentData={}), Reason.PAYLOAD),
        (put(paymentData={"onlinePaymentCryptogram": ""}), Reason.PAYLOAD),
        (put(paymentData={"onlinePaymentCryptogram": "no base64!"}), Reason.PAYLOAD),
        (put(paymentData={"onlinePaymentCryptogram": "A" * 101}), Reason.PAYLOAD),
        (
            put(paymentData={"onlinePaymentCryptogram": CRYPTOGRAM, "eciIndicator": "five"}),
            Reason.PAYLOAD,
        ),
        (put(applicationExpirationDate="301331"), Reason.PAYLOAD),
        (put(applicationExpirationDate="12/30"), Reason.PAYLOAD),
        (put(applicationPrimaryAccountNumber="4109370000044321"), Reason.PAYLOAD),
        (put(applicationPrimaryAccountNumber=4109370000044320), Reason.PAYLOAD),
        (put(transactionAmount=9.99), Reason.PAYLOAD),
        (put(transactionAmount=-999), Reason.AMOUNT),
        (put(currencyCode="84"), Reason.CURRENCY),
    ],
)
def test_apple_payloads_that_are_not_taken(change: Change, why: Reason) -> None:
    assert refused(lambda: opened(WANTED, apple_token(change))) is why


@pytest.mark.parametrize(("given", "kept"), [("5", "05"), ("07", "07"), ("", "05")])
def test_an_eci_has_two_digits(given: str, kept: str) -> None:
    proof = {"onlinePaymentCryptogram": CRYPTOGRAM, "eciIndicator": given}
    assert opened(WANTED, apple_token(put(paymentData=proof))).use.eci == kept
    found = opened(GOOGLE, google_token(details(eciIndicator=given)))
    assert found.use.eci == (kept if given else None)


def other_curve() -> str:
    key = ec.generate_private_key(ec.SECP384R1())
    return b64encode(spki(key)).decode()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (put(ephemeralPublicKey="AAAA"), Reason.MALFORMED),
        (put(ephemeralPublicKey=other_curve()), Reason.MALFORMED),
        (put(ephemeralPublicKey=b64encode(spki(elliptic())).decode()), Reason.OTHER_MERCHANT),
        (put(transactionId="xy"), Reason.MALFORMED),
        (put(transactionId=""), Reason.MALFORMED),
        (put(transactionId="00" * 65), Reason.MALFORMED),
        (put(publicKeyHash="?"), Reason.MALFORMED),
    ],
)
def test_apple_headers_that_are_not_taken(change: Change, why: Reason) -> None:
    assert refused(lambda: opened(WANTED, apple_token(header=change))) is why


def test_a_key_of_the_other_kind_opens_nothing() -> None:
    rsa_hash = b64encode(public_hash(mint().rsa("rsa_merchant"))).decode()
    text = apple_token(header=put(publicKeyHash=rsa_hash))
    assert refused(lambda: opened(WANTED, text)) is Reason.UNKNOWN_KEY


def test_application_data_is_signed_along() -> None:
    assert opened(WANTED, apple_token(extra=b"\1" * 32)).pan == Pan(PAN)
    token = json.loads(apple_token(extra=b"\1" * 32))
    token["header"]["applicationData"] = "02" * 32
    assert refused(lambda: opened(WANTED, json.dumps(token))) is Reason.DIGEST
    del token["header"]["applicationData"]
    assert refused(lambda: opened(WANTED, json.dumps(token))) is Reason.DIGEST


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (put(paymentMethod="TOKENIZED_CARD"), Reason.UNSUPPORTED),
        (details(authMethod="3DS"), Reason.UNSUPPORTED),
        (details(cryptogram=None), Reason.PAYLOAD),
        (details(cryptogram="no base64!"), Reason.PAYLOAD),
        (details(eciIndicator="five"), Reason.PAYLOAD),
        (details(expirationMonth=13), Reason.PAYLOAD),
        (details(expirationMonth=0), Reason.PAYLOAD),
        (details(expirationYear=30), Reason.PAYLOAD),
        (details(pan="1234"), Reason.PAYLOAD),
        (put(messageId=""), Reason.PAYLOAD),
        (put(messageId="x" * 501), Reason.PAYLOAD),
        (put(messageExpiration="soon"), Reason.MALFORMED),
        (put(messageExpiration="-1"), Reason.MALFORMED),
        (put(messageExpiration="9" * 16), Reason.MALFORMED),
        (put(gatewayMerchantId=None), Reason.OTHER_MERCHANT),
    ],
)
def test_google_payloads_that_are_not_taken(change: Change, why: Reason) -> None:
    assert refused(lambda: opened(GOOGLE, google_token(change))) is why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (put(ephemeralPublicKey="AAAA"), Reason.MALFORMED),
        (put(tag=""), Reason.UNKNOWN_KEY),
        (put(encryptedMessage="AAAA"), Reason.UNKNOWN_KEY),
        (put(encryptedMessage=7), Reason.MALFORMED),
    ],
)
def test_google_messages_that_are_not_taken(change: Change, why: Reason) -> None:
    assert refused(lambda: opened(GOOGLE, google_token(message=change))) is why


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ({"keyValue": "AAAA", "keyExpiration": "9" * 15}, Reason.MALFORMED),
        ({"keyValue": "AAAA"}, Reason.MALFORMED),
        ({"keyValue": "AAAA", "keyExpiration": "0"}, Reason.KEY_EXPIRED),
        (
            {
                "keyValue": b64encode(spki(mint().rsa("rsa_leaf"))).decode(),
                "keyExpiration": "9" * 15,
            },
            Reason.MALFORMED,
        ),
    ],
)
def test_intermediate_keys_that_are_not_taken(key: dict[str, str], why: Reason) -> None:
    def vouch(members: dict[str, object]) -> None:
        text = json.dumps(key).encode()
        signature = google._signature(mint().elliptic("google"), b"Google", b"ECv2", text)
        members["intermediateSigningKey"] = {
            "signedKey": text.decode(),
            "signatures": ["AAAA", b64encode(signature).decode()],
        }

    wanted = replace(WANTED, form=Form.ECV2)
    assert refused(lambda: opened(wanted, changed(wanted, vouch))) is why


def test_a_second_version_needs_an_intermediate_key() -> None:
    wanted = replace(WANTED, form=Form.ECV2)
    text = changed(wanted, lambda members: members.pop("intermediateSigningKey"))
    assert refused(lambda: opened(wanted, text)) is Reason.MALFORMED
    many = changed(
        wanted,
        put(intermediateSigningKey={"signedKey": "{}", "signatures": ["AAAA"] * 9}),
    )
    assert refused(lambda: opened(wanted, many)) is Reason.MALFORMED
