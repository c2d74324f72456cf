"""vault: keys are changed by command."""

import asyncio
from pathlib import Path

from cyclopts import App

from counterfoil import wiring
from counterfoil.cli.opening import among, within
from counterfoil.cli.output import say
from counterfoil.config import from_environment
from counterfoil.core.ports import Store
from counterfoil.vault import MasterKey, create_master
from counterfoil.vault import rotate as turn
from counterfoil.vault import rotate_master as turn_master
from counterfoil.wiring import Parts

LEARNING_S = 3  # a serving process looks for new keys every second
vault = App(name="vault", help="The card vault: change its keys.")


def register(app: App) -> None:
    """Add these commands."""
    app.command(vault)


@vault.command
def rotate(*, database: str | None = None) -> None:
    """Make a new data key and seal every stored card again under it; the gateway may go on serving.

    Safe to interrupt and to repeat.

    Example: counterfoil vault rotate

    Parameters
    ----------
    database
        sqlite:///path or postgresql://user@host/name.
    """

    async def act(parts: Parts) -> None:
        master = wiring.master_key(parts.settings, create=False)
        waited = False
        async for progress in turn(parts.store, master, new_key=parts.ids.next()):
            if not waited:
                await asyncio.sleep(LEARNING_S)
                waited = True
            say(f"key {progress.key}: {progress.seen} cards seen, {progress.resealed} sealed again")

    among(database, act)


@vault.command
def rotate_master(new_file: Path, *, database: str | None = None) -> None:
    """Wrap the data keys under a new master key, written to a file; stop the gateway first.

    Then start it with COUNTERFOIL_MASTER_KEY_FILE naming that file (or put it in the old one's
    place). Interrupted, run it again with the same file.

    Example: counterfoil vault rotate-master data/next.key

    Parameters
    ----------
    new_file
        Where the new master key is written, readable by its owner alone; used if it is there.
    database
        sqlite:///path or postgresql://user@host/name.
    """
    settings = from_environment(database=database)

    async def act(store: Store) -> int:
        old = wiring.master_key(settings, create=False)
        return await turn_master(store, old, _master(new_file))

    say(f"{within(database, act)} data keys wrapped anew; the master key is now {new_file}")


def _master(file: Path) -> MasterKey:
    return wiring.master_at(file) if file.exists() else create_master(file)
