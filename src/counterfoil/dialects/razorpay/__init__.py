"""The Razorpay wire: orders, payments and refunds of its API, version 1.

Source: the vendor's "Orders" page and public reference; our decisions where they are silent are in
`docs/wires/razorpay.md`.
"""

from counterfoil.dialects import Dialect
from counterfoil.dialects.razorpay.notify import Webhook
from counterfoil.dialects.razorpay.routes import serve

dialect = Dialect(
    name="razorpay",
    segments=("v1", "v2", "methods"),
    serve=serve,
    form=Webhook(),
    settings=("manual_capture", "no_server_payments", "server_payments", "unique_receipts"),
)
