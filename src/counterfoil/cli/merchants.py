"""merchant: who sells here, on what terms, with which credentials."""

import secrets
from pathlib import Path
from string import ascii_letters, digits
from typing import Annotated, Final

from cyclopts import App, Parameter
from msgspec.structs import replace

from counterfoil.cli.opening import among, within
from counterfoil.cli.output import Cell, print_json, say, show
from counterfoil.cli.serving import Json
from counterfoil.cli.terms import basis_points, changed_by, check_login, checked, percent
from counterfoil.config import SettingsError
from counterfoil.core.card import Secret
from counterfoil.core.merchant import Credential, Merchant, Pricing, Terminal
from counterfoil.core.ports import Store
from counterfoil.demo import signing
from counterfoil.dialects.razorpay.auth import LIVE, TEST
from counterfoil.vault.wallets import seal_keys
from counterfoil.wiring import Parts

ID_MAX: Final = 2**63 - 1
KEY_LETTERS: Final = 14  # of the Razorpay wire, behind the prefix of a key id
SECRET_LETTERS: Final = 24
WIRES: Final = ("bizon", "afterpay")  # whose credentials are a login and a secret
merchant = App(name="merchant", help="Merchants: add, list, show, set, password, wallets.")


def register(app: App) -> None:
    """Add these commands."""
    app.command(merchant)


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
    """Add a merchant with Bizon and AfterPay credentials; they are made here and shown once.

    Example: counterfoil merchant add "Book shop" --login bookshop --currency EUR --fee 2.9

    Parameters
    ----------
    name
        What people call it.
    login
        The project's login on the Bizon wire. The AfterPay wire's key is login.password.
    currency
        Its currency, for orders that name none and for accounting.
    fee
        Percent of each charge, such as 2.9.
    reserve
        Percent held back of each authorization and charge.
    descriptor
        What cardholders read on their statement.
    database
        sqlite:///path or postgresql://user@host/name.
    """
    check_login(login)
    made = Merchant(
        id=0,
        name=name,
        currency=currency,
        accounting_currency=currency,
        currencies=(currency,),
        pricing=Pricing(fee_bps=basis_points(fee), reserve_bps=basis_points(reserve)),
        terminals=(Terminal(name="TERM", descriptor=descriptor),),
    )
    checked(made)
    row = among(database, lambda parts: _added(parts, made, login), create=True)
    show([row], as_json=json)


async def _added(parts: Parts, made: Merchant, login: str) -> dict[str, Cell]:
    """The merchant saved under a new id, with a password of its own."""
    if await parts.store.credential("bizon", login) is not None:
        raise SettingsError(f"the login {login} is taken")
    number, password = parts.ids.next(), secrets.token_urlsafe(24)
    hashed = parts.vault.hash_secret(password)
    await parts.store.save_merchant(replace(made, id=number))
    for wire in WIRES:
        await parts.store.save_credential(
            Credential(wire=wire, login=login, merchant=number, secret_hash=hashed)
        )
    return {"id": number, "name": made.name, "login": login, "password": password}


@merchant.command
def key(
    number: int, *, live: bool = False, database: str | None = None, json: Json = False
) -> None:
    """Make a merchant a key pair of the Razorpay wire, beside those it has; it is shown once.

    Example: counterfoil merchant key 1

    Parameters
    ----------
    number
        The merchant's id.
    live
        Of the live mode; the pairs of a merchant are all of one.
    database
        sqlite:///path or postgresql://user@host/name.
    """
    prefix, other = (LIVE, TEST) if live else (TEST, LIVE)

    async def act(parts: Parts) -> dict[str, Cell]:
        known = await _known(parts.store, number)
        logins = [each.login for each in await parts.store.credentials(known.id)]
        if any(each.startswith(other) for each in logins):
            raise SettingsError(f"merchant {number} has keys of the other mode; add another")
        login, secret = prefix + _letters(KEY_LETTERS), Secret(_letters(SECRET_LETTERS))
        made = signing("razorpay", login, known.id, secret, parts.vault)
        await parts.store.save_credential(made)
        return {"key_id": login, "key_secret": secret.reveal()}

    show([among(database, act)], as_json=json)


