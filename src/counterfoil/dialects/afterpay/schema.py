"""Requests: the members of each call as the documents name them."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from counterfoil.core.minor import digits
from counterfoil.core.order import Client
from counterfoil.dialects.afterpay.amounts import agree, minor, total, total_net
from counterfoil.dialects.afterpay.errors import FORMAT, GROSS, METHOD, NET, RANGE, invalid
from counterfoil.dialects.afterpay.facts import Item, Summary
from counterfoil.dialects.afterpay.reading import TEXT_MAX, Reader

# fmt: off
COUNTRIES: Final = ("NO", "SE", "FI", "DK", "DE", "AT", "CH", "NL", "BE")
CURRENCIES: Final = ("EUR", "NOK", "SEK", "DKK", "CHF")
LANGUAGES: Final = ("NO", "SV", "SE", "FI", "DA", "DK", "EN", "DE", "NL", "FR")
TYPES: Final = ("Invoice", "Account", "Installment", "Consolidatedinvoice", "PayinX")
REFUND_TYPES: Final = ("Refund", "Return")
SHIPPING_TYPES: Final = ("Shipment", "Return")
VAT: Final = ("HighCategory", "LowCategory", "NullCategory", "NoCategory", "MiddleCategory",
              "OtherCategory")
ITEM_TYPES: Final = ("PhysicalArticle", "DigitalArticle", "GiftCard", "Discount", "ShippingFee",
                     "Surcharge", "Info", "Subscription")
ITEM_NUMBERS: Final = ("vatAmount", "vatPercent", "lineNumber", "discountAmount",
                       "googleProductCategoryId")
ITEM_WORDS: Final = {"vatCategory": VAT, "type": ITEM_TYPES, "refundType": REFUND_TYPES}
ITEM_TEXTS: Final = {
    "unitCode": 50, "imageUrl": 2048, "productUrl": 2048, "googleProductCategory": 255,
    "merchantProductType": 255, "marketPlaceSellerId": 32, "additionalInformation": 4096,
    "parentTransactionReference": 128, "specification": 4096, "serviceStart": 50, "serviceEnd": 50,
}
REFERENCES: Final = {
    "transactionReference": 100, "parentTransactionReference": 128, "yourReference": 20,
}
CUSTOMER_TEXTS: Final = {
    "customerNumber": 100, "firstName": 255, "lastName": 255, "companyName": 255, "email": 255,
    "phone": 50, "mobilePhone": 50, "identificationNumber": 20, "legalForm": 255, "vatId": 50,
}
CUSTOMER_WORDS: Final = {
    "customerCategory": ("Company", "Person"), "salutation": ("Mr", "Mrs", "Miss"),
    "conversationLanguage": LANGUAGES, "distributionType": ("Paper", "Email", "Sms"),
}
# Where the real service demands them. Source: the vendor's page on checkout customers.
DEMANDED: Final[Mapping[str, tuple[str, ...]]] = {
    "customerCategory": COUNTRIES,
    "birthDate": ("NL", "DK", "BE", "AT", "CH"),
    "email": ("DE", "AT", "CH", "BE", "NL", "SE", "FI"),
    "identificationNumber": ("FI", "SE", "NO", "DK"),
    "riskData": ("NL", "BE"),
    "salutation": ("NL", "BE"),
}
OF_PERSONS: Final = ("birthDate", "salutation")
ADDRESS_TEXTS: Final = {
    "street": 100, "streetNumber": 10, "streetNumberAdditional": 10, "postalCode": 10,
    "postalPlace": 100, "careOf": 50,
}
# fmt: on
ORDER_NUMBER: Final = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
OWN_NUMBER: Final = re.compile(r"[A-Za-z0-9._/#-]+", re.ASCII)
NUMBER_MAX: Final = 50
IP_MAX: Final = 39
RISKS_MAX: Final = 50


class Asked(NamedTuple):
    """An OrderSummary as it was sent; `path` is where it stood, with a full stop at its end."""

    path: str
    gross: Decimal | None = None
    net: Decimal | None = None
    items: tuple[Item, ...] = ()
    currency: str | None = None
    extras: Mapping[str, str] = {}

    def summary(self, currency: str) -> Summary:
        """What it comes to; raises `Failure` where totals and rows disagree, or nothing is left."""
        places = digits(currency)
        found = total(self.items, places)
        gross = found if self.gross is None else minor(self.gross, places)
        self._check(gross, places)
        if gross <= 0:
            raise invalid(RANGE, "The amount must be above zero", f"{self.path}totalGrossAmount")
        return Summary(gross=gross, net=self.net, items=self.items, extras=dict(self.extras))

    def _check(self, gross: int, places: int) -> None:
        if not self.items:
            return
        net = total_net(self.items, places)
        if self.net is not None and net is not None:
            sent = minor(self.net, places)
            if not agree(sent, net, self.items, places):
                field = f"{self.path}totalNetAmount"
                raise invalid(NET, "The net total does not match the items", field)
        if not agree(gross, total(self.items, places), self.items, places):
            field = f"{self.path}totalGrossAmount"
            raise invalid(GROSS, "The gross total does not match the items", field)


def summary(reader: Reader, currency: str | None = None) -> Asked:
    """An OrderSummary; one in another currency than the order's is at fault."""
    named = reader.choice("currency", CURRENCIES if currency is None else (currency,))
    reader.number("discountAmount")  # statistical: never part of a sum
    found = Asked(
        path=reader.path,
        gross=reader.number("totalGrossAmount"),
        net=reader.number("totalNetAmount"),
        items=items(reader, "items", "orderItems"),
        currency=named,
        extras=reader.texts({"orderChannelType": 50, "orderDeliveryType": 50}),
    )
    if found.gross is None and not found.items:
        reader.required("totalGrossAmount")
    return found


