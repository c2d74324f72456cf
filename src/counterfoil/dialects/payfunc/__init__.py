"""The PayFunc wire: orders with events on units, accounts that are tried again, card tokens.

Source: the vendor's order pages of 2019 and 2021; our decisions where they are silent are in
`docs/wires/payfunc.md`.
"""

from counterfoil.dialects import Dialect
from counterfoil.dialects.payfunc.cleaning import chores
from counterfoil.dialects.payfunc.issuing import keys
from counterfoil.dialects.payfunc.notify import OrderToken
from counterfoil.dialects.payfunc.routes import serve

dialect = Dialect(
    name="payfunc",
    segments=("order", "retry", "account", "customer", "card", "key", ".well-known"),
    unserved=("me", "merchant"),
    serve=serve,
    form=OrderToken(),
    keys=keys,
    chores=chores,
)
