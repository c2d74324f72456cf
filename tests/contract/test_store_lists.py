"""What every store must find, page by page, and what it must not."""

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from tests.contract.stores import NO, Till, named, sealed

from counterfoil.core import rules
from counterfoil.core.card import Brand, Card
from counterfoil.core.change import change, rejected
from counterfoil.core.errors import Code
from counterfoil.core.order import Client, Kind, Location, Order, Outcome, id_at, instant_of
from counterfoil.core.ports import Committed, Listed, OperationQuery, OrderQuery, Store
from counterfoil.core.rules import Standing

pytestmark = pytest.mark.anyio

VISA = Card(
    id=1,
    first6="411111",
    last4="1111",
    brand=Brand.VISA,
    subtype="classic",
    issuer_country="UKR",
    issuer_title="TestBank",
)
MASTERCARD = Card(
    id=2,
    first6="510033",
    last4="4444",
    brand=Brand.MASTERCARD,
    subtype="standard",
    issuer_country="USA",
    issuer_title="Ünion 100% _Credit_",
)
BARE = Card(id=3, first6="220138", last4="0000", brand=Brand.MIR)


async def fill(till: Till, merchant: int = 1) -> dict[str, Order]:
    """Six orders, a letter each; the later the letter, the newer the order."""
    here, there = Location(ip="127.0.0.1"), Location(ip="::1")

    def order(letter: str, **fields: object) -> Order:
        return till.order(merchant, description=letter, **fields)

    unal = Client(name="Ünal Öz", email="unal@example.com")
    smith = Client(name="John Smith", email="JOHN_SMITH@example.org")
    odd = Client(name='100% "Best" * O\'Neil_\\ AND NOT', email="a+b%c@example.com")
    charged = await till.charged(order("a", reference="R1", client=unal, location=here), VISA)
    authorized = await till.authorized(order("b", reference="R2", client=smith), MASTERCARD)
    new = await till.put(order("c", reference="R1", client=odd, location=there))
    started = till.with_card(order("d", reference="r1", location=here), VISA)
    declined = await till.finish(await till.begin(started, Kind.AUTHORIZE), NO)
    no = rejected(order("e", client=Client(email="ünal@example.org")), Code.BUSY, 1)
    refused = await till.put(no)
    again = till.with_card(order("f", client=Client(name="ünal ÖZ")), BARE)
    waiting = await till.begin(again, Kind.AUTHORIZE)
    orders = (charged, authorized, new, declined, refused, waiting)
    return dict(zip("abcdef", orders, strict=True))


async def letters(store: Store, **filters: object) -> str:
    """The letters of merchant 1's orders that pass, oldest first."""
    found = await store.orders(replace(OrderQuery(merchant=1, limit=100), **filters))
    assert [order.id for order in found] == sorted((order.id for order in found), reverse=True)
    return "".join(order.description or "?" for order in found)[::-1]


