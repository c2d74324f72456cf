"""What comes back from a cardholder's bank: a PaRes, a method page's report, or a CRes; not judged.

A client brings it as a `verification`, a bank's page as a field of its form.
Source: specification "payfunc", 9.1 and 9.4; EMV 3-D Secure 2.2.0, threeDSMethodData.
"""

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Final

from counterfoil.core.record import Record
from counterfoil.dialects.payfunc.reading import Reader

PARES, METHOD, CHALLENGE = "pares", "method", "challenge"
FIELDS: Final = {PARES: "PaRes", METHOD: "threeDSMethodData", CHALLENGE: "cres"}
TRANSACTION: Final = "threeDSServerTransID"
TEXT_MAX: Final = 64_000  # characters
TYPE: Final = '"pares" | "method" | "challenge"'


class Proof(Record):
    """What was brought: a message as its form carries it, or only which transaction it is about."""

    kind: str
    text: str | None = None
    transaction: str | None = None


def proof(reader: Reader) -> Proof | None:
    """The `verification` of a card or payment; what is wrong with it is noted."""
    inner = reader.inner("verification")
    if inner is None:
        return None
    kind, data = inner.given.get("type"), inner.given.get("data")
    if kind not in FIELDS:
        inner.fault("type", TYPE)
        return None
    assert isinstance(kind, str)
    if not isinstance(data, dict):
        return _proof(kind, inner.text("data", longest=TEXT_MAX), None)
    members = Reader(data, f"{inner.path}.data", inner.flaws)
    text = members.text(FIELDS[kind], longest=TEXT_MAX)
    return _proof(kind, text, members.text(TRANSACTION))


def posted(fields: Mapping[str, str]) -> Proof | None:
    """What a bank's page has posted; None where that is nothing."""
    for kind, name in FIELDS.items():
        if 0 < len(fields.get(name, "")) <= TEXT_MAX:
            return _proof(kind, fields[name], None)
    return None


def _proof(kind: str, text: str | None, transaction: str | None) -> Proof:
    if kind == METHOD and text is not None:
        return Proof(kind=kind, transaction=_reported(text))
    return Proof(kind=kind, text=text, transaction=transaction)


def _reported(text: str) -> str | None:
    """The transaction that a method page has reported on."""
    plain = text.rstrip("=")
    try:
        found = json.loads(urlsafe_b64decode(plain + "=" * (-len(plain) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    named = found.get(TRANSACTION) if isinstance(found, dict) else None
    return named if isinstance(named, str) else None
