"""What the host is sent and what it answers, field names exactly as on its wire.

Amounts are whole minor units. The host echoes `reference`, `amount` and `currency`.
"""

import msgspec


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question: `action` is the kind of operation, or `inquire`."""

    action: str
    reference: int
    terminal: str
    amount: int
    currency: str
    original: int | None = None
    pan: str | None = None
    expires: str | None = None  # MMYY
    cvv: str | None = None

    def __repr__(self) -> str:
        """Nothing of a card."""
        return f"<Request {self.action} {self.reference}>"


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """The host's answer; `code` 00 is yes."""

    reference: int
    amount: int
    currency: str
    code: str
    auth_code: str | None = None
    rrn: str | None = None