S = Standing
LISTS: list[tuple[str, dict[str, object]]] = [
    ("abcdef", {}),
    ("c", {"standings": (S.NEW,)}),
    ("f", {"standings": (S.WAITING,)}),
    ("abe", {"standings": (S.REJECTED, S.CHARGED, S.AUTHORIZED)}),
    ("d", {"standings": (S.DECLINED, S.DECLINED)}),
    ("", {"standings": (S.FRAUD, S.DISPUTED)}),
    ("ac", {"references": ("R1",)}),
    ("abc", {"references": ("R2", "R1", "R9")}),
    ("", {"references": ("R",)}),
    ("ad", {"brands": (Brand.VISA,)}),
    ("abdf", {"brands": (Brand.MIR, Brand.VISA, Brand.MASTERCARD)}),
    ("b", {"subtypes": ("standard",)}),
    ("abd", {"subtypes": ("standard", "classic")}),
    ("f", {"subtypes": ("unknown",)}),
    ("ad", {"ips": ("127.0.0.1",)}),
    ("acd", {"ips": ("127.0.0.1", "::1")}),
    ("", {"ips": ("127.0.0.",)}),
    ("ad", {"bins": ("411111",)}),
    ("bf", {"bins": ("510033", "220138")}),
    ("", {"bins": ("4111",)}),
    ("b", {"issuer_countries": ("USA",)}),
    ("abd", {"issuer_countries": ("USA", "UKR")}),
]
PARTS: list[tuple[str, dict[str, object]]] = [
    ("ad", {"issuer_part": "tBan"}),
    ("ad", {"issuer_part": "TESTBANK"}),
    ("b", {"issuer_part": "üNION"}),
    ("b", {"issuer_part": "%"}),
    ("b", {"issuer_part": "_"}),
    ("", {"issuer_part": "T_stBank"}),
    ("b", {"name_part": "smith"}),
    ("b", {"name_part": "n S"}),
    ("", {"name_part": "JohnSmith"}),
    ("", {"name_part": "smiths"}),
    ("af", {"name_part": "ünal"}),
    ("af", {"name_part": "ÜNAL öz"}),
    ("af", {"name_part": "Ü"}),
    ("af", {"name_part": "öZ"}),
    ("b", {"name_part": "jO"}),
    ("c", {"name_part": "%"}),
    ("c", {"name_part": "_"}),
    ("c", {"name_part": "*"}),
    ("c", {"name_part": '"'}),
    ("c", {"name_part": "\\"}),
    ("c", {"name_part": '"best"'}),
    ("c", {"name_part": "0% "}),
    ("c", {"name_part": '" *'}),
    ("c", {"name_part": "O'NEIL_\\"}),
    ("c", {"name_part": "and not"}),
    ("", {"name_part": "S*th"}),
    ("", {"name_part": "Sm%"}),
    ("", {"name_part": "J__n"}),
    ("", {"name_part": '"" OR name:"ünal'}),
    ("", {"name_part": "=1="}),
    ("", {"name_part": "example"}),
    ("", {"name_part": "unal"}),
    ("ac", {"email_part": "@EXAMPLE.com"}),
    ("b", {"email_part": "john_"}),
    ("bc", {"email_part": "a", "name_part": "o"}),
    ("e", {"email_part": "ÜNAL@"}),
    ("b", {"email_part": "_"}),
    ("c", {"email_part": "+b%"}),
    ("", {"email_part": "smith@example.com"}),
]
TOGETHER: list[tuple[str, dict[str, object]]] = [
    ("a", {"brands": (Brand.VISA,), "standings": (S.CHARGED, S.NEW)}),
    ("ad", {"bins": ("411111",), "ips": ("127.0.0.1",), "issuer_part": "bank"}),
    ("a", {"references": ("R1",), "email_part": "@example.com", "name_part": "ünal"}),
    ("", {"references": ("R2",), "name_part": "ünal"}),
    ("", {"name_part": "ünal", "email_part": "smith"}),
    (
        "a",
        {"name_part": "öz", "email_part": "unal", "issuer_part": "te", "standings": (S.CHARGED,)},
    ),
    ("ab", {"issuer_countries": ("UKR", "USA"), "references": ("R1", "R2")}),
    ("b", {"name_part": "o", "subtypes": ("standard", "classic"), "references": ("R2", "R1")}),
]


@pytest.mark.parametrize("cases", [LISTS, PARTS, TOGETHER], ids=["lists", "parts", "together"])
async def test_filters(
    store: Store, till: Till, cases: list[tuple[str, dict[str, object]]]
) -> None:
    await asyncio.gather(fill(till, merchant=2), fill(till), fill(till, merchant=17))
    wrong = [
        f"{filters}: {found}, not {expected}"
        for expected, filters in cases
        if (found := await letters(store, **filters)) != expected
    ]
    assert not wrong, "\n".join(wrong)
    assert not await store.orders(OrderQuery(merchant=3, limit=100))


async def test_a_pattern_with_a_null_is_a_pattern(store: Store, till: Till) -> None:
    await fill(till)
    for part in ("\x00", "Smith\x00", "\x00\x00\x00", 'Sm\x00" OR "Smith'):
        assert await letters(store, name_part=part) == ""
        assert await letters(store, email_part=part) == ""
        assert await letters(store, issuer_part=part) == ""
        assert await letters(store, references=(part,)) == ""


