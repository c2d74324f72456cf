"""Wallet tokens for tests: valid ones of every form, and broken ones of every kind.

They are made under the roots of one deployment (`Mint`), which nobody else trusts. `BREAKS` says
what each kind of broken token is refused for, form by form; a form that is not there cannot be
broken so.
"""

from base64 import b64encode

import msgspec

from counterfoil.testing.tokens.apple import apple_token
from counterfoil.testing.tokens.google import google_token
from counterfoil.testing.tokens.mint import Mint, mint_at
from counterfoil.testing.tokens.wanted import APPLE, BREAKS, FORMS, Broken, Wanted

__all__ = ["BREAKS", "FORMS", "Broken", "Mint", "Wanted", "make_token", "mint_at"]


def make_token(mint: Mint, wanted: Wanted) -> str:
    """The token as a merchant passes it on: base64 of JSON.

    Raises `ValueError` where a token of that form cannot be broken so, or needs a cryptogram.
    """
    if wanted.broken is not None and wanted.form not in BREAKS[wanted.broken]:
        raise ValueError(f"a token of {wanted.form} cannot be broken so: {wanted.broken}")
    make = apple_token if wanted.form in APPLE else google_token
    token = {"sandbox": True, **make(mint, wanted)}
    return b64encode(msgspec.json.encode(token)).decode()
