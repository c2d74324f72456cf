"""Everything the Bizon documents promise of the calls we answer has an example.

CHECKLIST is drawn from the documents, section by section; an example names what it `covers`. An
item without an example fails, and so does an example of something that is not on the list.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from tests.conformance.exchange import Exchange, examples, read, shared

import counterfoil

ROOT: Final = Path(counterfoil.__file__).parent / "dialects" / "bizon" / "examples"

# fmt: off
ENDPOINTS: Final = (
    "GET /ping", "GET /orders/:id", "GET /orders/", "GET /operations/", "GET /exchange_rates/",
    "GET /orders/ without the slash", "GET /operations/ without the slash",
    "GET /exchange_rates/ without the slash",
    "POST /orders/create", "POST /orders/authorize", "POST /orders/credit",
    "POST /orders/:id/rebill", "POST /orders/:id/credit", "POST /orders/:id/complete",
    "POST /orders/:id/complete3d20", "POST /orders/:id/resume", "POST /orders/token_pay",
    "PUT /orders/:id/reverse", "PUT /orders/:id/charge", "PUT /orders/:id/refund",
    "PUT /orders/:id/cancel",
    "POST /orders/:id/reverse", "POST /orders/:id/charge", "POST /orders/:id/refund",
    "POST /orders/:id/cancel",
)
TRANSPORT: Final = (  # section 1
    "JSON whatever the Content-Type", "{} as a body", "null members", "unknown members",
    "X-Request-Id is echoed", "expand on POST",
)
SCALARS: Final = (  # section 1.1
    "amount as text or number", "numbers for strings", "flag as number", "flag as boolean",
    "flag as text", "date filter without a time", "date filter with T", "IPv6 address",
    "expiry as text",
)
SHAPES: Final = (  # section 2
    "base form without expand", "full form", "card.expiration", "ten custom fields",
    "text at its limit", "text that looks like JSON", "client.login", "secure3d of the merchant",
    "order that is declined", "order that is fraud", "order that is error",
    "order that is rejected", "order whose charge was refused",
)
EXPANDS: Final = (  # sections 2.2 and 6.4
    "expand card", "expand client", "expand location", "expand custom_fields", "expand issuer",
    "expand secure3d", "expand operations", "expand operations.cashflow", "expand cashflow",
    "expand with blanks", "expand of an unknown name", "expand of an empty block",
    "expand in a list", "expand cashflow in operations", "expand extra in operations",
)
CASHFLOW: Final = (  # section 4
    "cashflow at pricing B", "cashflow of reverse at pricing B", "cashflow of refund at pricing B",
    "cashflow in the accounting currency",
)
FAILURES: Final = (  # sections 5, 5.1, 13
    "401 wrong password", "401 no header", "401 unknown project", "401 malformed credentials",
    "402 acquirer refusal", "402 anti-fraud", "402 auto_charge refused",
    "402 currency not enabled", "402 stored card expired",
    "404 unknown order", "404 order id that is none", "404 another project's order",
    "404 unknown path", "405 wrong method",
    "402 3-D Secure failed", "422 PaRes", "422 already completed", "422 anything on prepared",
    "422 browser details", "422 complete of the other version", "422 cres",
    "422 no authentication result", "422 resume of what does not wait", "422 session expired",
    "422 all faults together", "422 amount", "422 body not JSON",
    "422 body not an object", "422 member given twice", "422 card expired",
    "422 cents of a currency without them", "422 currency", "422 custom_fields", "422 cvv",
    "422 date with a period", "422 dynamic descriptor", "422 expiration_month",
    "422 expiration_year", "422 flag", "422 holder", "422 length", "422 location.ip",
    "422 malformed date filter", "422 no card to rebill", "422 page", "422 pan", "422 per_page",
    "422 required fields", "422 return_url", "422 terminal", "422 type",
    "422 charge above authorized", "422 charge of charged", "422 charge of declined",
    "422 charge of reversed", "422 cancel of declined", "422 cancel of reversed",
    "422 credit to authorized", "422 refund above charged", "422 refund of authorized",
    "422 refund when nothing is left", "422 reverse of charged", "422 reverse of reversed",
    "500 acquirer or gateway fault", "order unchanged by a refusal",
)
LISTS: Final = (  # sections 6.3, 6.4, 6.5
    "orders filtered by status", "orders filtered by created_from",
    "orders filtered by created_to", "orders filtered by merchant_order_id",
    "orders filtered by card.type", "orders filtered by card.subtype",
    "orders filtered by location.ip", "orders filtered by client.name",
    "orders filtered by client.email", "orders filtered by issuer.title",
    "orders filtered by issuer.country", "orders filtered by issuer.bin",
    "operations filtered by status", "operations filtered by type",
    "operations filtered by created_from", "operations filtered by created_to",
    "filters combined", "empty filter", "filter value outside its enumeration",
    "substring taken literally", "substring not split at commas", "list of nothing",
    "another project's orders are not listed", "first page", "last page", "per_page above 2000",
    "rates of a date", "rates of a date without any", "rates of a period",
)
AUTHORIZE: Final = (  # sections 6.6, 6.7, 10
    "currency", "empty terminal", "options.terminal", "options.auto_charge",
    "options.exemption_mit", "options.recurring", "options.return_url",
    "options.secure3d20_return_url", "recurring_details", "extra_fields", "force3d 0",
    "browser details without 3-D Secure", "card valid to the end of its month",
    "cvv of four digits", "holder at its limits", "test card 220138", "test card 555555",
)
CREATE: Final = (  # sections 6.6, 13
    "order that is new", "order whose session expired", "options of the payment page",
    "expiration_timeout as a number", "422 expiration_timeout", "422 static link not enabled",
    "422 charge of new", "422 charge of expired", "422 rebill of new",
)
SECURE: Final = (  # sections 2.6, 2.8, 6.16 to 6.18, 7
    "3-D Secure 1 demanded", "3-D Secure 2 challenge", "3-D Secure 2 frictionless",
    "3-D Secure 2 method step", "expand on complete", "order that is prepared",
    "secure3d attempt", "secure3d error", "secure3d full",
)
FOLLOW_UPS: Final = (  # sections 6.9 to 6.14, 13
    "amount of charge", "amount of refund", "amount of cancel", "refund of what was charged",
    "partial refunds", "cancel of authorized", "cancel of refunded", "fields of rebill",
    "what rebill copies", "cvv in card", "currency of the source", "rebill of reversed",
    "source of a rebill unchanged", "fields of credit", "credit to refunded",
)
TOKENS: Final = (  # section 6.15
    "Apple Pay token", "Google Pay token", "members that a token makes meaningless",
    "token with auto_charge", "token in a currency not enabled", "token's order read later",
    "rebill of a token's card", "422 dsrp", "422 dsrp.type", "422 dsrp.token",
)
DOCUMENT: Final[Mapping[str, str]] = {  # its own examples, in its order: each request is replayed
    "GET /ping": "ping/ping",
    "GET /orders/:id": "order/all_expands",
    "GET /orders/": "orders/list",
    "GET /operations/": "operations/list",
    "GET /exchange_rates/": "exchange_rates/list",
    "POST /orders/create, required fields": "create/required_only",
    "POST /orders/create, all fields": "create/all_fields",
    "POST /orders/authorize, required fields": "authorize/required_only",
    "POST /orders/authorize, all fields": "authorize/all_fields",
    "POST /orders/authorize, 3-D Secure": "authorize/force3d_number",
    "PUT /orders/:id/reverse": "reverse/reverse",
    "PUT /orders/:id/charge, full": "charge/full",
    "PUT /orders/:id/charge, partial": "charge/partial",
    "PUT /orders/:id/refund, full": "refund/full",
    "PUT /orders/:id/refund, partial": "refund/partial",
    "PUT /orders/:id/cancel": "cancel/charged",
    "POST /orders/:id/rebill": "rebill/rebill",
    "POST /orders/:id/credit": "credit/linked",
    "POST /orders/:id/credit, as printed": "credit/linked_as_printed",
    "POST /orders/credit": "credit/by_pan",
    "POST /orders/token_pay": "token_pay/apple_pay",
    "POST /orders/:id/complete": "complete/complete",
    "POST /orders/:id/complete3d20": "complete3d20/challenge",
    "POST /orders/:id/resume": "resume/frictionless",
}
# fmt: on
PROMISES: Final = (*TRANSPORT, *SCALARS, *SHAPES, *EXPANDS, *CASHFLOW, *LISTS, *SECURE, *FOLLOW_UPS)
CHECKLIST: Final = frozenset((*ENDPOINTS, *PROMISES, *FAILURES, *AUTHORIZE, *TOKENS, *CREATE))
EXCHANGES: Final[Mapping[str, Exchange]] = {
    str(path.relative_to(ROOT)): read(path) for path in examples(ROOT)
}
COVERED: Final = frozenset(item for exchange in EXCHANGES.values() for item in exchange.covers)


def test_documented_behaviour_has_an_example() -> None:
    assert not CHECKLIST - COVERED


def test_every_example_is_of_something_on_the_checklist() -> None:
    assert not COVERED - CHECKLIST
    assert not [name for name, exchange in EXCHANGES.items() if not exchange.covers]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_endpoint_is_asked_by_the_examples_that_name_it(endpoint: str) -> None:
    method = endpoint.partition(" ")[0]
    asked = [each.request.method for each in EXCHANGES.values() if endpoint in each.covers]
    assert set(asked) == {method}


@pytest.mark.parametrize("example", DOCUMENT)
def test_the_document_s_own_examples_are_replayed(example: str) -> None:
    exchange = EXCHANGES[f"{DOCUMENT[example]}.toml"]
    method, path = example.partition(",")[0].split()
    assert "Actions" in exchange.source
    assert f"{method} {path}" in exchange.source
    assert exchange.request.method == method


def test_setups_are_known() -> None:
    steps = shared(ROOT / "ping" / "ping.toml").steps
    named = {step for each in EXCHANGES.values() for step in each.setup if isinstance(step, str)}
    assert named == steps.keys()
