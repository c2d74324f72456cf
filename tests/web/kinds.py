"""A page of every kind there is."""

from typing import Final

from msgspec.structs import replace

from counterfoil.core.money import Money
from counterfoil.exchange import Reply
from counterfoil.slip import page
from counterfoil.slip.view import (
    CardForm,
    Choice,
    Decision,
    Detour,
    Field,
    Flaw,
    Look,
    Message,
    News,
    Onward,
    Typed,
)

LOOK: Final = Look(
    here="/pay/1.abc",
    merchant="Books & <Sons>",
    amount=Money(minor=999, currency="EUR"),
    description='A "book" <script>alert(1)</script>',
    order="A-1",
    test=True,
)
FORM: Final = CardForm(look=LOOK, name="n", key="k", expires=1_768_512_600_000_000)
CHOICE: Final = Choice(
    look=LOOK,
    name="n",
    key="k",
    action="http://api/pay",
    again="http://api/again",
    kept=(("notes[a]", '"><script>'),),
    ways=tuple(page.WAYS),
    banks=(("HDFC", "HDFC Bank"),),
    purses=(("payzapp", "payzapp"),),
    cancel="http://shop/?a=1&b",
)


def everything(look: Look = LOOK) -> list[Reply]:
    """One page of every kind."""
    form = replace(FORM, look=look)
    flaws = tuple(Flaw(field=each, message=page.FLAWS["cvv"]) for each in Field)
    notice = page.TELLINGS[News.DECLINED].text
    fields = (("MD", "1"), ("PaReq", '"><script>'))
    return [
        page.card_form(form),
        page.card_form(replace(form, flaws=flaws, typed=Typed(holder='"><b>', month="1"))),
        page.card_form(replace(form, notice=notice, wallets=("apple_pay", "google_pay"))),
        *[page.message(Message(look=look, news=news, back="http://shop/?a=1&b")) for news in News],
        *[page.message(Message(look=look, news=news)) for news in News],
        *[
            page.choice(replace(CHOICE, look=look, flaws=flaws, typed=Typed(way=way)))
            for way in page.WAYS
        ],
        page.choice(replace(CHOICE, look=look, ways=("upi",), notice=notice)),
        page.decision(Decision(look=look, action="http://api/", account="<b>HDFC</b>")),
        page.message(
            Message(
                look=look,
                news=News.PAID,
                onward=Onward(action="https://shop/paid", fields=fields),
            )
        ),
        page.message(Message(look=look, news=News.FAILED, outcome='{"a": "<b>"}', detail="<i>")),
        page.detour(Detour(look=look, action="https://acs/", method="POST", fields=fields)),
    ]
