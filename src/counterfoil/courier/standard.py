"""Our own form of a callback: Standard Webhooks 1.0.0, for whoever speaks none of the wires.

What is signed is `id.timestamp.body`, with HMAC-SHA-256 under each secret in force; a secret is
written `whsec_` and base64, and its bytes are the key. The body says what happened and where the
money stands after it, in our own words. Source: the Standard Webhooks specification, 1.0.0.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest, digest
from typing import Final

import msgspec

from counterfoil.core.callbacks import Callback, Told
from counterfoil.core.card import Secret
from counterfoil.core.events import Event, Notice
from counterfoil.core.money import Money
from counterfoil.core.order import Operation, Order
from counterfoil.core.record import Record
from counterfoil.core.rules import Bucket, find, position, standing
from counterfoil.core.schedule import SECOND_US, Schedule

PREFIX: Final = "whsec_"
VERSION: Final = "v1"
KEY_BYTES: Final = range(24, 65)
TOLERANCE_S: Final = 5 * 60
DIGITS_MAX: Final = 12  # of a timestamp in seconds
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h: a little over three days.
SCHEDULE: Final = Schedule(pauses_s=(5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400))


class Mismatch(StrEnum):
    """Why a callback is not to be believed."""

    MISSING = "a header is missing"
    MALFORMED = "a header cannot be read"
    TOO_OLD = "the timestamp is too old"
    TOO_NEW = "the timestamp lies in the future"
    WRONG = "no signature fits"


class SecretError(Exception):
    """A secret is not `whsec_` and the base64 of 24 to 64 bytes."""


class _Moved(Record, omit_defaults=False):
    """The operation that an event tells of."""

    id: str
    kind: str
    outcome: str
    amount: str
    currency: str
    created: str
    closed: str | None
    number: str | None
    decline: str | None


class _Stands(Record, omit_defaults=False):
    """The order, and where its money stands."""

    id: str
    reference: str | None
    status: str
    amount: str
    currency: str
    authorized: str
    charged: str
    reversed: str
    refunded: str
    credited: str
    disputed: str
    created: str
    rejected: str | None


class _Content(Record, omit_defaults=False):
    sequence: int
    order: _Stands
    operation: _Moved | None


class _Body(Record, omit_defaults=False):
    type: str
    timestamp: str
    data: _Content


class StandardForm:
    """Implements `core.callbacks.Form`."""

    schedule: Final = SCHEDULE
    events: Final = frozenset(Event)

    def callback(self, told: Told) -> Callback:
        """The event, the order as it stood, and a signature for each secret in force."""
        body = msgspec.json.encode(_body(told.notice, told.order))
        timestamp = told.now // SECOND_US
        signatures = [
            sign(secret, identifier=told.id, timestamp=timestamp, body=body)
            for secret in told.secrets
        ]
        headers = [(ID, told.id), (TIMESTAMP, str(timestamp))]
        if signatures:
            headers.append((SIGNATURE, " ".join(signatures)))
        return Callback(body=body, headers=tuple(headers))


def new_secret(random_bytes: bytes) -> Secret:
    """A secret of those bytes, 24 to 64 of them; 32 are plenty."""
    assert len(random_bytes) in KEY_BYTES
    return Secret(PREFIX + b64encode(random_bytes).decode())


def signed(identifier: str, timestamp: str, body: bytes) -> bytes:
    """The very bytes that are signed."""
    return b".".join((identifier.encode(), timestamp.encode(), body))


def sign(secret: Secret, *, identifier: str, timestamp: int, body: bytes) -> str:
    """One part of the signature header; `timestamp` is that of the attempt, in seconds since 1970.

    Raises `SecretError`.
    """
    return part(key_of(secret), signed(identifier, str(timestamp), body))


def part(key: bytes, content: bytes) -> str:
    """One part of the signature header, of bytes as `signed` gives them."""
    return f"{VERSION},{b64encode(digest(key, content, sha256)).decode()}"


def verify(
    secrets: Iterable[Secret], headers: Mapping[str, str], body: bytes, *, now_s: int
) -> Mismatch | None:
    """Why a callback that was received is not to be believed; None: it is one of ours.

    `headers` by their names in lower case; `now_s` are seconds since 1970. Raises `SecretError`.
    """
    identifier, timestamp = headers.get(ID), headers.get(TIMESTAMP)
    signature = headers.get(SIGNATURE)
    if identifier is None or timestamp is None or signature is None:
        return Mismatch.MISSING
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= DIGITS_MAX):
        return Mismatch.MALFORMED
    if not any(each.startswith(f"{VERSION},") for each in signature.split(" ")):
        return Mismatch.MALFORMED
    if not _fits(secrets, headers, body):
        return Mismatch.WRONG
    if now_s - int(timestamp) > TOLERANCE_S:
        return Mismatch.TOO_OLD
    return Mismatch.TOO_NEW if int(timestamp) - now_s > TOLERANCE_S else None


def _fits(secrets: Iterable[Secret], headers: Mapping[str, str], body: bytes) -> bool:
    content = signed(headers[ID], headers[TIMESTAMP], body)
    came = [each.encode() for each in headers[SIGNATURE].split(" ")]
    expected = [part(key_of(secret), content).encode() for secret in secrets]
    return any(compare_digest(one, other) for one in expected for other in came)


def key_of(secret: Secret) -> bytes:
    """The bytes that sign; raises `SecretError`."""
    text = secret.reveal()
    try:
        key = b64decode(text.removeprefix(PREFIX), validate=True)
    except ValueError:
        key = b""
    if not text.startswith(PREFIX) or len(key) not in KEY_BYTES:
        raise SecretError("a secret is whsec_ and the base64 of 24 to 64 bytes")
    return key


def _body(notice: Notice, order: Order) -> _Body:
    operation = None if notice.operation is None else find(order, notice.operation)[1]
    return _Body(
        type=notice.event,
        timestamp=_instant(notice.at),
        data=_Content(
            sequence=notice.sequence,
            order=_stands(order),
            operation=None if operation is None else _moved(operation),
        ),
    )


def _stands(order: Order) -> _Stands:
    """Sums over all payments; what is refunded is no longer charged, and so on."""
    stands = [position(payment) for payment in order.payments]
    currency = order.amount.currency

    def text(bucket: Bucket) -> str:
        return Money(minor=sum(each[bucket] for each in stands), currency=currency).text()

    return _Stands(
        id=str(order.id),
        reference=order.reference,
        status=standing(order),
        amount=order.amount.text(),
        currency=currency,
        authorized=text(Bucket.AUTHORIZED),
        charged=text(Bucket.CHARGED),
        reversed=text(Bucket.REVERSED),
        refunded=text(Bucket.REFUNDED),
        credited=text(Bucket.CREDITED),
        disputed=text(Bucket.DISPUTED),
        created=_instant(order.created),
        rejected=order.closed,
    )


def _moved(operation: Operation) -> _Moved:
    return _Moved(
        id=str(operation.id),
        kind=operation.kind,
        outcome=operation.outcome,
        amount=operation.amount.text(),
        currency=operation.amount.currency,
        created=_instant(operation.created),
        closed=None if operation.closed is None else _instant(operation.closed),
        number=operation.number,
        decline=operation.decline,
    )


def _instant(moment: int) -> str:
    """ISO 8601 in UTC, to the microsecond."""
    found = EPOCH + timedelta(microseconds=moment)
    return found.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
