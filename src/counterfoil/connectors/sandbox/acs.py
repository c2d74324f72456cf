"""The test bank's directory server and issuer (ACS) for 3-D Secure, both versions.

It keeps nothing: what it has to know later it seals into its own addresses (version 2) or into the
account id (version 1), so it survives a restart and serves from any process. What a card does is in
`table.py`. Ids and proofs follow from the transaction, so the same one gives the same answers.
"""

import asyncio
import base64
import hmac
import json
import uuid
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit

import msgspec

from counterfoil.connectors.sandbox.table import AUTHENTICATIONS, Authentication
from counterfoil.core.bank import BadQuestionError, Choice, Question, Return
from counterfoil.core.card import Brand, Pan
from counterfoil.core.currencies import CURRENT
from counterfoil.core.money import Money
from counterfoil.core.pan import brand_of
from counterfoil.core.record import Record
from counterfoil.core.threeds import MEANINGS, Meaning, Result, Status, eci
from counterfoil.threeds import messages, payer
from counterfoil.threeds.messages import Kind, Members, MessageError
from counterfoil.threeds.payer import PayerError
from counterfoil.threeds.server import Route, Take

REFERENCE: Final = "COUNTERFOIL_SANDBOX"
WORD_MAX: Final = 64  # characters; every real PaRes is far longer
STREAM: Final = "eN"  # what base64 of a zlib stream begins with at our level of compression
VALUE_BYTES: Final = 20
GARBLED: Final = "garbled!"
MISSPELT: Final = b'"acsTransId"'  # by the public command line client of CardFunc
CURRENCIES: Final = {number: code for code, (number, _) in CURRENT.items()}
METHODS: Final = {Authentication.METHOD, Authentication.METHOD_CHALLENGE}
# What an ARes says at once; every other card gets a challenge.
AT_ONCE: Final[Mapping[Authentication, Status]] = {
    Authentication.FRICTIONLESS: Status.AUTHENTICATED,
    Authentication.METHOD: Status.AUTHENTICATED,
    Authentication.ATTEMPT: Status.ATTEMPTED,
    Authentication.DENIED: Status.DENIED,
    Authentication.REJECTED: Status.REJECTED,
    Authentication.UNAVAILABLE: Status.UNAVAILABLE,
}
# What a PaRes of version 1 says when the cardholder approves; every other card: authenticated.
APPROVED_AS: Final[Mapping[Authentication, Status]] = {
    Authentication.ATTEMPT: Status.ATTEMPTED,
    Authentication.UNAVAILABLE: Status.UNAVAILABLE,
}
SPOKEN: Final[Mapping[str, Status]] = {
    "N": Status.DENIED,
    "A": Status.ATTEMPTED,
    "U": Status.UNAVAILABLE,
}


class Case(Record):
    """A challenge, as the bank's own address remembers it."""

    script: Authentication
    brand: Brand
    last4: str
    amount: Money
    merchant: str
    version: str
    server: str
    acs: str
    directory: str
    notify: str
    tell: str  # the 3DS Server's address for the result


class Account(Record):
    """A card, as a PaReq names it in place of its number."""

    script: Authentication
    brand: Brand
    last4: str


