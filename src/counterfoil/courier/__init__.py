"""What goes out to merchants' addresses: where it may go, how it is posted, our own form of it."""

from counterfoil.courier.guard import Forbidden, Guard, Target, system_lookup
from counterfoil.courier.http import HttpCourier

__all__ = ["Forbidden", "Guard", "HttpCourier", "Target", "system_lookup"]
