"""The messages of EMV 3-D Secure 2: which members each has, what each member looks like.

A message is its members, text by name; nested objects that nobody here needs are not read. Members
that are not known are ignored, a member given twice is an error, and so is one that is missing or
malformed: each has the code that an Erro message carries.
Source: EMVCo, EMV 3-D Secure Protocol and Core Functions Specification 2.1.0 and 2.2.0, table A.1
and annex A.5 (error codes); RFC 4648, section 5.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

Members = Mapping[str, str]
TEXT_MAX: Final = 64 * 1024  # characters; the largest honest message has a few kilobytes


class Kind(StrEnum):
    """A message, by its messageType."""

    AREQ = "AReq"
    ARES = "ARes"
    CREQ = "CReq"
    CRES = "CRes"
    RREQ = "RReq"
    RRES = "RRes"
    ERRO = "Erro"


class MessageError(Exception):
    """A message is none, or not what it must be; `code` is EMVCo's, `detail` names members only."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


NO_MESSAGE, MISSING, MALFORMED, TWICE = "101", "201", "203", "204"
UNKNOWN_ID, MISMATCH, TIMED_OUT = "301", "305", "402"
DESCRIPTIONS: Final[Mapping[str, str]] = {
    NO_MESSAGE: "Message received invalid",
    MISSING: "Required data element missing",
    MALFORMED: "Format of one or more data elements is invalid",
    TWICE: "Duplicate data element",
    UNKNOWN_ID: "Transaction ID not recognised",
    MISMATCH: "Transaction data not valid",
    TIMED_OUT: "Transaction timed out",
}

VERSIONS: Final = ("2.1.0", "2.2.0")
UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
URL: Final = r"https?://\S{1,2040}"
FLAG: Final = r"true|false"
TEXT: Final = r"[^\x00-\x08\x0b\x0c\x0e-\x1f]"

# fmt: off
# What a member looks like, wherever it stands.
FORMATS: Final[Mapping[str, str]] = {
    "messageVersion": r"2\.[0-9]\.[0-9]",
    "threeDSServerTransID": UUID, "dsTransID": UUID, "acsTransID": UUID,
    "threeDSServerRefNumber": TEXT + "{1,32}", "threeDSServerOperatorID": TEXT + "{1,32}",
    "threeDSServerURL": URL, "threeDSRequestorID": TEXT + "{1,35}",
    "threeDSRequestorName": TEXT + "{1,40}", "threeDSRequestorURL": URL,
    "threeDSRequestorAuthenticationInd": "0[1-9]", "threeDSRequestorChallengeInd": "0[1-9]",
    "threeDSCompInd": "[YNU]", "deviceChannel": "0[1-3]", "messageCategory": "0[12]",
    "acctNumber": "[0-9]{13,19}", "cardExpiryDate": "[0-9]{2}(0[1-9]|1[0-2])",
    "cardholderName": TEXT + "{2,45}",
    "acquirerBIN": "[0-9]{1,11}", "acquirerMerchantID": TEXT + "{1,35}", "mcc": "[0-9]{4}",
    "merchantCountryCode": "[0-9]{3}", "merchantName": TEXT + "{1,40}",
    "purchaseAmount": "[0-9]{1,48}", "purchaseCurrency": "[0-9]{3}", "purchaseExponent": "[0-9]",
    "purchaseDate": "[0-9]{14}", "transType": "01|03|10|11|28", "notificationURL": URL,
    "browserAcceptHeader": TEXT + "{1,2048}", "browserIP": r"[0-9A-Fa-f:.]{2,45}",
    "browserJavascriptEnabled": FLAG, "browserJavaEnabled": FLAG,
    "browserLanguage": "[A-Za-z0-9-]{1,35}", "browserColorDepth": "1|4|8|15|16|24|32|48",
    "browserScreenHeight": "[0-9]{1,6}", "browserScreenWidth": "[0-9]{1,6}",
    "browserTZ": "[+-]?[0-9]{1,4}", "browserUserAgent": TEXT + "{1,2048}",
    "dsReferenceNumber": TEXT + "{1,32}", "acsReferenceNumber": TEXT + "{1,32}",
    "acsOperatorID": TEXT + "{1,32}", "acsURL": URL, "acsChallengeMandated": "[YN]",
    "authenticationType": "0[1-4]", "authenticationMethod": "[0-9]{2}",
    "authenticationValue": "[A-Za-z0-9+/]{27}=", "eci": "[0-9]{2}",
    "transStatus": "[YNUACDRI]", "transStatusReason": "[0-9]{2}",
    "challengeWindowSize": "0[1-5]", "challengeCancel": "0[1-8]", "interactionCounter": "[0-9]{2}",
    "challengeCompletionInd": "[YN]", "resultsStatus": "0[1-4]",
    "errorCode": "[0-9]{3}", "errorComponent": "[CSDA]", "errorDescription": TEXT + "{1,2048}",
    "errorDetail": TEXT + "{1,2048}", "errorMessageType": "[A-Za-z]{4}",
}
_IDS: Final = ("threeDSServerTransID", "acsTransID")
_BROWSER: Final = (
    "browserAcceptHeader", "browserJavascriptEnabled", "browserLanguage", "browserUserAgent",
)
_SCRIPTED: Final = (  # version 2.2.0 wants these only where scripts run
    "browserJavaEnabled", "browserColorDepth", "browserScreenHeight", "browserScreenWidth",
    "browserTZ",
)
# What each message must have, and what it may.
REQUIRED: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.AREQ: (
        "threeDSServerTransID", "threeDSServerRefNumber", "threeDSServerURL",
        "threeDSRequestorID", "threeDSRequestorName", "threeDSRequestorURL",
        "threeDSRequestorAuthenticationInd", "threeDSCompInd", "deviceChannel", "messageCategory",
        "acctNumber", "acquirerBIN", "acquirerMerchantID", "mcc", "merchantCountryCode",
        "merchantName", "purchaseAmount", "purchaseCurrency", "purchaseExponent", "purchaseDate",
        "notificationURL", *_BROWSER,
    ),
    Kind.ARES: (
        *_IDS, "dsTransID", "dsReferenceNumber", "acsReferenceNumber", "transStatus",
    ),
    Kind.CREQ: (*_IDS, "challengeWindowSize"),
    Kind.CRES: (*_IDS, "challengeCompletionInd", "transStatus"),
    Kind.RREQ: (*_IDS, "dsTransID", "messageCategory", "transStatus", "interactionCounter"),
    Kind.RRES: (*_IDS, "dsTransID", "resultsStatus"),
    Kind.ERRO: ("errorCode", "errorComponent", "errorDescription", "errorDetail"),
}
ALLOWED: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.AREQ: (
        "threeDSServerOperatorID", "threeDSRequestorChallengeInd", "cardExpiryDate",
        "cardholderName", "transType", "browserIP", *_SCRIPTED,
    ),
    Kind.ARES: (
        "acsOperatorID", "acsURL", "acsChallengeMandated", "authenticationType",
        "authenticationValue", "eci", "transStatusReason",
    ),
    Kind.CREQ: ("challengeCancel",),
    Kind.CRES: (),
    Kind.RREQ: (
        "authenticationType", "authenticationMethod", "authenticationValue", "eci",
        "transStatusReason", "challengeCancel",
    ),
    Kind.RRES: (),
    Kind.ERRO: ("threeDSServerTransID", "acsTransID", "dsTransID", "errorMessageType"),
}
# fmt: on
_PATTERNS: Final = {name: re.compile(pattern) for name, pattern in FORMATS.items()}


