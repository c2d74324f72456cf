"""The addresses that are told: of the key's own account, at both of the paths that clients use."""

from typing import Final

from msgspec.structs import replace

from counterfoil.core.callbacks import Endpoint
from counterfoil.core.card import SealedSecret, Secret
from counterfoil.core.errors import Code, Refused
from counterfoil.dialects.razorpay import facts, ids, queries, reading, render, subscriptions
from counterfoil.dialects.razorpay.auth import WIRE
from counterfoil.dialects.razorpay.call import Call, answer
from counterfoil.dialects.razorpay.errors import Failure
from counterfoil.dialects.razorpay.notify import EVENTS
from counterfoil.dialects.razorpay.reading import Given
from counterfoil.dialects.razorpay.subscriptions import Subscription
from counterfoil.engine.perform import Once
from counterfoil.engine.switching import wake
from counterfoil.exchange import Reply, is_web_address

WEBHOOKS_MAX: Final = 30
URL_MAX: Final = 255
SECRET_MAX: Final = 200
SECOND_US: Final = 1_000_000
KNOWN: Final = ("url", "secret", "alert_email", "events", "active")
INACTIVE: Final = "switched off by the merchant"
# Names of products that are not served here are taken: nothing of theirs ever happens.
PRODUCTS: Final = (
    "payment.", "order.", "refund.", "invoice.", "subscription.", "settlement.", "transfer.",
    "virtual_account.", "qr_code.", "payment_link.", "payout.", "fund_account.", "account.",
    "product.", "payment_page.", "token.", "p2p.",
)  # fmt: skip


async def create(call: Call) -> Reply:
    """POST /v1/webhooks, /v2/accounts/{account}/webhooks."""
    given, once = await _asked(call)
    reading.only(given, KNOWN)
    reading.need(given, "url", "events")
    known = await call.webhooks()
    made = _under(known, once)
    if made is None:
        if len([each for each in known if not subscriptions.of(each).gone]) >= WEBHOOKS_MAX:
            raise Failure(f"An account may have at most {WEBHOOKS_MAX} webhooks.")
        number = call.gateway.orders.engine.ids.next() if once is None else _number(call, once)
        bare = Endpoint(merchant=call.merchant.id, id=number, wire=WIRE, url="", created=call.now)
        made = await _save(call, bare, given, once)
    return answer(_shown(made))


async def list_webhooks(call: Call) -> Reply:
    """GET of both paths."""
    _own(call)
    page = queries.page(call.exchange.query)
    found = [each for each in await call.webhooks() if not subscriptions.of(each).gone]
    cut = found[page.skip : page.skip + page.size]
    return answer(render.collection(_shown(each) for each in cut))


async def fetch(call: Call) -> Reply:
    """GET of one."""
    _own(call)
    return answer(_shown(await _one(call)))


async def update(call: Call) -> Reply:
    """PUT of one at /v1, PATCH at /v2: what is given replaces what was."""
    given, once = await _asked(call)
    reading.only(given, KNOWN)
    made = _under(await call.webhooks(), once)
    if made is None:
        made = await _save(call, await _one(call), given, once)
    return answer(_shown(made))


async def remove(call: Call) -> Reply:
    """DELETE of one."""
    given, once = await _asked(call)
    reading.only(given, ())
    if _under(await call.webhooks(), once) is None:
        endpoint = await _one(call)
        if once is None:
            await call.gateway.store.remove_endpoint(call.merchant.id, endpoint.id)
        else:  # remembered, so that the key gives the same answer again
            kept = replace(subscriptions.of(endpoint), gone=True, once=_mark(once))
            gone = replace(endpoint, off="removed", facts=facts.text(kept), secrets=())
            await call.gateway.store.save_endpoint(gone)
    return answer([])


async def _asked(call: Call) -> tuple[Given, Once | None]:
    given = await call.read()
    _own(call)
    return given, call.once()


def _own(call: Call) -> None:
    """Raise `Failure` where the path names another account."""
    named = call.parts[3] if call.parts[1] == "v2" else None
    if named is not None and named != ids.written("acc_", call.merchant.id):
        raise ids.unknown()


