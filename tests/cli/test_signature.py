"""signature: what is said of a right and of a wrong one, and that no secret is repeated."""

from pathlib import Path

import pytest
from tests.cli.conftest import Run

from counterfoil.core.card import Secret
from counterfoil.dialects.razorpay import signatures

ORDER, PAID, SECRET = "order_Ab1Cd2Ef3Gh4Ij", "pay_Kl5Mn6Op7Qr8St", "s3cr3t_of_the_key"
RIGHT = "3ebff6c7a27ff58882438d1eba707fb9ba1a268929f47b3446e852ed7719a4d3"


def test_a_right_signature_is_found_right(anywhere: Run) -> None:
    done = anywhere("signature", "payment", ORDER, PAID, RIGHT, "--secret", SECRET)
    assert done.status == 0
    assert isinstance(done.json, dict)
    assert done.json["matches"] is True


def test_a_wrong_one_is_explained_without_the_secret(anywhere: Run) -> None:
    given = signatures.of(Secret(SECRET), f"{PAID}|{ORDER}".encode())
    done = anywhere("signature", "payment", ORDER, PAID, given, "--secret", SECRET)
    assert done.status == 1
    assert "wrong order" in done.out
    assert SECRET not in done.out + done.err


def test_a_webhooks_bytes_are_read_from_a_file(anywhere: Run, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_bytes(b'{"entity":"event"}')
    given = signatures.of(Secret("key-secret"), body.read_bytes())
    words = ("signature", "webhook", str(body), given, "--secret", "hook", "--other", "key-secret")
    done = anywhere(*words)
    assert done.status == 1
    assert "key secret" in done.out


@pytest.mark.parametrize(
    "words",
    [
        ("payment", ORDER, PAID, RIGHT, "--secret", "x" * 201),
        ("webhook", "missing.json", RIGHT, "--secret", SECRET),
    ],
)
def test_what_cannot_be_used_is_said_in_a_line(anywhere: Run, words: tuple[str, ...]) -> None:
    done = anywhere("signature", *words)
    assert done.status == 2
    assert len(done.err.splitlines()) == 1
