"""merchant: who sells here, on what terms, with which credentials."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from cyclopts import App, Parameter
from msgspec.structs import replace

from counterfoil import wiring
from counterfoil.cli.output import Cell, print_json, say, show
from counterfoil.cli.serving import Json
from counterfoil.config import SettingsError, from_environment
from counterfoil.core.merchant import Credential, Merchant, Pricing, Terminal
from counterfoil.core.money import payable
from counterfoil.wiring import Parts

Result = TypeVar("Result")
merchant = App(name="merchant", help="Merchants: add, list, show, set.")


def register(app: App) -> None:
    """Add these commands."""
    app.command(merchant)


def within(database: str | None, act: Callable[[Parts], Awaitable[Result]]) -> Result:
    """What the work gives, with the gateway's parts open around it."""

    async def run() -> Result:
        async with wiring.parts(from_environment(database=database)) as parts:
            return await act(parts)

    return asyncio.run(run())


@merchant.command
def add(  # noqa: PLR0913 (each is a documented option)
    name: str,
    *,
    login: str,
    currency: str = "USD",
    fee: str = "0",
    reserve: str = "0",
    descriptor: str | None = None,
    database: str | None = None,
    json: Json = False,
) -> None:
    """Add a merchant with Bizon credentials; the password is made here and shown once.

    Example: counterfoil merchant add "Book shop" --login bookshop --currency EUR --fee 2.9

    Parameters
    ----------
    name
        What people call it.
    login
        The project's login on the Bizon wire.
    currency
        Its currency, for orders that name none and for accounting.
    fee
        Percent of each charge, such as 2.9.
    reserve
        Percent held back of each authorization and charge.
    descriptor
        What cardholders read on their statement.
    database
        sqlite:///path.
    """
    if not payable(currency):
        raise SettingsError(f"{currency} is no currency of ISO 4217 that can be paid in")
    made = Merchant(
        id=0,
        name=name,
        currency=currency,
        accounting_currency=currency,
        currencies=(currency,),
        pricing=Pricing(fee_bps=basis_points(fee), reserve_bps=basis_points(reserve)),
        terminals=(Terminal(name="TERM", descriptor=descriptor),),
    )
    show([within(database, lambda parts: _added(parts, made, login))], as_json=json)


async def _added(parts: Parts, made: Merchant, login: str) -> dict[str, Cell]:
    """The merchant saved under a new id, with a password of its own."""
    if await parts.store.credential("bizon", login) is not None:
        raise SettingsError(f"the login {login} is taken")
    number, password = parts.ids.next(), secrets.token_urlsafe(24)
    hashed = parts.vault.hash_secret(password)
    await parts.store.save_merchant(replace(made, id=number))
    await parts.store.save_credential(
        Credential(wire="bizon", login=login, merchant=number, secret_hash=hashed)
    )
    return {"id": number, "name": made.name, "login": login, "password": password}


@merchant.command(name="list")
def list_(*, database: str | None = None, json: Json = False) -> None:
    """List all merchants.

    Example: counterfoil merchant list

    Parameters
    ----------
    database
        sqlite:///path.
    """

    async def act(parts: Parts) -> list[Merchant]:
        return list(await parts.store.merchants())

    rows: list[dict[str, Cell]] = [
        {
            "id": each.id,
            "name": each.name,
            "currencies": " ".join(each.currencies),
            "fee": percent(each.pricing.fee_bps),
            "reserve": percent(each.pricing.reserve_bps),
        }
        for each in within(database, act)
    ]
    show(rows, as_json=json)


@merchant.command(name="show")
def show_(number: int, *, database: str | None = None) -> None:
    """Show all settings of a merchant, as JSON.

    Example: counterfoil merchant show 1

    Parameters
    ----------
    number
        The merchant's id.
    database
        sqlite:///path.
    """

    async def act(parts: Parts) -> object:
        known = await _known(parts, number)
        logins = [each.login for each in await parts.store.credentials(number)]
        return full(known) | {"logins": logins}

    print_json(within(database, act))


@merchant.command(name="set")
def set_(
    number: int,
    assignments: Annotated[list[str], Parameter(help="NAME=VALUE, as `show` names them.")],
    *,
    database: str | None = None,
) -> None:
    """Change settings of a merchant; a running gateway follows within a second.

    Example: counterfoil merchant set 1 cvv_required=false currencies='["USD","EUR"]'
    Example: counterfoil merchant set 1 pricing='{"fee_bps":290,"reserve_bps":0}' zone=Europe/Kyiv

    Parameters
    ----------
    number
        The merchant's id.
    database
        sqlite:///path.
    """

    async def act(parts: Parts) -> Merchant:
        known = await _known(parts, number)
        changed = changed_by(known, assignments)
        await parts.store.save_merchant(changed)
        return changed

    print_json(full(within(database, act)))
    say("saved")


def full(known: Merchant) -> dict[str, object]:
    """All settings, defaults too."""
    return {name: getattr(known, name) for name in Merchant.__struct_fields__}


def changed_by(known: Merchant, assignments: list[str]) -> Merchant:
    """The merchant with those settings; raises `SettingsError` and then nothing has changed."""
    given: dict[str, object] = {}
    for each in assignments:
        name, equals, value = each.partition("=")
        if not equals or name not in Merchant.__struct_fields__ or name == "id":
            names = ", ".join(field for field in Merchant.__struct_fields__ if field != "id")
            raise SettingsError(f"{each!r} is not NAME=VALUE with a NAME of: {names}")
        try:
            given[name] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            given[name] = value
    raw = msgspec.to_builtins(known) | given
    try:
        changed = msgspec.convert(raw, Merchant)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error)) from error
    for code in (*changed.currencies, changed.currency, changed.accounting_currency):
        if not payable(code):
            raise SettingsError(f"{code} is no currency of ISO 4217 that can be paid in")
    if not changed.terminals:
        raise SettingsError("a merchant needs at least one terminal")
    _check_zone(changed.zone)
    return replace(changed, id=known.id)


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ValueError, KeyError, OSError) as error:
        raise SettingsError(f"{name} is no time zone of the IANA data base") from error


def basis_points(text: str) -> int:
    """A percentage such as 2.9 in hundredths of a percent; raises `SettingsError`."""
    whole, _, fraction = text.partition(".")
    if not (whole.isdigit() and (not fraction or fraction.isdigit()) and len(fraction) <= 2):  # noqa: PLR2004
        raise SettingsError(f"{text!r} is no percentage such as 2.9")
    points = int(whole) * 100 + int(fraction.ljust(2, "0") or "0")
    if points > 10_000:  # noqa: PLR2004 (all of it)
        raise SettingsError(f"{text} % is more than all of it")
    return points


def percent(points: int) -> str:
    """Basis points as people write a percentage."""
    return f"{points // 100}.{points % 100:02d} %"


async def _known(parts: Parts, number: int) -> Merchant:
    known = await parts.store.merchant(number)
    if known is None:
        raise SettingsError(f"there is no merchant {number}")
    return known