async def _one(call: Call) -> Endpoint:
    for endpoint in await call.webhooks():
        gone = subscriptions.of(endpoint).gone
        if ids.written("", endpoint.id) == call.parts[-1] and not gone:
            return endpoint
    raise ids.unknown()


def _under(known: list[Endpoint], once: Once | None) -> Endpoint | None:
    """What the key was used for before; raises `Refused` where that was something else."""
    for endpoint in known if once else ():
        mark = subscriptions.of(endpoint).once
        if mark is not None and once is not None and mark[0] == once.key:
            if mark[1] != once.fingerprint:
                raise Refused(Code.KEY_REUSED, key=once.key)
            return endpoint
    return None


def _mark(once: Once | None) -> tuple[str, bytes] | None:
    return (once.key, once.fingerprint) if once else None


def _number(call: Call, once: Once) -> int:
    """The id that a webhook made under this key has: made twice at once, it is one."""
    text = f"razorpay webhook 1\n{call.merchant.id}\n{once.key}"
    return int.from_bytes(call.gateway.orders.fingerprint(text)[:8]) >> 1


async def _save(call: Call, endpoint: Endpoint, given: Given, once: Once | None) -> Endpoint:
    """The endpoint with what was given, made durable; raises `Failure`."""
    before = subscriptions.of(endpoint)
    url = reading.text(given, "url", URL_MAX) or endpoint.url
    if not is_web_address(url):
        raise Failure("The url must be a valid URL.", "url")
    events = before.events if reading.absent(given, "events") else _events(given)
    active = reading.flag(given, "active")
    kept = Subscription(
        events=events,
        alert_email=reading.text(given, "alert_email") or before.alert_email,
        updated=call.now,
        once=_mark(once),
    )
    made = replace(
        endpoint,
        url=url,
        events=tuple(event for event, names in EVENTS.items() if not set(names).isdisjoint(events)),
        secrets=_secrets(call, endpoint, given),
        facts=facts.text(kept),
    )
    if active is not None:
        made = replace(made, off=None if active else INACTIVE, off_since=None)
    await call.gateway.store.save_endpoint(made)
    if endpoint.off is not None and made.off is None:
        await wake(call.gateway.store, made, call.now)
    return made


def _secrets(call: Call, endpoint: Endpoint, given: Given) -> tuple[SealedSecret, ...]:
    """The secrets with a new one in force from now; what happened before keeps the old one."""
    secret = reading.text(given, "secret", SECRET_MAX)
    if secret is None:
        return endpoint.secrets
    vault, owner = call.gateway.orders.engine.vault, (endpoint.merchant, endpoint.id)
    until = tuple(replace(each, until=each.until or call.now) for each in endpoint.secrets[-5:])
    return (*until, vault.seal_secret(owner, Secret(secret), call.now))


def _events(given: Given) -> tuple[str, ...]:
    """The names, as a list or as a map of what is on; raises `Failure`."""
    value = given["events"]
    if isinstance(value, dict):
        value = [name for name in value if reading.flag(value, name)]
    if not isinstance(value, list) or not value:
        raise Failure("The events must be a list of names.", "events")
    for name in value:
        if not isinstance(name, str) or not name.startswith(PRODUCTS):
            raise Failure("Invalid event name/names given.", "events")
    return tuple(dict.fromkeys(str(name) for name in value))


def _shown(endpoint: Endpoint) -> dict[str, object]:
    kept = subscriptions.of(endpoint)
    events = kept.events or tuple(name for names in EVENTS.values() for name in names)
    return {
        "id": ids.written("", endpoint.id),
        "created_at": endpoint.created // SECOND_US,
        "updated_at": kept.updated // SECOND_US,
        "service": "api-live",
        "owner_id": ids.written("", endpoint.merchant),
        "owner_type": "merchant",
        "context": [],
        "disabled_at": (endpoint.off_since or 0) // SECOND_US,
        "url": endpoint.url,
        "alert_email": kept.alert_email,
        "secret_exists": bool(endpoint.secrets),
        "entity": "webhook",
        "active": endpoint.off is None,
        "events": list(dict.fromkeys(events)),
    }
