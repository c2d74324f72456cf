"""The Bizon wire: the JSON API that is also sold as Up2, Connectum, Walletto and CIBPAY.

Source: the vendor's "Actions" page, API revision 08.01; our decisions where it is silent are in
`docs/wires/bizon.md`.
"""

from counterfoil.dialects import Dialect
from counterfoil.dialects.bizon.notify import Notification
from counterfoil.dialects.bizon.routes import serve

dialect = Dialect(
    name="bizon",
    segments=("ping", "orders", "operations", "exchange_rates"),
    serve=serve,
    settings=(
        "arn",
        "trace_id",
        "card_expiration",
        "static_link",
        "page_retry",
        "apple_pay",
        "google_pay",
    ),
    form=Notification(),
)
