"""webhooks: who is told of what happens, what was sent, and sending it again."""

import secrets
import sys
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Annotated, Final

from cyclopts import App, Parameter
from msgspec.structs import replace

from counterfoil.cli import deliveries
from counterfoil.cli.deliveries import Database, Whose, check_merchant, full, instant
from counterfoil.cli.opening import among
from counterfoil.cli.output import Cell, print_json, say, show
from counterfoil.cli.serving import Json
from counterfoil.cli.specimen import specimen
from counterfoil.config import SettingsError, from_environment
from counterfoil.core.callbacks import Attempt, Endpoint, Told, written
from counterfoil.core.card import SealedSecret, Secret
from counterfoil.core.events import Event
from counterfoil.core.merchant import Merchant
from counterfoil.core.schedule import SECOND_US
from counterfoil.courier.guard import Forbidden, Guard
from counterfoil.courier.http import HttpCourier
from counterfoil.courier.standard import SecretError, key_of, new_secret
from counterfoil.engine.switching import wake
from counterfoil.wiring import STANDARD, Parts, forms
from counterfoil.world import SystemClock, seconds

USUAL: Final = (Event.PAYMENT_AUTHORIZED, Event.ORDER_CHARGED)
ANYWHERE: Final = (ip_network("0.0.0.0/0"), ip_network("::/0"))
OURSELVES: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
SECRET_BYTES: Final = 32
SECRET_MAX: Final = 200
STDIN: Final = "-"

webhooks = App(name="webhooks", help="Callbacks: endpoints that are told, deliveries made.")
endpoints = App(name="endpoints", help="Who is told: add, list, remove, rotate, on, test.")
webhooks.command(endpoints)
webhooks.command(deliveries.deliveries)

Own = Annotated[
    str | None,
    Parameter(
        help="A secret of your own; - reads it from standard input.", allow_leading_hyphen=True
    ),
]
Number = Annotated[int, Parameter(help="The endpoint's id.")]


def register(app: App) -> None:
    """Add these commands."""
    app.command(webhooks)


@endpoints.command
def add(  # noqa: PLR0913 (each is a documented option)
    url: str,
    *,
    merchant: Whose,
    wire: str = STANDARD,
    event: list[str] | None = None,
    login: str | None = None,
    secret: Own = None,
    database: Database = None,
    json: Json = False,
) -> None:
    """Have an address told of what happens; its secret is made here and shown once.

    Example: counterfoil webhooks endpoints add https://shop.example/hook --merchant 1
    Example: counterfoil webhooks endpoints add https://shop.example/b --merchant 1 --wire bizon

    Parameters
    ----------
    url
        Where it is posted to.
    wire
        In whose form: standard (our own), or the name of a wire.
    event
        What it is told of, repeated (default: everything its form has words for).
    login
        The login of HTTP Basic, where the form is protected by it.
    """
    known = _events(wire, event or [])
    _check(url)
    given = _given(secret, wire)

    async def act(parts: Parts) -> Endpoint:
        await check_merchant(parts, merchant)
        number, now = parts.ids.next(), parts.clock.now()
        made = Endpoint(
            merchant=merchant,
            id=number,
            wire=wire,
            url=url,
            created=now,
            events=known,
            login=login,
            secrets=(parts.vault.seal_secret((merchant, number), given, now),),
        )
        await parts.store.save_endpoint(made)
        return made

    made = among(database, act)
    show([{**_row(made), "secret": given.reveal()}], as_json=json)


@endpoints.command(name="list")
def list_(*, merchant: Whose, database: Database = None, json: Json = False) -> None:
    """List the endpoints of a merchant.

    Example: counterfoil webhooks endpoints list --merchant 1
    """

    async def act(parts: Parts) -> Sequence[Endpoint]:
        await check_merchant(parts, merchant)
        return await parts.store.endpoints(merchant)

    show([_row(each) for each in among(database, act)], as_json=json)


@endpoints.command
def remove(endpoint: Number, *, merchant: Whose, database: Database = None) -> None:
    """Forget an endpoint, and what it was yet to be told.

    Example: counterfoil webhooks endpoints remove 16435814400000000 --merchant 1
    """

    async def act(parts: Parts) -> None:
        known = await known_endpoint(parts, merchant, endpoint)
        await parts.store.remove_endpoint(merchant, known.id)

    among(database, act)
    say("removed")


@endpoints.command
def rotate(
    endpoint: Number,
    *,
    merchant: Whose,
    overlap: str = "24h",
    secret: Own = None,
    database: Database = None,
    json: Json = False,
) -> None:
    """Give an endpoint a new secret; the old ones stay in force for a while beside it.

    Example: counterfoil webhooks endpoints rotate 16435814400000000 --merchant 1 --overlap 48h

    Parameters
    ----------
    overlap
        How long the old ones are still signed with: 0, 30m, 48h or 2d.
    """
    ends_us = seconds(overlap) * SECOND_US

    async def act(parts: Parts) -> tuple[Endpoint, Secret]:
        known = await known_endpoint(parts, merchant, endpoint)
        given, now = _given(secret, known.wire), parts.clock.now()
        new = parts.vault.seal_secret((merchant, endpoint), given, now)

        def alter(each: Endpoint) -> Endpoint:
            old = tuple(_ending(secret, now + ends_us) for secret in each.secrets)
            return replace(each, secrets=(new, *old))

        made = await parts.store.alter_endpoint(merchant, endpoint, alter)
        return made or known, given

    made, given = among(database, act)
    show([{**_row(made), "secret": given.reveal()}], as_json=json)


