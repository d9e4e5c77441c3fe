"""How migrations run: a transaction each, short lock waits, one migrator at a time.

Three ways in: a connection in `config.attributes["connection"]` (the application and the tests, through `run_sync`),
the plain `alembic` command with CLIENTELE_DATABASE_URL, and `--sql`, which needs no database.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic import context
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.core.tables import Base

# Every room that owns tables. Importing its models fills the metadata that autogenerate compares.
ROOMS = (
    "core", "access", "feed", "catalog", "customers", "receipts", "credit", "engagement", "value", "segments",
    "early_warning", "privacy", "bulk",
)  # fmt: skip

# A migration that cannot have its lock at once must fail, not queue: behind a waiting ALTER TABLE every read waits too.
TIMEOUTS = {"lock_timeout": "2s", "statement_timeout": "60s", "idle_in_transaction_session_timeout": "60s"}

# A second migrator waits here until the first is done, then finds nothing left to do.
MIGRATOR_LOCK = int.from_bytes(b"clientel")
LONGEST_WAIT = 600  # seconds

for room in ROOMS:
    importlib.import_module(f"app.{room}.models")

OPTIONS: dict[str, Any] = {
    "target_metadata": Base.metadata,
    "transaction_per_migration": True,
    "compare_type": True,
    "compare_server_default": True,
}


def wait_for_turn(connection: Connection) -> None:
    """Take the migrators' lock by asking again and again.

    Waiting inside `pg_advisory_lock` would hold a snapshot, and the other migrator's CREATE INDEX CONCURRENTLY waits
    for every snapshot: both would stand still.
    """
    deadline = time.monotonic() + LONGEST_WAIT
    while True:
        mine = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": MIGRATOR_LOCK}).scalar_one()
        connection.commit()
        if mine:
            return
        if time.monotonic() > deadline:
            message = f"another migrator has held the lock for {LONGEST_WAIT} s"
            raise TimeoutError(message)
        time.sleep(0.1)


@contextmanager
def one_migrator(connection: Connection) -> Iterator[None]:
    """Hold the migrators' lock and the time limits on this connection, and give both back."""
    if connection.in_transaction():
        message = "migrations commit one by one: hand over a connection that is not in a transaction"
        raise RuntimeError(message)
    wait_for_turn(connection)
    try:
        for name, value in TIMEOUTS.items():
            connection.execute(text(f"SET {name} = '{value}'"))
        connection.commit()
        yield
    finally:
        connection.rollback()
        for name in TIMEOUTS:
            connection.execute(text(f"RESET {name}"))
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATOR_LOCK})
        connection.commit()


def partitions_of(connection: Connection) -> set[str]:
    rows = connection.execute(text("SELECT relname FROM pg_class WHERE relispartition AND relkind IN ('r', 'p')"))
    return {row.relname for row in rows}


def run_on(connection: Connection) -> None:
    with one_migrator(connection):
        partitions = partitions_of(connection)
        connection.commit()
        context.configure(
            connection=connection,
            include_name=lambda name, kind, _parents: not (kind == "table" and name in partitions),
            **OPTIONS,
        )
        with context.begin_transaction():
            context.run_migrations()


async def run_at(url: str) -> None:
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(run_on)
    finally:
        await engine.dispose()


def run_offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True, **OPTIONS)
    with context.begin_transaction():
        for name, value in TIMEOUTS.items():
            context.execute(f"SET {name} = '{value}'")
        context.run_migrations()


def run_online() -> None:
    handed = context.config.attributes.get("connection")
    if handed is not None:
        run_on(handed)
        return
    url = context.config.attributes.get("url") or os.environ.get("CLIENTELE_DATABASE_URL")
    if not url:
        message = "no database: set CLIENTELE_DATABASE_URL, or run `clientele migrate` for the embedded server"
        raise SystemExit(message)
    asyncio.run(run_at(url))


if context.is_offline_mode():
    run_offline()
else:
    run_online()
