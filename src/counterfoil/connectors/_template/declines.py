"""The host's response codes as reasons of ours. A code that is not here is no answer: Unknown.

Source: name the host's document and section here.
"""

from collections.abc import Mapping
from typing import Final

from counterfoil.core.declines import Decline

NEVER_SEEN: Final = "25"  # to an inquiry: the host is certain that nothing came in

DECLINES: Final[Mapping[str, Decline]] = {
    "05": Decline.DO_NOT_HONOR,
    "14": Decline.INVALID_CARD_NUMBER,
    "51": Decline.INSUFFICIENT_FUNDS,
    "54": Decline.EXPIRED_CARD,
    "59": Decline.SUSPECTED_FRAUD,
    "91": Decline.ISSUER_UNAVAILABLE,
    "96": Decline.SYSTEM_MALFUNCTION,
}
