"""Session: how an order is paid by its customer in a browser, and until when.

What the merchant said when the order was made is all here; a page is shown from it and nothing
else. Nothing in it is secret: the address of the page is derived, not stored.
"""

from counterfoil.core.record import Record


class Session(Record):
    """An order's payment page.

    `expires` is an instant in microseconds since 1970 UTC, None: never. `tries` is how many
    payments may be begun on it. `shared`: a link for many; each payment makes an order of its own.
    `force3d` None: as the merchant's rule says. `located`: the order's place is the browser's.
    """

    expires: int | None = None
    tries: int = 1
    return_url: str | None = None
    language: str | None = None
    template: str | None = None
    mobile: bool = False
    terminal: str | None = None
    auto_charge: bool = False
    force3d: bool | None = None
    secure3d_return_url: str | None = None
    exempt: bool = False
    recurring: bool = False
    apple_pay: bool = False
    google_pay: bool = False
    shared: bool = False
    located: bool = False

    def over(self, now: int) -> bool:
        """Whether its time has passed."""
        return self.expires is not None and now >= self.expires
