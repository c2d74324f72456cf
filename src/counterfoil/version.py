"""Which version this is, as it was installed, and whether its hot path is compiled."""

from importlib.metadata import version
from importlib.util import find_spec
from typing import Final

VERSION: Final = version("counterfoil")


def compiled() -> bool:
    """Whether this process runs the hot path as machine code (docs/performance.md, "Compiled")."""
    found = find_spec("counterfoil.engine.perform")  # where every payment goes through
    return found is not None and not str(found.origin).endswith(".py")


def described() -> str:
    """The version for people, as in `0.1.0 (compiled)`."""
    return f"{VERSION} (compiled)" if compiled() else VERSION
