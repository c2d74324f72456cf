"""The demo merchants of each wire, seeded again and again without harm.

Source: the Bizon document's own credentials, its two pricings and its rates. The Razorpay key pair
is made up: that document names none.
"""

from typing import Final

from msgspec.structs import replace

from counterfoil.core.card import Secret
from counterfoil.core.merchant import Credential, Merchant, Pricing, Terminal
from counterfoil.core.money import Money
from counterfoil.core.ports import Clock, Store, Vault
from counterfoil.core.rates import Rate
from counterfoil.core.schedule import SECOND_US
from counterfoil.core.session import Session
from counterfoil.engine.orders import Draft, Orders
from counterfoil.engine.pages import path_of

LOGIN: Final = "project"
PASSWORD: Final = "password"  # noqa: S105 (the document's own example)
KEY_ID: Final = "rzp_test_CounterfoilDem"
KEY_SECRET: Final = "counterfoil-demo-secret"  # noqa: S105 (public, and of no use elsewhere)
WEBHOOK_SECRET: Final = "counterfoil-demo-webhook"  # noqa: S105 (the same)
TERMINAL: Final = Terminal(name="TERM", descriptor="TESTMERCH/TERM")

# Rupees are accounted in rupees, at the price of the other documents' samples.
RUPEES: Final = Terminal(
    name="INDIA", descriptor="TESTMERCH/INDIA", pricing=Pricing(fee_bps=200), accounting="INR"
)

MERCHANTS: Final = (
    Merchant(
        id=1,
        name="Demo",
        currencies=("USD", "EUR", "INR"),
        pricing=Pricing(fee_bps=300),
        terminals=(TERMINAL, RUPEES),
    ),
    Merchant(
        id=2,
        name="Demo with reserve",
        currencies=("USD", "EUR"),
        pricing=Pricing(fee_bps=100, reserve_bps=300),
        terminals=(TERMINAL,),
    ),
)
AUTH_KEY: Final = f"{LOGIN}.{PASSWORD}"  # AfterPay: login and secret in one text
CREDENTIALS: Final = (
    ("bizon", LOGIN, 1),
    ("bizon", "project_reserve", 2),
    ("afterpay", LOGIN, 1),
    ("payfunc", "demo0001", 1),
    ("payfunc", "demo0002", 2),
)
RATES: Final = (
    ("RUB", "75.132109"),
    ("UAH", "31.562887"),
    ("UBT", "334.000000"),
    ("USD", "1.145036"),
)


async def sample(orders: Orders) -> str:
    """The path of the page of a new order of the demo merchant's, which anybody may pay."""
    merchant, engine = MERCHANTS[0], orders.engine
    draft = Draft(
        amount=Money(minor=4_990, currency="EUR"),
        reference="A-10472",
        description="Two tickets, 14 March",
        session=Session(apple_pay=True, google_pay=True),
        expires=engine.clock.now() + merchant.page_timeout_s * SECOND_US,
    )
    return path_of(engine.vault, (await orders.create(merchant, draft)).order)


async def seed(store: Store, vault: Vault, clock: Clock) -> None:
    """Add what is missing; what an operator has changed stays as it is."""
    for merchant in MERCHANTS:
        if await store.merchant(merchant.id) is None:
            await store.save_merchant(merchant)
    for wire, login, merchant_id in CREDENTIALS:
        if await store.credential(wire, login) is None:
            hashed = vault.hash_secret(PASSWORD)
            await store.save_credential(
                Credential(wire=wire, login=login, merchant=merchant_id, secret_hash=hashed)
            )
    if await store.credential("razorpay", KEY_ID) is None:
        await store.save_credential(signing("razorpay", KEY_ID, 1, Secret(KEY_SECRET), vault))
    day = clock.today().date().isoformat()
    if not await store.rates_on(day):
        await store.save_rates(
            [Rate(day=day, source="EUR", target=target, rate=rate) for target, rate in RATES]
        )


def signing(wire: str, login: str, merchant: int, secret: Secret, vault: Vault) -> Credential:
    """A credential whose secret we sign with, sealed."""
    made = Credential(
        wire=wire,
        login=login,
        merchant=merchant,
        secret_hash=vault.hash_secret(secret.reveal()),
    )
    return replace(made, sealed=vault.seal_secret(made.owner, secret, 0))