class Acs:
    """A `Directory`, and a `Bank` for the pages; `key` is a secret of this installation."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._take: Take | None = None

    async def look_up(self, pan: Pan, base: str) -> Route:
        """Every card takes part but those whose row says otherwise; one gets no answer at all."""
        script = _script(pan)
        if script is Authentication.SILENT:
            await asyncio.Event().wait()
        account = Account(script=script, brand=brand_of(pan.reveal()), last4=pan.last4)
        return Route(
            enrolled=script is not Authentication.NOT_ENROLLED,
            method_url=f"{base}/test/3ds-method" if script in METHODS else None,
            acs_url=f"{base}/test/bank",
            acs_method="GET",  # as the documented example of the Bizon wire
            account=self._seal(account),
        )

    async def authenticate(self, areq: bytes) -> bytes:
        """The ARes to an AReq, or an Erro."""
        given: Members = {}
        try:
            _, given = messages.decode(areq, Kind.AREQ)
            return messages.encode(Kind.ARES, self._ares(given))
        except MessageError as error:
            return messages.erro(error, "D", given)

    def signed(self, element: bytes, signature: str) -> bool:
        """Whether the bank has signed those bytes."""
        return hmac.compare_digest(self._mark(element), signature.encode())

    def spoken(self, text: str) -> Result | None:
        """The documented test values, which are no messages: a short word, read by its letter."""
        if not (text.isascii() and text.isalnum() and len(text) <= WORD_MAX):
            return None
        if text.startswith(STREAM):
            return None
        status = SPOKEN.get(text[0], Status.AUTHENTICATED)
        mark = self._bytes("spoken", text)
        return Result(
            status=status,
            value=_value(mark) if MEANINGS[status] is Meaning.GO_ON else None,
            transaction=_value(mark[::-1]),
        )

    def deliver(self, take: Take) -> None:
        """Results go to `take`."""
        self._take = take

    def payer(self, pareq: str) -> Question:
        """What a PaReq asks."""
        account, asked = self._asked(pareq)
        return Question(merchant=asked["Merchant/name"], amount=_amount(asked), last4=account.last4)

    def payer_answer(self, pareq: str, choice: Choice) -> str:
        """The signed PaRes to it."""
        account, asked = self._asked(pareq)
        status = APPROVED_AS.get(account.script, Status.AUTHENTICATED)
        if choice is Choice.DECLINE:
            status = Status.DENIED
        purchase = ("xid", "date", "purchAmount", "currency", "exponent")
        outcome = {"time": asked["Purchase/date"], "status": status.value}
        if MEANINGS[status] is Meaning.GO_ON:
            outcome["cavv"] = _value(self._bytes("cavv", asked["Purchase/xid"]))
            outcome["eci"] = eci(account.brand, status)
            outcome["cavvAlgorithm"] = "2"
        element = payer.response(
            {
                "version": asked["version"],
                "Merchant": {name: asked[f"Merchant/{name}"] for name in ("acqBIN", "merID")},
                "Purchase": {name: asked[f"Purchase/{name}"] for name in purchase},
                "pan": account.last4.rjust(16, "0"),
                "TX": outcome,
            }
        )
        if account.script is Authentication.GARBLED:
            return GARBLED
        return payer.sealed(element, self._mark(element).decode())

    def challenge(self, creq: str, state: str) -> Question:
        """What a CReq asks."""
        case = self._case(state)
        try:
            text = messages.from_browser(creq).replace(MISSPELT, b'"acsTransID"')
            _, given = messages.decode(text, Kind.CREQ)
        except MessageError as error:
            raise BadQuestionError("no CReq for this bank") from error
        if (given["threeDSServerTransID"], given["acsTransID"]) != (case.server, case.acs):
            raise BadQuestionError("a CReq of another transaction")
        to = Return(
            url=_page(case.tell, "acs3d20/result", state),
            fields=(("threeDSServerTransID", case.server),),
        )
        return Question(merchant=case.merchant, amount=case.amount, last4=case.last4, to=to)

    async def challenge_answer(self, state: str, choice: Choice) -> Return:
        """Deliver the result, then send the browser back."""
        case = self._case(state)
        status = Status.AUTHENTICATED if choice is Choice.APPROVE else Status.DENIED
        if self._take is not None and case.script is not Authentication.LOST:
            await self._take(case.tell, self._rreq(case, status))
        cres = {
            "messageVersion": case.version,
            "threeDSServerTransID": case.server,
            "acsTransID": case.acs,
            "challengeCompletionInd": "Y",
            "transStatus": status.value,
        }
        text = messages.to_browser(messages.encode(Kind.CRES, cres))
        garbled = case.script is Authentication.GARBLED
        return Return(url=case.notify, fields=(("cres", GARBLED if garbled else text),))

    def method(self, data: str) -> Return:
        """Where the method page reports."""
        try:
            given = json.loads(messages.from_browser(data))
            url, server = given["threeDSMethodNotificationURL"], given["threeDSServerTransID"]
        except (MessageError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise BadQuestionError("no threeDSMethodData") from error
        if not (isinstance(url, str) and urlsplit(url).scheme in {"http", "https"}):
            raise BadQuestionError("no address to report to")
        seen = json.dumps({"threeDSServerTransID": str(server)}, separators=(",", ":"))
        fields = (("threeDSMethodData", messages.to_browser(seen.encode())),)
        return Return(url=url, fields=fields)

    def _ares(self, given: Members) -> dict[str, str]:
        script = _script(Pan(given["acctNumber"]))
        server = given["threeDSServerTransID"]
        answer = {
            "messageVersion": given["messageVersion"],
            "threeDSServerTransID": server,
            "acsTransID": self._id("acs", server),
            "dsTransID": self._id("directory", server),
            "dsReferenceNumber": REFERENCE,
            "acsReferenceNumber": REFERENCE,
            "acsOperatorID": REFERENCE,
        }
        status = AT_ONCE.get(script, Status.CHALLENGE)
        answer["transStatus"] = status.value
        if status is Status.CHALLENGE:
            answer |= {"acsChallengeMandated": "Y", "authenticationType": "01"}
            answer["acsURL"] = self._address(given, answer, script)
        return answer | self._proof(server, status, brand_of(given["acctNumber"]))

    def _address(self, given: Members, answer: Members, script: Authentication) -> str:
        case = Case(
            script=script,
            brand=brand_of(given["acctNumber"]),
            last4=given["acctNumber"][-4:],
            amount=Money(
                minor=int(given["purchaseAmount"]), currency=CURRENCIES[given["purchaseCurrency"]]
            ),
            merchant=given["merchantName"],
            version=given["messageVersion"],
            server=given["threeDSServerTransID"],
            acs=answer["acsTransID"],
            directory=answer["dsTransID"],
            notify=given["notificationURL"],
            tell=given["threeDSServerURL"],
        )
        return _page(case.tell, "acs3d20", self._seal(case))

    def _rreq(self, case: Case, status: Status) -> bytes:
        members = {
            "messageVersion": case.version,
            "threeDSServerTransID": case.server,
            "acsTransID": case.acs,
            "dsTransID": case.directory,
            "messageCategory": "01",
            "transStatus": status.value,
            "authenticationType": "01",
            "authenticationMethod": "02",
            "interactionCounter": "01",
        }
        if status is Status.DENIED:
            members["transStatusReason"] = "01"
        return messages.encode(
            Kind.RREQ, {**members, **self._proof(case.server, status, case.brand)}
        )

    def _proof(self, server: str, status: Status, brand: Brand) -> dict[str, str]:
        if MEANINGS[status] is not Meaning.GO_ON:
            return {}
        value = _value(self._bytes("value", server))
        return {"authenticationValue": value, "eci": eci(brand, status)}

    def _asked(self, pareq: str) -> tuple[Account, dict[str, str]]:
        try:
            asked = payer.read_request(pareq)
            account = msgspec.json.decode(self._open(asked["CH/acctID"]), type=Account)
            _amount(asked)
        except (PayerError, KeyError, ValueError) as error:
            raise BadQuestionError("no PaReq for this bank") from error
        return account, asked

    def _case(self, state: str) -> Case:
        try:
            return msgspec.json.decode(self._open(state), type=Case)
        except (MessageError, ValueError) as error:
            raise BadQuestionError("no challenge of this bank") from error

    def _seal(self, record: Record) -> str:
        """A record as text that only this bank can write."""
        text = messages.to_browser(msgspec.json.encode(record))
        return f"{text}.{self._mark(text.encode()).decode()}"

    def _open(self, text: str) -> bytes:
        body, _, mark = text.partition(".")
        if not hmac.compare_digest(self._mark(body.encode()), mark.encode()):
            raise ValueError("not sealed by this bank")
        return messages.from_browser(body)

    def _mark(self, text: bytes) -> bytes:
        made = hmac.digest(self._key, text, "sha256")
        return base64.urlsafe_b64encode(made).rstrip(b"=")

    def _bytes(self, purpose: str, of: str) -> bytes:
        return hmac.digest(self._key, f"{purpose} {of}".encode(), "sha256")[:VALUE_BYTES]

    def _id(self, purpose: str, of: str) -> str:
        return str(uuid.UUID(bytes=self._bytes(purpose, of)[:16], version=4))


def _page(beside: str, name: str, state: str) -> str:
    """The address of a page of the bank: it lives where the 3DS Server does."""
    parts = urlsplit(beside)
    return f"{parts.scheme}://{parts.netloc}/test/{name}?{urlencode({'state': state})}"


def _script(pan: Pan) -> Authentication:
    return AUTHENTICATIONS.get(pan.reveal(), Authentication.CHALLENGE)


def _value(made: bytes) -> str:
    return base64.b64encode(made).decode()


def _amount(asked: Mapping[str, str]) -> Money:
    minor, currency = asked["Purchase/purchAmount"], asked["Purchase/currency"]
    return Money(minor=int(minor), currency=CURRENCIES[currency])