class Rule(NamedTuple):
    """Members that a message needs where another member has one of these values."""

    kind: Kind
    member: str
    values: frozenset[str]
    needs: tuple[str, ...]


RULES: Final = (
    Rule(Kind.ARES, "transStatus", frozenset("C"), ("acsURL", "acsChallengeMandated")),
    Rule(Kind.ARES, "transStatus", frozenset("YA"), ("authenticationValue", "eci")),
    Rule(Kind.RREQ, "transStatus", frozenset("YA"), ("authenticationValue", "eci")),
    Rule(Kind.AREQ, "browserJavascriptEnabled", frozenset(["true"]), _SCRIPTED),
)


def encode(kind: Kind, members: Members) -> bytes:
    """The message as JSON; raises `MessageError` where it would not be one."""
    whole = {"messageType": kind.value, **members}
    _check(kind, whole)
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def decode(text: bytes | str, *kinds: Kind) -> tuple[Kind, dict[str, str]]:
    """The message's type and known members; raises `MessageError`, also where it is of no `kinds`.

    Flags may be JSON's own true and false.
    """
    if len(text) > TEXT_MAX:
        raise MessageError(NO_MESSAGE, "too long")
    try:
        given = json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise MessageError(NO_MESSAGE, "not JSON") from error
    if not isinstance(given, dict) or given.get("messageType") not in set(kinds):
        raise MessageError(NO_MESSAGE, "messageType")
    kind = Kind(given["messageType"])
    known = {"messageVersion", *REQUIRED[kind], *ALLOWED[kind]}
    members = {name: _text(name, value) for name, value in given.items() if name in known}
    _check(kind, {"messageType": kind.value, **members})
    return kind, members


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        raise MessageError(TWICE, next(each for each in names if names.count(each) > 1)[:64])
    return made


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    raise MessageError(MALFORMED, name)


def _check(kind: Kind, members: Members) -> None:
    """Raise `MessageError` for the first thing that is wrong: missing members, then malformed."""
    needed = ["messageVersion", *REQUIRED[kind]]
    for rule in RULES:
        if rule.kind is kind and members.get(rule.member) in rule.values:
            needed += rule.needs
    for name in needed:
        if name not in members:
            raise MessageError(MISSING, name)
    for name, value in members.items():
        if name != "messageType" and _PATTERNS[name].fullmatch(value) is None:
            raise MessageError(MALFORMED, name)
    if kind is not Kind.ERRO and members["messageVersion"] not in VERSIONS:
        raise MessageError(MALFORMED, "messageVersion")


def erro(error: MessageError, component: str, about: Members) -> bytes:
    """The Erro message that answers a bad one; `about` gives version and ids, where they are."""
    ids = {
        name: about[name]
        for name in ("threeDSServerTransID", "acsTransID", "dsTransID")
        if name in about
    }
    return encode(
        Kind.ERRO,
        {
            "messageVersion": about.get("messageVersion", VERSIONS[0]),
            "errorCode": error.code,
            "errorComponent": component,
            "errorDescription": DESCRIPTIONS[error.code],
            "errorDetail": error.detail,
            **ids,
        },
    )


def to_browser(text: bytes) -> str:
    """A CReq or CRes as a form carries it: base64url without padding."""
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def from_browser(text: str) -> bytes:
    """The reverse; padding and the standard alphabet are taken as well, and blanks for `+`.

    Raises `MessageError`.
    """
    if len(text) > TEXT_MAX:
        raise MessageError(NO_MESSAGE, "too long")
    plain = re.sub(r"[\r\n]", "", text).replace(" ", "+").replace("-", "+").replace("_", "/")
    plain = plain.rstrip("=")
    try:
        decoded = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MessageError(NO_MESSAGE, "not base64url") from error
    if to_browser(decoded) != plain.replace("+", "-").replace("/", "_"):
        raise MessageError(NO_MESSAGE, "not base64url")  # bits after the last byte
    return decoded
