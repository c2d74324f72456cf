"""sandbox token: a wallet token to try the gateway with, valid or broken."""

import secrets
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from re import fullmatch

from cyclopts import App, Parameter

from counterfoil.cli.output import print_json, say
from counterfoil.cli.serving import Json
from counterfoil.config import SettingsError, from_environment
from counterfoil.core.card import Brand
from counterfoil.core.errors import Refused
from counterfoil.core.minor import payable
from counterfoil.core.money import Money
from counterfoil.core.pan import brand_of, parse_pan
from counterfoil.core.wallets import Form, Wallet
from counterfoil.testing.tokens import BREAKS, FORMS, Broken, Wanted, make_token, mint_at
from counterfoil.wiring import clock_file, wallets_file
from counterfoil.world import EPOCH, SystemClock

PAN = "4109370000044320"
YEARS = 4
CRYPTOGRAM_BYTES = 20
FIRST = {Wallet.APPLE_PAY: Form.EC_V1, Wallet.GOOGLE_PAY: Form.ECV2}


def register(app: App) -> None:
    """Add this command."""
    app.command(token)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Content:
    """What is in a token.

    Parameters
    ----------
    pan
        The card number; docs/sandbox.md says what each number does.
    amount
        What the customer agreed to; only Apple Pay tokens say.
    currency
        The same.
    expires
        The card's last month, 12/2029 (default: in four years).
    plain_card
        A Google Pay card without a cryptogram (PAN_ONLY).
    """

    pan: str = PAN
    amount: str = "100.00"
    currency: str = "USD"
    expires: str | None = None
    plain_card: bool = False


NOTHING_SAID = Content()


def token(
    *,
    type: str,  # noqa: A002 (the wire's own word)
    protocol: str | None = None,
    broken: str | None = None,
    content: Content = NOTHING_SAID,
    database: str | None = None,
    json: Json = False,
) -> None:
    """Make a wallet token for POST /orders/token_pay, under this deployment's own test roots.

    It is for terminals of the test bank, of merchants without wallet keys of their own. Make it
    when it is needed: an Apple Pay token is good for five minutes, by the deployment's clock.

    Example: counterfoil sandbox token --type apple_pay --amount 9.99
    Example: counterfoil sandbox token --type google_pay --protocol ECv1 --broken signature --json

    Parameters
    ----------
    type
        Whose token it is: apple_pay or google_pay.
    protocol
        Its form: EC_v1 or RSA_v1, ECv1, ECv2 or ECv2SigningOnly.
    broken
        What is to be wrong with it; docs/sandbox.md says what there is.
    database
        sqlite:///path or postgresql://user@host/name.
    """
    settings = from_environment(database=database)
    wallet = Wallet(_among(tuple(Wallet), "--type", type))
    form = Form(_among(FORMS[wallet], "--protocol", protocol or FIRST[wallet]))
    wrong = None if broken is None else Broken(_among(tuple(Broken), "--broken", broken))
    wanted = _wanted(content, form, wrong, SystemClock(clock_file(settings.beside)).now())
    try:
        made = make_token(mint_at(wallets_file(settings.beside)), wanted)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    if json:
        print_json({"type": wallet, "token": made})
    else:
        print(made)
    if wrong is not None:
        say(f"refused for: {BREAKS[wrong][form]}")


def _wanted(content: Content, form: Form, broken: Broken | None, now: int) -> Wanted:
    month, year = _expiry(content.expires, (EPOCH + timedelta(microseconds=now)).year)
    number, agreed = parse_pan(content.pan), _money(content.amount, content.currency)
    if number is None:
        raise SettingsError("--pan is not a valid card number")
    pan = number.reveal()
    return Wanted(
        form=form,
        pan=pan,
        month=month,
        year=year,
        now=now,
        cryptogram=None if content.plain_card else _cryptogram(),
        eci="02" if brand_of(pan) is Brand.MASTERCARD else "05",
        minor=agreed.minor,
        currency=agreed.currency,
        broken=broken,
    )


def _among(known: Sequence[str], option: str, given: str) -> str:
    if given not in known:
        raise SettingsError(f"{option} {given}: there are {', '.join(known)}")
    return given


def _cryptogram() -> str:
    return b64encode(secrets.token_bytes(CRYPTOGRAM_BYTES)).decode()


def _money(amount: str, currency: str) -> Money:
    if not payable(currency):
        raise SettingsError(f"{currency!r} is no currency of ISO 4217 that can be paid in")
    try:
        return Money.parse(amount, currency)
    except Refused as refusal:
        raise SettingsError(f"{amount!r} is no amount of {currency}") from refusal


def _expiry(text: str | None, year: int) -> tuple[int, int]:
    if text is None:
        return 12, year + YEARS
    found = fullmatch(r"(0?[1-9]|1[0-2])/(20[0-9]{2})", text)
    if found is None:
        raise SettingsError(f"--expires {text!r} is not a month and a year, such as 12/2029")
    return int(found[1]), int(found[2])
