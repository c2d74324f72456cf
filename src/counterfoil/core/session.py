"""Session: how an order is paid by its customer in a browser.

What the merchant said of the page when the order was made. Nothing in it is secret: the address of
the page is derived, not stored.
"""

from counterfoil.core.record import Record


class Session(Record):
    """An order's payment page.

    `tries` is how many payments may be begun on it. `shared`: a link for many; each payment makes
    an order of its own. `force3d` None: as the merchant's rule says. `located`: the order's place
    is the browser's.
    """

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
