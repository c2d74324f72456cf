"""The AfterPay wire: the eCommerce API v3 of Arvato AfterPay, now Riverty.

Source: the vendor's page on refunds, its public documentation, and what public clients of it send;
our decisions where they are silent are in `docs/wires/afterpay.md`.
"""

from counterfoil.dialects import Dialect
from counterfoil.dialects.afterpay.notify import Webhook
from counterfoil.dialects.afterpay.routes import serve

dialect = Dialect(name="afterpay", segments=("api",), serve=serve, form=Webhook())
