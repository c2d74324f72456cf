"""The SQL that brings a database from one numbered step to the newest.

Alembic writes the text; the store's own driver runs it inside one transaction of its own, after
reading the present step there. So it is safe to run twice and from two processes at once. Alembic
is imported only when there is something to do.
"""

from io import StringIO
from pathlib import Path

FOLDER = Path(__file__).parent / "migrations"


class StoreError(Exception):
    """What rests cannot be used; the message says where it is, and why."""


def steps(dialect: str, present: str | None) -> str:
    """SQL statements from step `present` (None: an empty database) to the newest one.

    Raises `StoreError` where `present` is none of ours: a newer version made it.
    """
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    if present not in {None, *(each.revision for each in scripts.walk_revisions())}:
        raise StoreError(f"it is at step {present}, made by a newer version of Counterfoil")
    written = StringIO()
    environment = EnvironmentContext(
        config,
        scripts,
        fn=lambda revision, _: scripts._upgrade_revs("head", revision),  # noqa: SLF001 (no public name)
        as_sql=True,
        starting_rev=present,
        destination_rev="head",
    )
    with environment:
        environment.configure(dialect_name=dialect, output_buffer=written, transactional_ddl=False)
        environment.run_migrations()
    return written.getvalue()


def newest() -> str:
    """The number of the newest step."""
    from alembic.script import ScriptDirectory

    head = ScriptDirectory(str(FOLDER)).get_current_head()
    assert head is not None
    return head
