"""What the feed's tests share: a database beside the house's, and new ones, for what would disturb the others."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from app.assembly import build_services
from app.core.clock import Clock
from app.core.db import Database
from app.core.services import Services
from app.core.settings import Settings
from app.feed.waiter import FeedWaiter
from tests.feed import factories

# The migrated database that the suite's conftest makes and clones.
MIGRATED = "clientele_template"
# As the migrations leave the feed. Tables are new files: nothing is left of dead rows either.
_LEFT = """
SELECT inhrelid::regclass::text FROM pg_inherits
WHERE inhparent = 'events'::regclass AND inhrelid <> 'events_default'::regclass
"""
_AS_NEW = "TRUNCATE outbox, events, feed_state; ALTER SEQUENCE outbox_order RESTART"


def with_database(url: str, name: str) -> str:
    """`url` with another database."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@asynccontextmanager
async def a_database(url: str, template: str = "template0") -> AsyncIterator[str]:
    """A database beside `url`, empty or like `template`, dropped at the end whoever is still connected."""
    name = f"feed_{uuid.uuid4().hex[:12]}"
    await _administer(url, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield with_database(url, name)
    finally:
        await _administer(url, f"DROP DATABASE {name} WITH (FORCE)")


async def _administer(url: str, statement: str) -> None:
    # Each time anew: tests end connections.
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def opened(url: str, settings: Settings, **changes: Any) -> AsyncIterator[Services]:
    """Services on `url` with their pools open; nobody listens and nothing is moved until the test says so."""
    services = build_services(settings.model_copy(update={"database_url": SecretStr(url), **changes}), url, Clock())
    await services.db.open()
    try:
        yield services
    finally:
        await factories.waiter_of(services).close()
        await services.db.close()


@pytest.fixture
async def empty_url(database_url: str) -> AsyncIterator[str]:
    """A database with nothing in it."""
    async with a_database(database_url) as url:
        yield url


@pytest.fixture
async def own_url(database_url: str) -> AsyncIterator[str]:
    """A migrated database that only this test uses."""
    async with a_database(database_url, MIGRATED) as url:
        yield url


@pytest.fixture(scope="session")
async def beside(database_url: str, settings: Settings) -> AsyncIterator[Services]:
    """Services on a migrated database that the feed's tests use one after the other: a new one for each took longer.

    Their connections have prepared what all of them send.
    """
    async with a_database(database_url, MIGRATED) as url, opened(url, settings) as services:
        yield services


@pytest.fixture
async def own(beside: Services) -> AsyncIterator[Services]:
    """Services on a database with an empty feed that nobody else uses meanwhile; the feed is not opened yet."""
    connection = await asyncpg.connect(beside.db.dsn, server_settings={"lock_timeout": "10s"})
    left = [row[0] for row in await connection.fetch(_LEFT)]
    drop = f"DROP TABLE {', '.join(left)}; " if left else ""
    await connection.execute(drop + _AS_NEW)
    await connection.close()
    beside.clock.set(None)
    services = replace(beside, feed=FeedWaiter(beside.db), memo={})
    yield services
    await factories.waiter_of(services).close()


@pytest.fixture
async def start(house: Any) -> str:
    """The cursor behind everything that earlier tests left on the feed."""
    return await factories.head(house.services)


@pytest.fixture
async def sql(house: Any) -> AsyncIterator[asyncpg.Connection]:
    """A connection that commits each statement, to look and to disturb."""
    connection = await asyncpg.connect(house.services.db.dsn)
    yield connection
    await connection.close()


@pytest.fixture
def count_reads(monkeypatch: pytest.MonkeyPatch) -> Callable[[Database], list[str]]:
    """Start counting what goes through a database's hot pool."""

    def begin(db: Database) -> list[str]:
        seen: list[str] = []
        pool = db.hot

        class Counted:
            def __getattr__(self, name: str) -> Any:
                def call(query: str, *arguments: Any, **options: Any) -> Any:
                    seen.append(query)
                    return getattr(pool, name)(query, *arguments, **options)

                return call

        monkeypatch.setattr(db, "_hot", Counted())
        return seen

    return begin