def items(reader: Reader, *names: str) -> tuple[Item, ...]:
    """The rows of a list, whichever of its names it has."""
    found = [item(each) for each in reader.rows(*names)]
    return tuple(each for each in found if each is not None)


def item(reader: Reader) -> Item | None:
    """A row. Clients leave out what the documents demand: four members are really needed."""
    present = [
        reader.required(name) for name in ("productId", "description", "quantity", "grossUnitPrice")
    ]
    quantity, price = reader.number("quantity"), reader.number("grossUnitPrice")
    net = reader.number("netUnitPrice")
    if quantity is not None and quantity <= 0:
        reader.fault(RANGE, "quantity", "must be above zero")
    product, description = reader.text("productId", 100), reader.text("description", cut=True)
    figures = {name: reader.number(name) for name in ITEM_NUMBERS}
    words = {name: reader.choice(name, known) for name, known in ITEM_WORDS.items()}
    words |= {"groupId": reader.text("groupId", cut=True), **reader.texts(ITEM_TEXTS)}
    if not all(present) or product is None or description is None:
        return None
    if quantity is None or price is None:
        return None
    return Item(
        product_id=product,
        description=description,
        quantity=quantity,
        gross_unit_price=price,
        net_unit_price=net,
        figures={name: number for name, number in figures.items() if number is not None},
        words={name: word for name, word in words.items() if word is not None},
    )


def customer(reader: Reader) -> dict[str, object]:
    """A customer as described."""
    found: dict[str, object] = dict(reader.texts(CUSTOMER_TEXTS))
    words = {name: reader.choice(name, known) for name, known in CUSTOMER_WORDS.items()}
    found |= {name: word for name, word in words.items() if word is not None}
    birth = reader.day("birthDate")
    if birth is not None:
        found["birthDate"] = f"{birth}T00:00:00Z"
    risk = reader.inner("riskData")
    if risk is not None:
        found["riskData"] = risk_data(risk)
    where = reader.inner("address")
    if where is not None:
        address = where.texts(ADDRESS_TEXTS)
        country = where.choice("countryCode", COUNTRIES)
        found["address"] = address | ({"countryCode": country} if country else {})
    return found


def demand(reader: Reader, described: Mapping[str, object]) -> None:
    """Note what a customer lacks that the real service demands in its country."""
    address = described.get("address")
    country = address.get("countryCode") if isinstance(address, dict) else None
    company = described.get("customerCategory") == "Company"
    for name, countries in DEMANDED.items():
        if country in countries and not (company and name in OF_PERSONS):
            reader.required(name)


def risk_data(reader: Reader) -> dict[str, object]:
    """What is known of a customer's risk: texts, whole numbers and flags, whatever they are."""
    reader.text("ipAddress", IP_MAX)
    found: dict[str, object] = {}
    for name, value in [*reader.given.items()][:RISKS_MAX]:
        if isinstance(value, str):
            found[name] = str(value)[:TEXT_MAX]
        elif isinstance(value, int):
            found[name] = value
    return found


def client(described: Mapping[str, object]) -> Client:
    """The customer as every wire knows one."""
    text = {name: str(value) for name, value in described.items() if isinstance(value, str)}
    address = described.get("address")
    place: Mapping[str, str] = address if isinstance(address, dict) else {}
    name = " ".join(text[each] for each in ("firstName", "lastName") if each in text)
    street = " ".join(
        place[each]
        for each in ("street", "streetNumber", "streetNumberAdditional")
        if each in place
    )
    return Client(
        name=name or text.get("companyName"),
        email=text.get("email"),
        phone=text.get("phone") or text.get("mobilePhone"),
        address=street or None,
        city=place.get("postalPlace"),
        zip=place.get("postalCode"),
        country=place.get("countryCode"),
    )


def payment(reader: Reader) -> dict[str, object]:
    """How it is paid: what is kept of it, which is no bank account."""
    found: dict[str, object] = {}
    if reader.required("type"):
        kind = reader.choice("type", TYPES, METHOD)
        found |= {"type": kind} if kind else {}
    found |= reader.texts({"contractId": 50})
    debit = reader.inner("directDebit")
    if debit is not None:
        debit.texts({"bankAccount": 34, "bankCode": 11, "token": 255})
        found["directDebit"] = {}
    for name, member in (
        ("account", "profileNo"),
        ("installment", "profileNo"),
        ("campaign", "campaignNumber"),
    ):
        block = reader.inner(name)
        if block is not None:
            number = block.number(member)
            found[name] = {} if number is None else {member: int(number)}
    return found


def order_number(reader: Reader) -> str | None:
    """The merchant's own number for a new order."""
    reader.required("number")
    number = reader.text("number", NUMBER_MAX)
    if number is not None and ORDER_NUMBER.fullmatch(number) is None:
        reader.fault(FORMAT, "number", "may have letters, digits, full stops, _ and - only")
    return number


def own_number(reader: Reader, name: str) -> str | None:
    """The merchant's own number for a capture or refund."""
    number = reader.text(name, NUMBER_MAX)
    if number is not None and OWN_NUMBER.fullmatch(number) is None:
        reader.fault(FORMAT, name, "may have letters, digits, and . _ - / # only")
    return number


def references(reader: Reader) -> dict[str, str]:
    """What merchants call it besides; `ourReference` is cut, dates are kept as they come."""
    found = reader.texts(REFERENCES)
    ours = reader.text("ourReference", 128, cut=True)
    if ours is not None:
        found["ourReference"] = ours
    inner = reader.inner("references")
    if inner is not None:
        found |= references(inner) | inner.texts({"contractDate": 50, "invoiceDate": 50})
    return found
