"""A wallet's token pays once: opened, authorized like a card, remembered with its order."""

import asyncio

import pytest
from msgspec.structs import replace
from tests.engine.desk import EUR, PAN, Crash, Desk, die, once, open_desk, refusal

from counterfoil.core.card import Masked
from counterfoil.core.declines import Decline
from counterfoil.core.errors import Code, Refused
from counterfoil.core.merchant import Merchant
from counterfoil.core.money import Money
from counterfoil.core.order import Kind, Outcome, Secure3d
from counterfoil.core.ports import Capability
from counterfoil.core.rules import Standing, standing
from counterfoil.core.wallets import (
    Cryptogram,
    Form,
    Opened,
    Reason,
    Token,
    TokenError,
    Wallet,
    WalletUse,
)
from counterfoil.engine import chores, wallets
from counterfoil.engine.orders import Draft
from counterfoil.engine.perform import Done, Once
from counterfoil.testing.acquirer import EVERYTHING

pytestmark = pytest.mark.anyio

PROOF = Cryptogram("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
TOKEN = Token(wallet=Wallet.APPLE_PAY, text=Masked("one"))
DAY_S = 86_400


class Purse:
    """Opens any token: what it says is its identity; `bad` is why it is refused."""

    def __init__(self, desk: Desk) -> None:
        self.bad: Reason | None = None
        self.year = 2030
        self.proof: Cryptogram | None = PROOF
        self.asked: list[tuple[Merchant, Money, int, bool]] = []
        self.until = desk.clock.now() + 300_000_000

    def open(
        self, merchant: Merchant, token: Token, amount: Money, now: int, *, samples: bool
    ) -> Opened:
        """The card of these tests."""
        self.asked.append((merchant, amount, now, samples))
        if self.bad is not None:
            raise TokenError(self.bad)
        use = WalletUse(
            wallet=token.wallet,
            form=Form.EC_V1,
            id=token.text.reveal(),
            until=self.until,
            eci="05",
            stand_in="BBBB",
        )
        return Opened(use=use, pan=PAN, month=1, year=self.year, cryptogram=self.proof)


async def pay(
    desk: Desk,
    purse: Purse | None,
    token: Token = TOKEN,
    key: Once | None = None,
    draft: Draft | None = None,
) -> Done:
    asked = draft or Draft(amount=EUR)
    return await wallets.authorize(desk.orders, purse, desk.merchant, asked, token, key)


def reason(refused: Refused) -> str:
    assert refused.code is Code.WALLET_REFUSED
    return refused.facts["reason"]


async def test_the_acquirer_gets_the_card_and_its_proof() -> None:
    desk = await open_desk()
    draft = Draft(amount=EUR, secure3d=Secure3d(reason="external", cavv="mine"))
    done = await pay(desk, Purse(desk), draft=draft)
    (instruction,) = desk.host.instructions
    assert instruction.card is not None
    assert (instruction.card.pan, instruction.card.cryptogram) == (PAN, PROOF)
    assert (instruction.card.eci, instruction.card.cvv) == ("05", None)
    assert instruction.secure3d is None
    (payment,) = done.order.payments
    assert payment.wallet is not None
    assert (payment.wallet.id, payment.wallet.stand_in) == ("one", "BBBB")
    assert standing(done.order) is Standing.AUTHORIZED


async def test_it_is_opened_for_this_order_now() -> None:
    desk = await open_desk()
    purse = Purse(desk)
    await pay(desk, purse)
    assert purse.asked == [(desk.merchant, EUR, desk.clock.now(), True)]
    real = await open_desk(supports=EVERYTHING - {Capability.SAMPLES})
    purse = Purse(real)
    await pay(real, purse)
    assert [asked[-1] for asked in purse.asked] == [False]


async def test_a_token_is_good_once() -> None:
    desk = await open_desk()
    purse = Purse(desk)
    await pay(desk, purse)
    done = desk.store.commits, len(desk.host.instructions)
    for key in (None, once()):
        assert reason(await refusal(pay(desk, purse, key=key))) == Reason.REPLAYED
    assert (desk.store.commits, len(desk.host.instructions)) == done
    assert await desk.store.key_use(1, "key-1") is None
    await pay(desk, purse, replace(TOKEN, wallet=Wallet.GOOGLE_PAY))
    assert desk.kinds() == [Kind.AUTHORIZE] * 2


async def test_of_two_at_once_one_pays() -> None:
    desk = await open_desk()
    purse = Purse(desk)
    work = [pay(desk, purse) for _ in range(5)]
    found = await asyncio.gather(*work, return_exceptions=True)
    refused = [each for each in found if isinstance(each, Refused)]
    assert [reason(each) for each in refused] == [Reason.REPLAYED] * 4
    assert desk.kinds() == [Kind.AUTHORIZE]


async def test_a_repeated_key_gives_the_same_order() -> None:
    desk = await open_desk()
    purse = Purse(desk)
    found = await asyncio.gather(*(pay(desk, purse, key=once()) for _ in range(3)))
    assert len({done.order.id for done in found}) == 1
    assert desk.kinds() == [Kind.AUTHORIZE]
    again = await desk.orders.replay(desk.merchant, once())
    assert again is not None
    assert again.order.id == found[0].order.id
    other = await refusal(pay(desk, purse, key=once(asked=b"other")))
    assert other.code is Code.KEY_REUSED


@pytest.mark.parametrize("bad", Reason)
async def test_a_refused_token_does_nothing(bad: Reason) -> None:
    desk = await open_desk()
    purse = Purse(desk)
    purse.bad = bad
    before = desk.store.commits
    assert reason(await refusal(pay(desk, purse, key=once()))) == bad
    assert (desk.store.commits, desk.host.instructions) == (before, [])
    purse.bad = None
    await pay(desk, purse, key=once())


async def test_a_host_that_cannot_carry_the_proof_gets_no_token() -> None:
    desk = await open_desk(supports=EVERYTHING - {Capability.CRYPTOGRAMS})
    purse = Purse(desk)
    assert (await refusal(pay(desk, purse))).code is Code.NOT_SUPPORTED
    assert (purse.asked, desk.host.instructions) == ([], [])


async def test_without_a_vault_for_wallets_none_is_taken() -> None:
    desk = await open_desk()
    assert reason(await refusal(pay(desk, None))) == Reason.NO_KEYS


async def test_a_token_s_date_is_the_issuer_s_to_judge() -> None:
    desk = await open_desk()
    purse = Purse(desk)
    purse.year = 2020
    done = await pay(desk, purse)
    assert standing(done.order) is Standing.AUTHORIZED
    purse.proof = None
    done = await pay(desk, purse, replace(TOKEN, text=Masked("two")))
    assert done.operation is not None
    assert done.operation.decline is Decline.EXPIRED_CARD
    assert desk.kinds() == [Kind.AUTHORIZE]


async def test_an_order_that_is_rejected_has_used_its_token() -> None:
    desk = await open_desk()
    purse = Purse(desk)
    draft = Draft(amount=Money(minor=100, currency="CHF"))
    done = await pay(desk, purse, draft=draft)
    assert standing(done.order) is Standing.REJECTED
    assert reason(await refusal(pay(desk, purse, draft=draft))) == Reason.REPLAYED


async def test_a_token_is_used_though_the_process_dies() -> None:
    desk = await open_desk()
    purse = Purse(desk)
    desk.store.after.append(die)
    with pytest.raises(Crash):
        await pay(desk, purse)
    desk.restart()
    assert reason(await refusal(pay(desk, purse))) == Reason.REPLAYED
    await desk.resolve()
    assert (await desk.last(await desk.only())).outcome is not Outcome.PENDING


async def test_what_follows_needs_no_proof() -> None:
    desk = await open_desk(supports=EVERYTHING | {Capability.NEEDS_CARD})
    done = await pay(desk, Purse(desk))
    await desk.act(done.order, Kind.CHARGE)
    card = desk.host.instructions[-1].card
    assert card is not None
    assert (card.pan, card.cryptogram) == (PAN, None)


async def test_tokens_are_forgotten_by_the_chore_and_not_while_they_live() -> None:
    desk = await open_desk()
    purse = Purse(desk)
    purse.until = desk.clock.now() + 3 * DAY_S * 1_000_000
    done = await pay(desk, purse)
    use = done.order.payments[0].wallet
    assert use is not None
    (forget,) = [each for each in chores.chores(desk.engine) if each.name == "forget"]
    for days, there in ((2, True), (2, False)):
        desk.clock.advance(days * DAY_S + 1)
        await forget.work()
        assert (await desk.store.key_use(1, use.key) is not None) is there
