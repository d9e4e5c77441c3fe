"""Bringing the database to the revision that this code needs, and telling whether it is there."""

import asyncio
from functools import lru_cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.core.caller import SYSTEM
from app.core.db import Database, Tx

_ROOT = Path(__file__).resolve().parent.parent.parent


def config(url: str | None = None) -> Config:
    """Alembic's configuration for the migrations that belong to this code."""
    found = Config()
    found.set_main_option("script_location", str(_ROOT / "migrations"))
    if url is not None:
        found.attributes["url"] = url
    return found


@lru_cache(maxsize=1)
def _revisions() -> tuple[str, frozenset[str]]:
    scripts = ScriptDirectory.from_config(config())
    head = scripts.get_current_head()
    return str(head), frozenset(script.revision for script in scripts.walk_revisions())


async def upgrade(url: str, revision: str = "head") -> None:
    """Migrate the database at `url`. Several processes may call it at once; one does the work."""
    await asyncio.to_thread(command.upgrade, config(url), revision)


async def is_ready(db: Database) -> tuple[bool, dict[str, Any]]:
    """(whether the database is at our revision or a newer one, what to report). Raises when it does not answer."""
    head, known = _revisions()

    async def current(tx: Tx) -> str | None:
        found = await tx.scalar(text("SELECT to_regclass('alembic_version')"))
        return None if found is None else await tx.scalar(text("SELECT version_num FROM alembic_version"))

    revision = await db.read(SYSTEM, current)
    # A revision that this code has never heard of was made by a newer version, which keeps the older one working.
    return revision is not None and (revision == head or revision not in known), {"revision": revision}
