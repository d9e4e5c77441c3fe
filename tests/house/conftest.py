"""Databases for the tests about the schema: `migrated` is the suite's own, `empty` is made new and dropped."""

from __future__ import annotations

import importlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import MetaData, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def metadata() -> MetaData:
    """Every table the models declare, of every room that has models."""
    for path in sorted((ROOT / "app").glob("*/models*")):
        importlib.import_module(f"app.{path.parent.name}.models")
    return importlib.import_module("app.core.tables").Base.metadata


@pytest.fixture
async def migrated(database_url: str) -> AsyncIterator[AsyncConnection]:
    """A connection to the migrated database."""
    engine = create_async_engine(database_url, poolclass=NullPool)
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a database with nothing in it."""
    name = f"house_{uuid.uuid4().hex[:12]}"
    admin = create_async_engine(database_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
    engine = create_async_engine(make_url(database_url).set(database=name), poolclass=NullPool)
    try:
        yield engine
    finally:
        await engine.dispose()
        async with admin.connect() as connection:
            await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        await admin.dispose()
