"""Bringing the database to the revision that this code needs, and telling whether it is there."""

import asyncio
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
from sqlalchemy import text

from app.core.caller import SYSTEM
from app.core.db import Database, Tx, dsn_of

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def config(url: str | None = None) -> "Config":
    """Alembic's configuration for the migrations that belong to this code."""
    from alembic.config import Config  # see `upgrade`

    found = Config()
    found.set_main_option("script_location", str(_MIGRATIONS))
    if url is not None:
        found.attributes["url"] = url
    return found


@cache
def revisions() -> tuple[str, ...]:
    """Every revision of this code, oldest first: files are named after them, and sort in the order of running."""
    return tuple(sorted(file.stem for file in (_MIGRATIONS / "versions").glob("2*.py")))


async def upgrade(url: str, revision: str = "head") -> None:
    """Migrate the database at `url`. Several processes may call it at once; one does the work.

    One that a newer version has migrated is left as it is: it keeps this version working.
    """
    if revision == "head":
        found = await _revision_at(url)
        if found == revisions()[-1] or (found is not None and found not in revisions()):
            return
    # Alembic, and with it every table of the house, is loaded only when there is something to do: every start of every
    # process and every command would wait a second for it.
    from alembic import command

    await asyncio.to_thread(command.upgrade, config(url), revision)


async def _revision_at(url: str) -> str | None:
    connection = await asyncpg.connect(dsn_of(url), timeout=10)
    try:
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            return None
        revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
        return revision
    finally:
        await connection.close()


async def is_ready(db: Database) -> tuple[bool, dict[str, Any]]:
    """(whether the database is at our revision or a newer one, what to report). Raises when it does not answer."""
    known = revisions()

    async def current(tx: Tx) -> str | None:
        found = await tx.scalar(text("SELECT to_regclass('alembic_version')"))
        return None if found is None else await tx.scalar(text("SELECT version_num FROM alembic_version"))

    revision = await db.read(SYSTEM, current)
    # A revision that this code has never heard of was made by a newer version, which keeps the older one working.
    return revision is not None and (revision == known[-1] or revision not in known), {"revision": revision}
