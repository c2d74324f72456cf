"""The command line: `counterfoil --help` says what there is.

Tables and progress bars on a terminal; plain tab-separated lines or `--json` when piped.
"""

import sys

from cyclopts import App

from counterfoil import __version__
from counterfoil.cli import bench, merchants, proof, rates, sandbox, serving, vault
from counterfoil.config import SettingsError
from counterfoil.connectors import ConnectorError
from counterfoil.core.ports import VaultError

app = App(
    name="counterfoil",
    help="A payment gateway that you run yourself: one engine, four wire APIs.",
    version=__version__,
)
for part in (serving, merchants, rates, proof, sandbox, vault, bench):
    part.register(app)


def main() -> None:
    """Run a command; what a person can mend is one line on standard error and exit status 2."""
    try:
        status = app()
    except (SettingsError, VaultError, ConnectorError) as error:
        sys.stderr.write(f"counterfoil: {error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)
