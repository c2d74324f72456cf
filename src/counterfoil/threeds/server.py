"""The 3DS Server: asks a directory about a card and its holder, and reads what comes back.

It is an `Authenticator` over a `Directory`, and keeps nothing. Version 2 where the browser has
described itself, else version 1. What a message says is compared with what was asked; a result of
version 2 counts when the directory delivers it (RReq), one of version 1 by its signature.
Source: EMV 3-D Secure 2.2.0, chapters 3 and 5; 3-D Secure 1.0.2.
"""

import base64
import json
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeAlias
from urllib.parse import parse_qs, urlsplit

from msgspec.structs import replace

from counterfoil.core.authenticator import Delivered, Receiver, Request, Verdict
from counterfoil.core.card import Pan
from counterfoil.core.currencies import CURRENT
from counterfoil.core.errors import Code, Refused
from counterfoil.core.minor import digits, major
from counterfoil.core.money import Money
from counterfoil.core.record import Record
from counterfoil.core.threeds import Authentication, Form, Result, Status, Version
from counterfoil.threeds import messages, payer
from counterfoil.threeds.messages import Kind, Members, MessageError
from counterfoil.threeds.payer import PayerError

NAME_MAX: Final = 25  # characters of a merchant's name in a PaReq
MERCHANT_NAME_MAX: Final = 40
DEPTHS: Final = (1, 4, 8, 15, 16, 24, 32, 48)  # bits of colour that a message can name
UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
UUID_BYTES: Final = 16
XID_BYTES: Final = 20
WINDOW: Final = "05"  # full screen


class Route(Record):
    """What a directory knows of a card number.

    `acs_url`, `acs_method` and `account` (what stands for the number in a PaReq) are of version 1.
    """

    enrolled: bool = True
    versions: tuple[Version, ...] = (Version.TWO_1, Version.TWO_2)
    method_url: str | None = None
    acs_url: str = ""
    acs_method: str = "POST"
    account: str = ""


Take: TypeAlias = Callable[[str, bytes], Awaitable[bytes]]


class Directory(Protocol):
    """A scheme's directory server, or a test bank's."""

    async def look_up(self, pan: Pan, base: str) -> Route:
        """What it knows of a card; `base` is our public address, for who lives there too."""
        ...

    async def authenticate(self, areq: bytes) -> bytes:
        """The ARes (or Erro) to an AReq."""
        ...

    def signed(self, element: bytes, signature: str) -> bool:
        """Whether somebody it trusts has signed those bytes of a PaRes."""
        ...

    def spoken(self, text: str) -> Result | None:
        """What a word that is no PaRes means: a test bank may have such, no other has."""
        ...

    def deliver(self, take: Take) -> None:
        """Bring each RReq to `take`, with the threeDSServerURL it is for; it gives the RRes."""
        ...


class Requestor(Record):
    """Who asks, as the directory knows us."""

    acquirer_bin: str = "400000"
    reference: str = "COUNTERFOIL_3DSS_0001"
    operator: str = "COUNTERFOIL"
    country: str = "840"
    mcc: str = "5999"