async def test_bounds_of_creation_are_inclusive(store: Store, till: Till) -> None:
    orders = await fill(till)
    first, last = orders["b"].id, orders["d"].id
    assert await letters(store, first=first, last=last) == "bcd"
    assert await letters(store, first=first + 1, last=last - 1) == "c"
    assert await letters(store, first=first, last=last, before=last) == "bc"
    assert await letters(store, first=last, last=first) == ""
    assert await letters(store, first=first, last=last, ips=("127.0.0.1", "::1")) == "cd"
    assert await letters(store, first=first, last=last, name_part="smith") == "b"
    assert await letters(store, first=first + 1, last=last, name_part="smith") == ""
    assert await letters(store, first=first, last=last, name_part="o") == "bc"
    instant = instant_of(last)
    assert await letters(store, first=id_at(instant), last=id_at(instant + 1) - 1) == "d"


async def test_filters_follow_what_an_order_becomes(store: Store, till: Till) -> None:
    order = await till.put(till.order(description="x"))
    assert await letters(store, standings=(S.NEW,)) == "x"
    paid = replace(till.with_card(order, VISA), location=Location(ip="127.0.0.1"))
    order = await till.put(paid, cards=(sealed(1),), refiled=True)
    assert await letters(store, bins=("411111",), ips=("127.0.0.1",), issuer_part="bank") == "x"
    assert await letters(store, standings=(S.NEW,)) == ""
    order = await till.finish(await till.begin(order, Kind.AUTHORIZE), NO)
    assert await letters(store, standings=(S.DECLINED,), brands=(Brand.VISA,)) == "x"
    await till.put(till.with_card(order, MASTERCARD), cards=(sealed(2),), refiled=True)
    assert await letters(store, brands=(Brand.VISA,)) == ""
    assert await letters(store, brands=(Brand.MASTERCARD,), issuer_part="union") == ""
    assert await letters(store, brands=(Brand.MASTERCARD,), issuer_part="ünion") == "x"


async def test_filters_follow_a_card_that_was_stored_before(store: Store, till: Till) -> None:
    order = await till.put(till.order(description="x"))
    await till.put(till.with_card(order, VISA), refiled=True)
    assert await letters(store, bins=("411111",)) == "x"
    assert await letters(store, issuer_part="bank") == "x"


async def test_filters_follow_a_customer_named_later(store: Store, till: Till) -> None:
    order = await till.put(till.order(description="x"))
    await till.put(replace(order, client=named("Ada Lovelace"), reference="R"), refiled=True)
    assert await letters(store, name_part="love") == "x"
    assert await letters(store, references=("R",)) == "x"


async def pages(store: Store, till: Till, query: OrderQuery) -> list[int]:
    """The ids on all pages, while after each page another order arrives that would fit."""
    found: list[int] = []
    while page := await store.orders(query):
        assert len(page) <= query.limit
        found += [order.id for order in page]
        query = replace(query, before=page[-1].id)
        await till.put(till.order(reference="R0", client=named("Ünal")))
    return found


PAGED: list[tuple[int, dict[str, object]]] = [
    (25, {}),
    (17, {"references": ("R0", "R1")}),
    (9, {"references": ("R0",), "standings": (S.NEW, S.CHARGED)}),
    (13, {"name_part": "ünal"}),
    (13, {"name_part": "ü"}),
    (5, {"name_part": "üna", "references": ("R0",)}),
]


@pytest.mark.parametrize(("count", "filters"), PAGED)
@pytest.mark.parametrize("limit", [1, 4])
async def test_pages_repeat_and_miss_nothing(
    store: Store, till: Till, limit: int, count: int, filters: dict[str, object]
) -> None:
    given = [
        till.order(reference=f"R{turn % 3}", client=named("Ünal") if turn % 2 == 0 else None)
        for turn in range(25)
    ]
    await asyncio.gather(*(till.put(order) for order in given))
    query = replace(OrderQuery(merchant=1, limit=limit), **filters)
    expected = [order.id for order in await store.orders(replace(query, limit=100))]
    assert len(expected) == count
    assert await pages(store, till, query) == expected


async def ask(store: Store, **filters: object) -> list[tuple[Kind, Outcome]]:
    found = await store.operations(replace(OperationQuery(merchant=1, limit=100), **filters))
    return kinds(found)


def kinds(found: Sequence[Listed]) -> list[tuple[Kind, Outcome]]:
    return [(listed.operation.kind, listed.operation.outcome) for listed in found]


