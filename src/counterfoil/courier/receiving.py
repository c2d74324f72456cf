"""What a receiver finds of a callback: is it ours, and if not, what is wrong with it.

Standard Webhooks, the Razorpay wire's signature and HTTP Basic are known. A signature does not tell
a wrong key from an altered body; but the alterations that web frameworks make can be tried.
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from hmac import compare_digest, digest
from typing import Final

from counterfoil.core.card import Secret
from counterfoil.core.record import Record
from counterfoil.courier import standard
from counterfoil.courier.standard import Mismatch

RAZORPAY: Final = "x-razorpay-signature"
AUTHORIZATION: Final = "authorization"
UNCHECKED: Final = "no secret was given to check it with"


class Received(Record):
    """A callback as it came; the names of headers are in lower case, `now_s` since 1970."""

    headers: Mapping[str, str]
    body: bytes
    now_s: int


class Known(Record):
    """What the receiver was told: signing secrets, and `login:password` for HTTP Basic."""

    secrets: tuple[Secret, ...] = ()
    basic: Secret | None = None


class Finding(Record):
    """What one scheme says; `why` None: it is right.

    `signed` are the very bytes that are signed, `expected` what each secret makes of them.
    """

    scheme: str
    why: str | None = None
    signed: bytes | None = None
    expected: tuple[str, ...] = ()
    came: str | None = None

    @property
    def right(self) -> bool | None:
        """Whether it is to be believed; None: there was nothing to check it with."""
        if self.why is not None and self.why.startswith(UNCHECKED):
            return None
        return self.why is None


def findings(received: Received, known: Known) -> tuple[Finding, ...]:
    """What every scheme says that the callback shows or the receiver expects."""
    headers, found = received.headers, []
    if any(name in headers for name in (standard.ID, standard.TIMESTAMP, standard.SIGNATURE)):
        found.append(_standard(received, known))
    if RAZORPAY in headers:
        found.append(_razorpay(received, known))
    if known.secrets and not found:
        names = f"{standard.SIGNATURE} or {RAZORPAY}"
        found.append(Finding(scheme="signature", why=f"{Mismatch.MISSING}: {names}"))
    if known.basic is not None:
        found.append(_basic(received, known.basic))
    return tuple(found)


def _standard(received: Received, known: Known) -> Finding:
    headers, name = received.headers, "standard"
    secrets = [each for each in known.secrets if each.reveal().startswith(standard.PREFIX)]
    if not secrets:
        return Finding(scheme=name, why=f"{UNCHECKED} ({standard.PREFIX}…)")
    why = standard.verify(secrets, headers, received.body, now_s=received.now_s)
    if why is None:
        return Finding(scheme=name)
    needed = (standard.ID, standard.TIMESTAMP, standard.SIGNATURE)
    missing = [each for each in needed if each not in headers]
    if missing:
        return Finding(scheme=name, why=f"{why}: {', '.join(missing)}")
    content = _signed(headers, received.body)
    expected = tuple(standard.part(standard.key_of(each), content) for each in secrets)
    return Finding(
        scheme=name,
        why=_explained(why, received, secrets),
        signed=content,
        expected=expected,
        came=headers[standard.SIGNATURE],
    )


def _explained(why: Mismatch, received: Received, secrets: list[Secret]) -> str:
    """The reason in more words, where more is known."""
    if why in {Mismatch.TOO_OLD, Mismatch.TOO_NEW}:
        away_s = abs(received.now_s - int(received.headers[standard.TIMESTAMP]))
        return f"{why}: {away_s} s from now, {standard.TOLERANCE_S} s are allowed"
    if why is not Mismatch.WRONG:
        return why
    came = received.headers[standard.SIGNATURE].split(" ")
    content = _signed(received.headers, received.body)
    if any(standard.part(each.reveal().encode(), content) in came for each in secrets):
        return f"{why}: signed with the secret's text; the bytes that it encodes are the key"
    for change, body in _altered(received.body):
        other = _signed(received.headers, body)
        if any(standard.part(standard.key_of(each), other) in came for each in secrets):
            return f"{why}: the body was altered, {change}"
    return f"{why}: the secret is another one, or the body was altered"


def _signed(headers: Mapping[str, str], body: bytes) -> bytes:
    return standard.signed(headers[standard.ID], headers[standard.TIMESTAMP], body)


def _altered(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Bodies that this one may have been, each with what was done to it."""
    yield "something was put around it", body.strip()
    yield "the line end after it was taken off", body + b"\n"
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return
    for blanks in ((",", ":"), (", ", ": ")):
        for plain in (False, True):
            text = json.dumps(content, separators=blanks, ensure_ascii=plain)
            yield "it was read and written again", text.encode("utf-8", "surrogatepass")


def _razorpay(received: Received, known: Known) -> Finding:
    """Hex HMAC-SHA-256 of the raw body. Source: the Razorpay documents, "Validate webhooks"."""
    name, came = "razorpay", received.headers[RAZORPAY]
    if not known.secrets:
        return Finding(scheme=name, why=UNCHECKED)
    expected = tuple(_hex(each, received.body) for each in known.secrets)
    if any(compare_digest(each.encode(), came.encode()) for each in expected):
        return Finding(scheme=name)
    why = f"{Mismatch.WRONG}: the secret is another one, or the body was altered"
    for change, body in _altered(received.body):
        if any(_hex(each, body) == came for each in known.secrets):
            why = f"{Mismatch.WRONG}: the body was altered, {change}"
            break
    return Finding(scheme=name, why=why, signed=received.body, expected=expected, came=came)


def _hex(secret: Secret, body: bytes) -> str:
    return digest(secret.reveal().encode(), body, sha256).hex()


def _basic(received: Received, basic: Secret) -> Finding:
    came = received.headers.get(AUTHORIZATION)
    if came is None:
        return Finding(scheme="basic", why=f"{Mismatch.MISSING}: {AUTHORIZATION}")
    scheme, _, given = came.partition(" ")
    expected = b64encode(basic.reveal().encode())
    if scheme.lower() != "basic":
        return Finding(scheme="basic", why=f"{Mismatch.MALFORMED}: it is not Basic")
    if not compare_digest(given.strip().encode(), expected):
        return Finding(scheme="basic", why="login or password is another one")
    return Finding(scheme="basic")
