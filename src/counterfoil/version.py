"""Which version this is, as it was installed."""

from importlib.metadata import version
from typing import Final

VERSION: Final = version("counterfoil")
