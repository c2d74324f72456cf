"""Why does a signature not match? For test keys: which bytes, which key, what was expected.

The faults that public threads are full of are tried one by one; the first that explains the given
signature is named. No secret is ever shown.
"""

import hmac
import json
from collections.abc import Iterator
from typing import Final, NamedTuple

from counterfoil.core.card import Secret

PAYMENT: Final = "order id, a vertical bar, payment id; key: the key secret"
WEBHOOK: Final = "the raw bytes of the body; key: the webhook's secret"


class Finding(NamedTuple):
    """Whether it matches, what was expected, over which bytes, and why not."""

    matches: bool
    expected: str
    signed: str
    why: str | None

    def shown(self) -> dict[str, object]:
        """The finding, for people and programs."""
        return {"matches": self.matches, "expected": self.expected, "signed_text": self.signed} | (
            {} if self.why is None else {"why": self.why}
        )


def of(secret: Secret, message: bytes) -> str:
    """HMAC-SHA-256, in lower-case hexadecimal."""
    return hmac.digest(secret.reveal().encode(), message, "sha256").hex()


def payment(given: str, order: str, paid: str, secret: Secret, others: list[Secret]) -> Finding:
    """What is wrong with a payment's signature, if anything."""
    right = f"{order}|{paid}".encode()
    tried = [
        (f"{paid}|{order}".encode(), secret, "the two ids are in the wrong order"),
        (f"{order}{paid}".encode(), secret, "the vertical bar between the ids is missing"),
        (paid.encode(), secret, "the order id is missing"),
        *((right, other, "it was made with a webhook secret, not the key secret")
          for other in others),
    ]  # fmt: skip
    return _finding(given, right, secret, tried)


def webhook(given: str, body: bytes, secret: Secret, others: list[Secret]) -> Finding:
    """What is wrong with a webhook's signature, if anything."""
    other = "it was made with the key secret, not the webhook's, or with one that was replaced"
    tried = [
        (changed, secret, f"the body was {how} before it was signed")
        for changed, how in _changed(body)
    ]
    tried += [(body, each, other) for each in others]
    return _finding(given, body, secret, tried)


def _changed(body: bytes) -> Iterator[tuple[bytes, str]]:
    """The body as programs change it without meaning to."""
    yield body.strip(), "trimmed"
    yield body + b"\n", "given a line break at its end"
    try:
        value = json.loads(body)
    except ValueError:
        return
    for spaced, separators in (("", (",", ":")), (" with blanks", (", ", ": "))):
        yield json.dumps(value, separators=separators).encode(), f"parsed and written again{spaced}"
        kept = json.dumps(value, separators=separators, ensure_ascii=False)
        yield kept.encode(), f"parsed and written again{spaced}, unescaped"
        slashed = json.dumps(value, separators=separators).replace("/", "\\/")
        yield slashed.encode(), f"parsed and written again{spaced}, its slashes escaped"


def _finding(
    given: str, right: bytes, secret: Secret, tried: list[tuple[bytes, Secret, str]]
) -> Finding:
    expected = of(secret, right)
    signed = right.decode("utf-8", "replace")
    if hmac.compare_digest(given.encode(), expected.encode()):
        return Finding(matches=True, expected=expected, signed=signed, why=None)
    if given.strip().lower() == expected:
        why = "it is right, but for capital letters or blanks around it"
        return Finding(matches=False, expected=expected, signed=signed, why=why)
    found = (why for bytes_, key, why in tried if of(key, bytes_) == given)
    why = next(found, "other bytes or another key were signed than these")
    return Finding(matches=False, expected=expected, signed=signed, why=why)
