"""Notifications: the order in its full form, posted whenever its status has changed.

Source: what public merchants of this wire receive (specification, section 9); the vendor's page
has none. They are protected by HTTP Basic with a login and a password of their own.
"""

from base64 import b64encode
from typing import Final

from counterfoil.core.callbacks import Callback, Told
from counterfoil.core.events import Event
from counterfoil.core.schedule import Schedule
from counterfoil.dialects.bizon.render import FULL, encode, render_order

MINUTE_S: Final = 60


class Notification:
    """The wire's form of a callback. Of an order that is new nobody is told."""

    schedule = Schedule(pauses_s=tuple(each * MINUTE_S for each in (1, 5, 15, 60, 360)))
    events = frozenset(Event) - {Event.ORDER_CREATED, Event.INVOICE_PAID}

    def callback(self, told: Told) -> Callback:
        """`{"orders": [order]}`, signed with the newest password in force."""
        headers = [("X-Notification-Id", told.id)]
        if told.secrets:
            known = f"{told.endpoint.login or ''}:{told.secrets[0].reveal()}"
            headers.append(("Authorization", f"Basic {b64encode(known.encode()).decode()}"))
        order = render_order(told.order, told.merchant, FULL)
        return Callback(body=encode({"orders": [order]}), headers=tuple(headers))
