"""What goes out to merchants' addresses: where it may go, how it is posted, our own form of it."""

from counterfoil.courier.guard import Forbidden, Guard, Target, system_lookup
from counterfoil.courier.standard import StandardForm, new_secret, sign, verify

__all__ = [
    "Forbidden",
    "Guard",
    "StandardForm",
    "Target",
    "new_secret",
    "sign",
    "system_lookup",
    "verify",
]
