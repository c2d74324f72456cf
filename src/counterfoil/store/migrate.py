"""The SQL that brings a database from one numbered step to the newest.

Alembic writes the text; the store's own driver runs it inside one transaction of its own, after
reading the present step there. So it is safe to run twice and from two processes at once. Alembic
writes in a process of its own, and only when there is something to do: it would leave 9 MB behind
in one that serves for months.
"""

import subprocess
import sys
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "migrations"
UNKNOWN: Final = 3  # the exit status of the writing process where the step is none of ours


class StoreError(Exception):
    """What rests cannot be used; the message says where it is, and why."""


@cache
def steps(dialect: str, present: str | None) -> str:
    """SQL statements from step `present` (None: an empty database) to the newest one.

    Raises `StoreError` where `present` is none of ours: a newer version made it.
    """
    command = [sys.executable, "-m", __name__, dialect, *([present] if present else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (ours)
    if done.returncode == UNKNOWN:
        raise StoreError(f"it is at step {present}, made by a newer version of Counterfoil")
    if done.returncode:
        raise StoreError(f"the steps of the schema cannot be written: {done.stderr[-500:]}")
    return done.stdout


def written(dialect: str, present: str | None) -> str | None:
    """The same, written here; None where `present` is none of ours."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    if present not in {None, *(each.revision for each in scripts.walk_revisions())}:
        return None
    text = StringIO()
    environment = EnvironmentContext(
        config,
        scripts,
        fn=lambda revision, _: scripts._upgrade_revs("head", revision),  # noqa: SLF001 (no public name)
        as_sql=True,
        starting_rev=present,
        destination_rev="head",
    )
    with environment:
        environment.configure(dialect_name=dialect, output_buffer=text, transactional_ddl=False)
        environment.run_migrations()
    return text.getvalue()


def newest() -> str:
    """The number of the newest step."""
    from alembic.script import ScriptDirectory

    head = ScriptDirectory(str(FOLDER)).get_current_head()
    assert head is not None
    return head


if __name__ == "__main__":
    statements = written(sys.argv[1], sys.argv[2] if sys.argv[2:] else None)
    if statements is None:
        sys.exit(UNKNOWN)
    sys.stdout.write(statements)