class Server:
    """An `Authenticator`."""

    def __init__(self, directory: Directory, requestor: Requestor | None = None) -> None:
        self._directory = directory
        self._requestor = requestor or Requestor()
        self._receive: Receiver | None = None
        directory.deliver(self._take)

    async def begin(self, request: Request) -> Verdict:
        """A form for the browser, or a result at once; raises what the directory raises."""
        route = await self._directory.look_up(request.card.pan, request.base)
        if request.browser is None or not route.enrolled:
            return self._ask_payer(request, route)
        version = max(route.versions)
        transaction = str(uuid.UUID(bytes=request.seeds[:UUID_BYTES], version=4))
        if route.method_url is None:
            return await self._ask(request, version, transaction, seen="U")
        data = {
            "threeDSMethodNotificationURL": address(request, "method"),
            "threeDSServerTransID": transaction,
        }
        text = messages.to_browser(json.dumps(data, separators=(",", ":")).encode())
        form = Form(url=route.method_url, method="POST", fields=(("threeDSMethodData", text),))
        return Verdict(version=version, transaction=transaction, form=form, method=True)

    async def proceed(self, request: Request, known: Authentication) -> Verdict:
        """The same after the method step."""
        seen = "Y" if known.seen else "N"
        return await self._ask(request, known.version, known.transaction, seen=seen)

    def payer_answer(self, text: str, request: Request, known: Authentication) -> Result:
        """What a PaRes says of this payment; raises `Refused(BAD_PAYER_ANSWER)`."""
        spoken = self._directory.spoken(text)
        if spoken is not None:
            return spoken
        try:
            found = payer.leaves(self._signed(text))
            return _payer_result(found, self._purchase(request, known))
        except PayerError as error:
            raise Refused(Code.BAD_PAYER_ANSWER) from error

    def challenge_answer(self, text: str, known: Authentication) -> None:
        """Check that a CRes is of this transaction; raises `Refused(BAD_CHALLENGE_ANSWER)`."""
        try:
            _, given = messages.decode(messages.from_browser(text), Kind.CRES)
        except MessageError as error:
            raise Refused(Code.BAD_CHALLENGE_ANSWER) from error
        theirs = (given["messageVersion"], given["threeDSServerTransID"], given["acsTransID"])
        if theirs != (known.version, known.transaction, known.acs):
            raise Refused(Code.BAD_CHALLENGE_ANSWER)

    def listen(self, receive: Receiver) -> None:
        """Results go to `receive`; without it no RReq is taken."""
        self._receive = receive

    def _signed(self, text: str) -> bytes:
        element, signature = payer.opened(text)
        if not self._directory.signed(element, signature):
            raise PayerError("not signed by anybody we trust")
        return element

    def _ask_payer(self, request: Request, route: Route) -> Verdict:
        transaction = base64.b64encode(request.seeds[UUID_BYTES : UUID_BYTES + XID_BYTES]).decode()
        if not route.enrolled:
            nothing = Result(status=None)
            return Verdict(version=Version.ONE, transaction=transaction, result=nothing)
        purchase = self._purchase_of(request.amount, transaction)
        content = {
            "version": Version.ONE.value,
            "Merchant": {
                "acqBIN": self._requestor.acquirer_bin,
                "merID": merchant_id(request),
                "name": request.merchant.name[:NAME_MAX],
                "country": self._requestor.country,
                "url": request.base,
            },
            "Purchase": purchase | {"date": f"{moment(request.at):%Y%m%d %H:%M:%S}"},
            "CH": {"acctID": route.account, "expiry": expiry(request)},
        }
        fields = (
            ("MD", request.number),
            ("PaReq", payer.request(content)),
            ("TermUrl", address(request, "secure3d")),
        )
        form = Form(url=route.acs_url, method=route.acs_method, fields=fields)
        return Verdict(version=Version.ONE, transaction=transaction, form=form)

    async def _ask(
        self, request: Request, version: Version, transaction: str, *, seen: str
    ) -> Verdict:
        areq = messages.encode(Kind.AREQ, self._areq(request, version, transaction, seen))
        answer = await self._directory.authenticate(areq)
        kind, given = messages.decode(answer, Kind.ARES, Kind.ERRO)
        if kind is Kind.ERRO:
            raise MessageError(given["errorCode"], given["errorDetail"])
        if (given["messageVersion"], given["threeDSServerTransID"]) != (version, transaction):
            raise MessageError(messages.MISMATCH, "threeDSServerTransID")
        verdict = Verdict(
            version=version,
            transaction=transaction,
            acs=given["acsTransID"],
            directory=given["dsTransID"],
        )
        if given["transStatus"] != Status.CHALLENGE:
            return replace(verdict, result=result(given))
        return replace(verdict, form=_challenge(verdict, given, request))

    def _areq(
        self, request: Request, version: Version, transaction: str, seen: str
    ) -> dict[str, str]:
        who, browser = self._requestor, request.browser
        assert browser is not None
        members = {
            "messageVersion": version.value,
            "threeDSServerTransID": transaction,
            "threeDSServerRefNumber": who.reference,
            "threeDSServerOperatorID": who.operator,
            "threeDSServerURL": address(request, "result"),
            "threeDSRequestorID": merchant_id(request),
            "threeDSRequestorName": request.merchant.name[:MERCHANT_NAME_MAX],
            "threeDSRequestorURL": request.base,
            "threeDSRequestorAuthenticationInd": "02" if request.first_of_series else "01",
            "threeDSRequestorChallengeInd": "04" if request.first_of_series else "01",
            "threeDSCompInd": seen,
            "deviceChannel": "02",
            "messageCategory": "01",
            "acctNumber": request.card.pan.reveal(),
            "acquirerBIN": who.acquirer_bin,
            "acquirerMerchantID": merchant_id(request),
            "mcc": who.mcc,
            "merchantCountryCode": who.country,
            "merchantName": request.merchant.name[:MERCHANT_NAME_MAX],
            "purchaseAmount": str(request.amount.minor),
            "purchaseCurrency": CURRENT[request.amount.currency][0],
            "purchaseExponent": str(digits(request.amount.currency)),
            "purchaseDate": f"{moment(request.at):%Y%m%d%H%M%S}",
            "transType": "01",
            "notificationURL": request.notify_url or address(request, "secure3d20"),
            "browserAcceptHeader": browser.accept,
            "browserJavascriptEnabled": str(browser.javascript).lower(),
            "browserJavaEnabled": str(browser.java).lower(),
            "browserLanguage": browser.language,
            "browserColorDepth": str(max(each for each in DEPTHS if each <= browser.color_depth)),
            "browserScreenHeight": str(browser.height),
            "browserScreenWidth": str(browser.width),
            "browserTZ": str(browser.timezone),
            "browserUserAgent": browser.user_agent,
        }
        if request.card.card.has_expiry:
            members["cardExpiryDate"] = expiry(request)
        if browser.ip is not None:
            members["browserIP"] = browser.ip.partition("%")[0]  # without its zone
        return members

    async def _take(self, url: str, rreq: bytes) -> bytes:
        """The RRes to an RReq that the directory brings, or an Erro."""
        given: Members = {}
        try:
            _, given = messages.decode(rreq, Kind.RREQ)
            await self._pass_on(url, given)
        except MessageError as error:
            return messages.erro(error, "S", given)
        ids = ("messageVersion", "threeDSServerTransID", "acsTransID", "dsTransID")
        return messages.encode(
            Kind.RRES, {**{name: given[name] for name in ids}, "resultsStatus": "01"}
        )

    async def _pass_on(self, url: str, given: Members) -> None:
        delivered = Delivered(
            session=parse_qs(urlsplit(url).query).get("session", [""])[0],
            transaction=given["threeDSServerTransID"],
            acs=given["acsTransID"],
            directory=given["dsTransID"],
            result=result(given),
        )
        if self._receive is None or not await self._receive(delivered):
            raise MessageError(messages.UNKNOWN_ID, "threeDSServerTransID")

    def _purchase_of(self, amount: Money, xid: str) -> dict[str, str]:
        exponent = digits(amount.currency)
        return {
            "xid": xid,
            "amount": major(amount.minor, exponent),
            "purchAmount": str(amount.minor),
            "currency": CURRENT[amount.currency][0],
            "exponent": str(exponent),
        }

    def _purchase(self, request: Request, known: Authentication) -> dict[str, str]:
        """What a PaRes must repeat, by its path."""
        asked = self._purchase_of(request.amount, known.transaction)
        return {
            "PARes/Merchant/acqBIN": self._requestor.acquirer_bin,
            "PARes/Merchant/merID": merchant_id(request),
            "PARes/pan": request.card.card.last4.rjust(16, "0"),
            **{f"PARes/Purchase/{name}": text for name, text in asked.items() if name != "amount"},
        }


