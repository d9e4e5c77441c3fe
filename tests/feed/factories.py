"""Small makers for the feed's tests."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import asyncpg
import httpx
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.caller import SYSTEM
from app.core.db import Database, Tx
from app.core.services import Services
from app.core.settings import FeedSettings, Settings
from app.feed import queries
from app.feed.cursor import write_cursor
from app.feed.jobs import Sequencer
from app.feed.outbox import Event, publish
from app.feed.waiter import FeedWaiter

# What a statement raises whose connection was cut.
CUT = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
CUSTOMER = uuid.UUID("01900000-0000-7000-8000-000000000001")


def an_event(kind: str = "customer.updated", version: int | None = 1, **changes: Any) -> Event:
    """An event of a customer of its own."""
    customer = uuid.uuid4()
    return Event(**{"type": kind, "customer_id": customer, "subject": customer, "version": version, **changes})


async def write(db: Database, *events: Event) -> None:
    """Commit `events` to the outbox."""
    await db.run(lambda tx: tx.execute(publish(tx, events)))


async def write_in(connection: AsyncConnection, *events: Event) -> None:
    """Write `events` to the outbox in a transaction of the caller's own."""
    tx = Tx(connection, SYSTEM, datetime.now(UTC))
    await tx.execute(publish(tx, events))


async def move(db: Database, **feed: Any) -> int:
    """Move one batch, as the worker would."""
    return await db.run(Sequencer(db, _settings().model_copy(update={"feed": FeedSettings(**feed)})).move_once)


@cache
def _settings() -> Settings:
    # Reading them takes longer than moving a batch.
    return Settings()


async def put(db: Database, *events: Event) -> None:
    """Commit `events` and bring them to the feed."""
    await write(db, *events)
    while await move(db):
        pass


async def head(services: Services) -> str:
    """The cursor behind the newest event."""
    epoch, sequence = await services.db.run(queries.head)
    return write_cursor(services.cursors, epoch, sequence)


async def page(client: httpx.AsyncClient, after: str | None = None, **parameters: Any) -> dict[str, Any]:
    """One page, which must be an answer and no problem."""
    asked = {"after": after, **parameters} if after is not None else parameters
    answer = await client.get("/v1/changes", params=asked, timeout=40)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def read_on(client: httpx.AsyncClient, after: str | None = None, **parameters: Any) -> list[dict[str, Any]]:
    """Every event after a cursor, page by page."""
    events: list[dict[str, Any]] = []
    more = True
    while more:
        found = await page(client, after, **parameters)
        events += found["data"]
        after, more = found["next_cursor"], found["has_more"]
    return events


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 5) -> None:
    """Wait for a condition that is asked again and again."""
    for _ in range(int(seconds / 0.02)):
        if await condition():
            return
        await asyncio.sleep(0.02)
    raise TimeoutError


async def readers_waiting(services: Services, count: int) -> None:
    """Wait until so many readers wait."""

    async def enough() -> bool:
        return len(waiter_of(services)._waiting) >= count

    await until(enough)


def waiter_of(services: Services) -> FeedWaiter:
    """The feed's signal as what it is."""
    assert isinstance(services.feed, FeedWaiter)
    return services.feed


async def persistently(work: Callable[[], Awaitable[None]]) -> None:
    """Do it again until the pools have noticed that their connections were cut."""

    async def done() -> bool:
        try:
            await work()
        except CUT:
            return False
        return True

    await until(done)