def _letters(count: int) -> str:
    return "".join(secrets.choice(ascii_letters + digits) for _ in range(count))


@merchant.command(name="list")
def list_(*, database: str | None = None, json: Json = False) -> None:
    """List all merchants.

    Example: counterfoil merchant list

    Parameters
    ----------
    database
        sqlite:///path or postgresql://user@host/name.
    """

    async def act(store: Store) -> list[tuple[Merchant, list[str]]]:
        return [(each, await _logins(store, each.id)) for each in await store.merchants()]

    rows: list[dict[str, Cell]] = [
        {
            "id": each.id,
            "name": each.name,
            "login": " ".join(logins),
            "currencies": " ".join(each.currencies),
            "fee": percent(each.pricing.fee_bps),
            "reserve": percent(each.pricing.reserve_bps),
        }
        for each, logins in within(database, act)
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
        sqlite:///path or postgresql://user@host/name.
    """

    async def act(store: Store) -> object:
        known = await _known(store, number)
        logins = list(dict.fromkeys(each.login for each in await store.credentials(number)))
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
        sqlite:///path or postgresql://user@host/name.
    """

    async def act(store: Store) -> Merchant:
        known = await _known(store, number)
        changed = changed_by(known, assignments)
        await store.save_merchant(changed)
        return changed

    print_json(full(within(database, act)))
    say("saved")


@merchant.command
def password(
    number: int, *, login: str | None = None, database: str | None = None, json: Json = False
) -> None:
    """Give a login a new password, made here and shown once; the old one ends within a second.

    Example: counterfoil merchant password 1

    Parameters
    ----------
    number
        The merchant's id.
    login
        Which of the merchant's logins, where there are several.
    database
        sqlite:///path or postgresql://user@host/name.
    """
    show([among(database, lambda parts: _renewed(parts, number, login))], as_json=json)


async def _renewed(parts: Parts, number: int, login: str | None) -> dict[str, Cell]:
    """A new password for that login, on every wire that has it."""
    known = await _known(parts.store, number)
    logins = await _logins(parts.store, known.id)
    chosen = logins[0] if login is None and len(logins) == 1 else login
    if chosen not in logins:
        raise SettingsError(f"name one of the logins of merchant {number}: {', '.join(logins)}")
    made = secrets.token_urlsafe(24)
    for each in await parts.store.credentials(known.id):
        if each.wire in WIRES and each.login == chosen:
            hashed = parts.vault.hash_secret(made)
            await parts.store.save_credential(replace(each, secret_hash=hashed))
    return {"id": known.id, "name": known.name, "login": chosen, "password": made}


@merchant.command
def wallets(number: int, keys: Path | None = None, *, database: str | None = None) -> None:
    """Keep a merchant's wallet keys, sealed, from a JSON file; without one, forget those there are.

    The file's form is in docs/configuration.md. Remove it afterwards.

    Example: counterfoil merchant wallets 1 keys.json

    Parameters
    ----------
    number
        The merchant's id.
    keys
        The file with private keys and trusted roots.
    database
        sqlite:///path or postgresql://user@host/name.
    """
    text = None if keys is None else keys.read_text("utf-8", "replace")

    async def act(parts: Parts) -> None:
        known, sealed = await _known(parts.store, number), None
        if text is not None:
            sealed = seal_keys(parts.vault, known.id, text, parts.clock.now())
        await parts.store.save_merchant(replace(known, wallet_keys=sealed))

    among(database, act)
    say("forgotten" if text is None else "saved")


def full(known: Merchant) -> dict[str, object]:
    """All settings, defaults too; of the wallet keys only that they are there."""
    shown = {name: getattr(known, name) for name in Merchant.__struct_fields__}
    return shown | {"wallet_keys": known.wallet_keys is not None}


async def _logins(store: Store, number: int) -> list[str]:
    """The logins of a merchant that have a password."""
    found = await store.credentials(number)
    return list(dict.fromkeys(each.login for each in found if each.wire in WIRES))


async def _known(store: Store, number: int) -> Merchant:
    known = await store.merchant(number) if 0 <= number <= ID_MAX else None
    if known is None:
        raise SettingsError(f"there is no merchant {number}")
    return known