def address(request: Request, place: str) -> str:
    """One of our own addresses for a browser, which names this payment and no other."""
    return f"{request.base}/complete/{place}?session={request.session}"


def merchant_id(request: Request) -> str:
    """The acquirer's handle for the merchant: ours, and its terminal."""
    return f"{request.merchant.id}/{request.terminal}"[:24]


def expiry(request: Request) -> str:
    """The card's date, YYMM."""
    card = request.card.card
    return f"{card.year % 100:02d}{card.month:02d}"


def moment(instant: int) -> datetime:
    """An instant as a date and time in UTC."""
    return UNIX + timedelta(microseconds=instant)


def result(given: Members) -> Result:
    """What an ARes or RReq says; raises `MessageError` where that is no end."""
    status = Status(given["transStatus"])
    if status in {Status.CHALLENGE, Status.DECOUPLED}:
        raise MessageError(messages.MALFORMED, "transStatus")
    return Result(
        status=status,
        eci=given.get("eci"),
        value=given.get("authenticationValue"),
        transaction=given["dsTransID"],
        why=given.get("transStatusReason"),
    )


def _challenge(verdict: Verdict, given: Members, request: Request) -> Form:
    creq = messages.encode(
        Kind.CREQ,
        {
            "messageVersion": verdict.version.value,
            "threeDSServerTransID": verdict.transaction,
            "acsTransID": given["acsTransID"],
            "challengeWindowSize": WINDOW,
        },
    )
    fields = (("creq", messages.to_browser(creq)), ("threeDSSessionData", request.number))
    return Form(url=given["acsURL"], method="POST", fields=fields)


def _payer_result(found: payer.Leaves, asked: payer.Leaves) -> Result:
    """The result in a PARes that repeats what was asked; raises `PayerError`."""
    for place, text in asked.items():
        if found.get(place) != text:
            raise PayerError("of another payment")
    try:
        status = Status(found.get("PARes/TX/status", ""))
    except ValueError as error:
        raise PayerError("no status") from error
    if status not in {Status.AUTHENTICATED, Status.ATTEMPTED, Status.DENIED, Status.UNAVAILABLE}:
        raise PayerError("no status of version 1")
    return Result(
        status=status,
        eci=found.get("PARes/TX/eci") or None,
        value=found.get("PARes/TX/cavv") or None,
        transaction=found["PARes/Purchase/xid"],
    )