@endpoints.command
def on(endpoint: Number, *, merchant: Whose, database: Database = None) -> None:
    """Switch an endpoint on again; what has waited for it is sent.

    Example: counterfoil webhooks endpoints on 16435814400000000 --merchant 1
    """

    async def act(parts: Parts) -> int:
        known = await known_endpoint(parts, merchant, endpoint)

        def alter(each: Endpoint) -> Endpoint:
            return replace(each, off=None, off_since=None)

        await parts.store.alter_endpoint(merchant, endpoint, alter)
        return await wake(parts.store, known, parts.clock.now())

    say(f"on; {among(database, act)} orders have waited")


@endpoints.command(name="test")
def try_(
    endpoint: Number, *, merchant: Whose, event: str | None = None, database: Database = None
) -> int:
    """Post a made-up order to an endpoint now, and say what came of it.

    Example: counterfoil webhooks endpoints test 16435814400000000 --merchant 1
    Example: counterfoil webhooks endpoints test 1643581440000000 --merchant 1 --event order.charged

    Parameters
    ----------
    event
        What has happened to it (default: an authorization, where the endpoint is told of those).
    """

    async def act(parts: Parts) -> Attempt:
        known = await known_endpoint(parts, merchant, endpoint)
        allowed = (*parts.settings.networks, *OURSELVES)  # who calls this means that address
        courier = HttpCourier(allowed=allowed)
        try:
            return await _posted(parts, courier, known, _worth_trying(known, event))
        finally:
            await courier.close()

    made = among(database, act)
    print_json(full(made))
    return 0 if made.receipt.delivered else 1


async def known_merchant(parts: Parts, merchant: int) -> Merchant:
    """The merchant of that id; raises `SettingsError`."""
    await check_merchant(parts, merchant)
    found = await parts.store.merchant(merchant)
    assert found is not None
    return found


async def known_endpoint(parts: Parts, merchant: int, endpoint: int) -> Endpoint:
    """The merchant's endpoint of that id; raises `SettingsError`."""
    await check_merchant(parts, merchant)
    for each in await parts.store.endpoints(merchant):
        if each.id == endpoint:
            return each
    raise SettingsError(f"merchant {merchant} has no endpoint {endpoint}")


def _events(wire: str, names: list[str]) -> tuple[Event, ...]:
    """The events of those names; raises `SettingsError` where the form has no words for one."""
    known = forms()
    if wire not in known:
        raise SettingsError(f"{wire!r} is none of: {', '.join(sorted(known))}")
    words = sorted(known[wire].events)
    for name in names:
        if name not in words:
            raise SettingsError(f"{name!r} is none of: {', '.join(words)}")
    return tuple(Event(name) for name in names)


def _check(url: str) -> None:
    """Raise `SettingsError` where nobody can be told there; say so where only this one cannot."""
    try:
        Guard(ANYWHERE, plain=True).target(url)
    except Forbidden as error:
        raise SettingsError(f"{url}: {error}") from error
    try:
        Guard(from_environment().networks).target(url)
    except Forbidden as error:
        say(f"note: {error}; a gateway sends there only if callbacks_allow or --demo lets it")


def _given(secret: str | None, wire: str) -> Secret:
    """The operator's own secret, or a new one; raises `SettingsError`."""
    if secret is None:
        made = secrets.token_bytes(SECRET_BYTES)
        return new_secret(made) if wire == STANDARD else Secret(secrets.token_urlsafe(24))
    text = sys.stdin.readline().rstrip("\n") if secret == STDIN else secret
    if not (text and text.isprintable() and len(text) <= SECRET_MAX):
        raise SettingsError(f"a secret is 1 to {SECRET_MAX} printable characters")
    if wire == STANDARD:
        try:
            key_of(Secret(text))
        except SecretError as error:
            raise SettingsError(str(error)) from error
    return Secret(text)


def _ending(secret: SealedSecret, until: int) -> SealedSecret:
    """The secret, in force no longer than until then."""
    return replace(secret, until=min(until, secret.until or until))


def _row(endpoint: Endpoint) -> dict[str, Cell]:
    return {
        "id": endpoint.id,
        "wire": endpoint.wire,
        "url": endpoint.url,
        "events": " ".join(endpoint.events) or "all",
        "secrets": len(endpoint.secrets),
        "off": endpoint.off,
        "since": None if endpoint.off_since is None else instant(endpoint.off_since),
    }


async def _posted(
    parts: Parts, courier: HttpCourier, endpoint: Endpoint, events: Sequence[Event]
) -> Attempt:
    """What came of posting an order that does not exist: the first event the form tells it of."""
    owner, now = (endpoint.merchant, endpoint.id), parts.clock.now()
    merchant = await known_merchant(parts, endpoint.merchant)
    for event in events:
        order, notice = specimen(merchant, event, parts.ids.next)
        told = Told(
            merchant=merchant,
            endpoint=endpoint,
            notice=notice,
            order=order,
            secrets=tuple(parts.vault.open_secret(owner, each) for each in endpoint.signing(now)),
            now=SystemClock().now(),
            base=parts.settings.base_url,
        )
        callback = await written(forms()[endpoint.wire], told)
        if callback is not None:
            return Attempt(
                id=parts.ids.next(),
                merchant=endpoint.merchant,
                endpoint=endpoint.id,
                order=order.id,
                sequence=notice.sequence,
                event=event,
                receipt=await courier.post(endpoint.url, callback),
            )
    raise SettingsError(f"endpoint {endpoint.id} is told nothing of {' '.join(events)}")


def _worth_trying(endpoint: Endpoint, event: str | None) -> Sequence[Event]:
    """The event that was named, or all the endpoint is told of, those of every payment first."""
    if event is not None:
        return _events(endpoint.wire, [event])
    known = forms()[endpoint.wire].events
    told = [each for each in Event if each in known and each in (endpoint.events or known)]
    return sorted(told, key=lambda each: each not in USUAL)