async def test_operations_by_kind_outcome_and_time(store: Store, till: Till) -> None:
    orders = await fill(till)
    await fill(till, merchant=2)
    await till.begin(orders["b"], Kind.CHARGE, 400)
    yes, no = Outcome.APPROVED, Outcome.DECLINED
    auth, charge = Kind.AUTHORIZE, Kind.CHARGE
    everything = [(auth, no), (auth, yes), (charge, yes), (auth, yes)]
    assert await ask(store) == everything
    assert await ask(store, kinds=(auth,)) == [(auth, no), (auth, yes), (auth, yes)]
    assert await ask(store, kinds=(charge, Kind.REFUND)) == [(charge, yes)]
    assert await ask(store, kinds=(charge, auth)) == everything
    assert await ask(store, outcomes=(no,)) == [(auth, no)]
    assert await ask(store, outcomes=(no, yes)) == everything
    assert await ask(store, outcomes=(Outcome.FAILED,)) == []
    waits = (charge, Outcome.PENDING)
    assert waits in await ask(store, outcomes=(Outcome.PENDING,))
    named = await ask(store, outcomes=(Outcome.PENDING, no))
    assert waits in named
    assert [each for each in named if each[1] is no] == [(auth, no)]
    assert await ask(store, kinds=(auth,), outcomes=(no,)) == [(auth, no)]
    assert await ask(store, kinds=(charge,), outcomes=(no,)) == []
    assert await ask(store, kinds=(auth, charge), outcomes=(yes, no)) == everything
    times = [operation.id for operation in orders["a"].operations]
    assert await ask(store, first=times[0], last=times[1]) == everything[2:]
    assert await ask(store, first=times[0] + 1, last=times[1], kinds=(auth,)) == []
    assert await ask(store, before=times[1], outcomes=(yes,)) == everything[3:]


async def test_an_operation_is_listed_as_it_was_closed(store: Store, till: Till) -> None:
    order = await till.charged(till.order())
    found = await store.operations(OperationQuery(merchant=1, limit=9))
    assert [listed.operation for listed in found] == list(reversed(order.operations))
    assert {listed.order for listed in found} == {order.id}


async def test_operations_page_by_page(store: Store, till: Till) -> None:
    orders = [await till.charged(till.order()) for _ in range(4)]
    expected = sorted((each.id for order in orders for each in order.operations), reverse=True)
    query, found = OperationQuery(merchant=1, limit=3), list[int]()
    while page := await store.operations(query):
        found += [listed.operation.id for listed in page]
        query = replace(query, before=found[-1])
        await till.authorized(till.order())
    assert found == expected


async def test_pending_are_the_oldest_without_an_answer(store: Store, till: Till) -> None:
    begun = [await till.begin(till.with_card(till.order()), Kind.AUTHORIZE) for _ in range(5)]
    await till.begin(till.with_card(till.order(2)), Kind.AUTHORIZE)
    await till.finish(begun[1])
    await till.finish(begun[3], NO)
    stamps = [order.operations[0].id for order in begun]

    async def unanswered(before: int, limit: int = 10) -> list[int]:
        return [each.operation.id for each in await store.pending(1, before, limit)]

    assert await unanswered(2**63 - 1) == [stamps[0], stamps[2], stamps[4]]
    assert await unanswered(stamps[4]) == [stamps[0], stamps[2]]
    assert await unanswered(2**63 - 1, 2) == [stamps[0], stamps[2]]
    assert await unanswered(stamps[0]) == []
    (oldest,) = await store.pending(1, stamps[2], 10)
    assert oldest == Listed(order=begun[0].id, operation=begun[0].operations[0])
    await till.finish(begun[0])
    assert await unanswered(2**63 - 1) == [stamps[2], stamps[4]]


async def test_a_doubted_operation_stays_pending_and_says_so(store: Store, till: Till) -> None:
    order = await till.begin(till.with_card(till.order()), Kind.AUTHORIZE)
    marked = rules.doubt(order, order.operations[0].id)
    assert marked is not None
    made = change(marked[0], marked=(marked[1],))
    assert await store.commit(made) is Committed.DONE
    (found,) = await store.pending(1, 2**63 - 1, 10)
    assert found.operation == marked[1]
    assert found.operation.doubted
    (rests,) = await store.evidence(1, 0, 10)
    assert rests.operations == (marked[1],)
    assert await store.operations(OperationQuery(merchant=1, limit=9)) == []
    await till.finish(made.order, NO)
    assert await store.pending(1, 2**63 - 1, 10) == []
