"""3-D Secure as this wire shows it: the `secure3d` block, and the form a browser is to submit."""

from collections.abc import Mapping
from html import escape
from typing import Final

from counterfoil.core.order import Order, Payment, Secure3d
from counterfoil.core.threeds import Form, Status

SCENARIOS: Final[Mapping[str | None, str]] = {
    Status.AUTHENTICATED: "full",
    Status.ATTEMPTED: "attempt",
    Status.DENIED: "error",
    Status.REJECTED: "error",
}
UNKNOWN: Final = "unknown"  # not finished, or went on without
TRIES: Final = "document.forms['form3d'].submit();"


def shown(order: Order) -> dict[str, str]:
    """The members of the block, of the order's last payment."""
    payment = order.payments[-1] if order.payments else None
    if payment is None:
        return {}
    if payment.secure3d is not None:
        return _proof(payment, payment.secure3d, rejected=order.closed is not None)
    known = payment.authentication
    if known is None:
        return {}
    scenario = UNKNOWN if order.closed is None else "error"
    block = {"reason": known.reason, "scenario": scenario}
    if not known.version.first:
        block |= {"dsrp": "0", "eci": "0", "version": "2"}
    return block


def _proof(payment: Payment, proof: Secure3d, *, rejected: bool) -> dict[str, str]:
    block = {
        "authorization_status": proof.status,
        "cavv": proof.cavv,
        "ds_trans_id": proof.ds_trans_id,
        "eci": proof.eci and (proof.eci.lstrip("0") or "0"),
        "reason": proof.reason,
        "version": proof.version,
        "xid": proof.xid,
    }
    if payment.authentication is not None:
        block["scenario"] = "error" if rejected else SCENARIOS.get(proof.status, UNKNOWN)
        if not payment.authentication.version.first:
            block["dsrp"] = "0"
    return {name: value for name, value in block.items() if value}


def form3d(form: Form) -> dict[str, str]:
    """The form as members."""
    return dict(sorted({**dict(form.fields), "action": form.url, "method": form.method}.items()))


def form3d_html(form: Form) -> str:
    """The form as markup that submits itself, for the merchant to print into a page."""
    inputs = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in sorted(form.fields)
    )
    return (
        f'<form id="form3d" method="{form.method}" action="{escape(form.url)}">{inputs}</form>'
        f"<script>window.onload = function() {{{TRIES}}}</script>"
    )
