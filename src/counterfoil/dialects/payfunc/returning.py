"""Where a bank's page sends the browser: POST /card/{card}/verification, without a key.

The query names the merchant, the path the card. What is brought must prove itself before the card's
token changes; what does not leaves everything as it was. `mode=show` answers the new token,
`mode=iframe` a page that posts it to the page around it, and to no other.
Source: specification "payfunc", 9.1 and 9.4; the message is the one that CardFunc's element hears.
"""

from base64 import b64encode
from hashlib import sha256
from html import escape
from string import Template
from typing import Final

from counterfoil.core.errors import Code, Refused
from counterfoil.dialects.payfunc import verifying
from counterfoil.dialects.payfunc.auth import WIRE, Caller
from counterfoil.dialects.payfunc.browsers import origin
from counterfoil.dialects.payfunc.call import JWT, Call, Desk
from counterfoil.dialects.payfunc.cards import Found
from counterfoil.dialects.payfunc.errors import (
    CARD,
    Failure,
    bad_query,
    encode,
    invalid,
    not_authorized,
    refused,
)
from counterfoil.dialects.payfunc.proofs import METHOD, Proof, posted
from counterfoil.dialects.payfunc.render import STATUS
from counterfoil.engine import authenticate
from counterfoil.exchange import Exchange, Reply

HTML: Final = "text/html; charset=utf-8"
SCRIPT: Final = (
    "{const {name,value,to}=document.body.dataset;"
    'parent.postMessage({destination:"parent",content:{name,value:JSON.parse(value)}},to)}'
)
PAGE: Final = Template(
    '<!doctype html>\n<meta charset="utf-8">\n<title>Verification</title>\n'
    '<body data-name="$name" data-to="$to" data-value="$value">\n<script>$script</script>\n'
)
POLICY: Final = "default-src 'none'; script-src 'sha256-{mark}'; frame-ancestors {parent}"
MARK: Final = b64encode(sha256(SCRIPT.encode()).digest()).decode()


async def visitor(desk: Desk, exchange: Exchange) -> Caller:
    """Nobody in particular, at the merchant that the query names; raises `Failure` (401)."""
    known = await desk.gateway.directory.known(WIRE, exchange.query.get("merchant", ""))
    if known is None:
        raise not_authorized()
    return Caller(known[1], frozenset(), {})


async def take(call: Call) -> Reply:
    """The card's new token, or a page that hands it on; raises `Failure`."""
    query, proof = call.exchange.query, posted(await call.form())

    async def act() -> Reply:
        return Reply(200, (await token(call, proof)).encode(), content_type=JWT)

    if query.get("mode") != "iframe":
        return await call.kept(act)
    parent = origin(query.get("parent"))
    if parent is None:
        raise bad_query("parent", "string", "The origin of the page that shows the frame.")
    try:
        return page(200, parent, "card", await token(call, proof))
    except Failure as failure:
        return page(failure.status, parent, "error", failure.members)


async def token(call: Call, proof: Proof | None) -> str:
    """The new token; raises `Failure`."""
    cards = call.desk.cards
    if proof is None:
        raise invalid("Card.Verification", "One of PaRes, cres and threeDSMethodData.")
    card = await cards.asked(call.merchant, call.named)
    try:
        await prove(call, card, proof)
    except Refused as refusal:
        raise refused(refusal, STATUS, CARD) from None
    return await cards.verified(call.merchant, card, proof)


async def prove(call: Call, card: Found, proof: Proof) -> None:
    """Raise `Refused` where what was brought is not of the order that waits for this card."""
    gateway = call.desk.gateway
    if card.waits is None:
        raise Refused(Code.BAD_PAYER_ANSWER)
    order = await gateway.store.load(call.merchant, card.waits)
    if proof.kind == METHOD:
        await verifying.seen(call, order, proof)
        return
    answer = verifying.answer(proof, verifying.authentication(order))
    await authenticate.read(gateway.orders.engine, call.caller.merchant, order.id, answer)


def page(status: int, parent: str, name: str, value: object) -> Reply:
    """A page for a frame, whose script posts to the page around it if that is the one named."""
    text = PAGE.substitute(
        name=name, to=escape(parent), value=escape(encode(value).decode()), script=SCRIPT
    )
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": POLICY.format(mark=MARK, parent=parent),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return Reply(status, text.encode(), headers, HTML)
