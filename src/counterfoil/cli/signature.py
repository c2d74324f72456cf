"""signature: why a signature of the Razorpay wire does not match."""

import sys
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter

from counterfoil.cli.output import print_json
from counterfoil.config import SettingsError
from counterfoil.core.card import Secret
from counterfoil.dialects.razorpay import signatures

SECRET_MAX: Final = 200
STDIN: Final = "-"

signature = App(name="signature", help="Why a signature of the Razorpay wire does not match.")
Other = Annotated[list[str] | None, Parameter(help="Another secret to try.")]
Own = Annotated[
    str, Parameter(help="The secret; - reads it from standard input.", allow_leading_hyphen=True)
]


def register(app: App) -> None:
    """Add these commands."""
    app.command(signature)


@signature.command
def payment(order: str, paid: str, given: str, *, secret: Own, other: Other = None) -> int:
    """Say whether a payment's signature is right, and if not, why; exit status 1.

    Example: counterfoil signature payment ORDER_ID PAYMENT_ID SIGNATURE --secret -

    Parameters
    ----------
    order
        razorpay_order_id.
    paid
        razorpay_payment_id.
    given
        razorpay_signature.
    """
    return _told(signatures.payment(given, order, paid, _read(secret), _others(other)))


@signature.command
def webhook(body: Path, given: str, *, secret: Own, other: Other = None) -> int:
    """Say whether a webhook's signature is right, and if not, why; exit status 1.

    Example: counterfoil signature webhook body.json SIGNATURE --secret -

    Parameters
    ----------
    body
        A file with the very bytes that came.
    given
        X-Razorpay-Signature.
    """
    try:
        raw = body.read_bytes()
    except OSError as error:
        raise SettingsError(f"{body}: {error.strerror}") from error
    return _told(signatures.webhook(given, raw, _read(secret), _others(other)))


def _read(secret: str) -> Secret:
    if secret == STDIN:
        secret = sys.stdin.readline().strip()
    if not 0 < len(secret) <= SECRET_MAX:
        raise SettingsError(f"a secret has 1 to {SECRET_MAX} characters")
    return Secret(secret)


def _others(given: list[str] | None) -> list[Secret]:
    return [Secret(each) for each in given or []]


def _told(found: signatures.Finding) -> int:
    print_json(found.shown())
    return 0 if found.matches else 1
