"""The command line: `counterfoil --help` says what there is.

Tables and progress bars on a terminal; plain tab-separated lines or `--json` when piped.
"""

import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Final

import apsw
from cyclopts import App, CycloptsError, Parameter
from msgspec import MsgspecError

from counterfoil.config import SettingsError
from counterfoil.connectors import ConnectorError
from counterfoil.connectors.sandbox.book import BookError
from counterfoil.core.errors import Refused
from counterfoil.core.ports import VaultError
from counterfoil.store.migrate import StoreError
from counterfoil.version import described

# What a person can mend: how the program was called, its settings, its files, its surroundings.
MENDABLE: Final = (
    CycloptsError,
    SettingsError,
    StoreError,
    apsw.Error,
    VaultError,
    ConnectorError,
    BookError,
    OSError,
    Refused,  # the database server went away
)

SERVING: Final = "serving"
PARTS: Final = (
    *(SERVING, "house", "merchants", "webhooks", "timers", "listen", "signature"),
    *("rates", "proof", "settling", "sandbox", "vault", "bench"),
)


@cache
def commands(parts: tuple[str, ...] = PARTS) -> App:
    """The commands of those modules."""
    app = App(
        name="counterfoil",
        help="A payment gateway that you run yourself: one engine behind the wire APIs of others.",
        version=described,
        default_parameter=Parameter(negative=()),  # every option is off or empty unless given
    )
    for part in parts:
        import_module(f"{__name__}.{part}").register(app)
    return app


def main(tokens: Sequence[str] | None = None) -> None:
    """Run a command (default: the one this process was called with); always ends by `SystemExit`.

    What a person can mend is one line on standard error and exit status 2.
    """
    words = sys.argv[1:] if tokens is None else list(tokens)
    try:
        # A process that serves for months does without what only other commands need.
        app = commands((SERVING,)) if words[:1] == ["serve"] else commands()
        status = app(words, print_error=False, exit_on_error=False, result_action="return_value")
    except MENDABLE as error:
        sys.exit(_fault(_text(error)))
    except MsgspecError as error:
        sys.exit(_fault(f"a record that rests is damaged: {error}"))
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)


def _text(error: Exception) -> str:
    match error:
        case OSError(filename=None, strerror=str(why)):
            return why
        case OSError(filename=str(name), strerror=str(why)):
            return f"{name}: {why}"
        case apsw.Error():
            return f"the database cannot be used: {error}"
        case _:
            return str(error)


def _fault(text: str) -> int:
    sys.stderr.write(f"counterfoil: {' '.join(text.split())}\n")
    return 2
