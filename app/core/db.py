"""The database, and the one place that commits.

Everything that writes goes through `Database.write`; reads go through `Database.read` (READ ONLY) or the hot pool.
"""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import asyncpg
import orjson
from pydantic import BaseModel
from sqlalchemy import CursorResult, Executable, Select, TextClause, event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from app.core import idempotency
from app.core.caller import SYSTEM, Caller
from app.core.clock import Clock
from app.core.errors import RETRIED, Overtaken, database_error
from app.core.hot_pool import HotPool
from app.core.idempotency import RequestKey
from app.core.reply import Reply
from app.core.settings import Settings
from app.core.sql import Filled, together

T = TypeVar("T")
ATTEMPTS = 5


def dsn_of(url: str) -> str:
    """SQLAlchemy's address of a database in the driver's own form."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


@dataclass(slots=True)
class Tx:
    """One open transaction, as commands and queries see it: statements, the caller, and the business time."""

    connection: AsyncConnection
    caller: Caller
    now: datetime
    notes: dict[str, Any] = field(default_factory=dict)

    async def execute(self, statement: Executable | Filled, parameters: Any = None) -> CursorResult[Any]:
        """Run one statement."""
        if isinstance(statement, Filled):
            whole = together(statement) if statement.parts else statement
            return await self.execute(whole.statement, {**whole.values, **(parameters or {})})
        return await self.connection.execute(statement, parameters)

    async def rows(self, statement: Executable | Filled, parameters: Any = None) -> list[Any]:
        """All rows of one statement."""
        return list((await self.execute(statement, parameters)).all())

    async def page(self, statement: Select[*tuple[Any, ...]] | TextClause, parameters: Any = None) -> list[Any]:
        """The rows of a list's page; where the list is counted (`core.pages`), this statement is."""
        return await self.rows(statement, parameters)

    async def scalar(self, statement: Executable | Filled, parameters: Any = None) -> Any:
        """The first column of the first row, or None."""
        return (await self.execute(statement, parameters)).scalar()


@dataclass(slots=True)
class Made:
    """What a piece of work answers when the status or headers differ from 200 and none."""

    value: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Work = Callable[[Tx], Awaitable[Any]]


def _may_retry(error: BaseException) -> bool:
    """Whether running the work again is safe: it was rolled back, or the connection was dead before it began."""
    found = database_error(error)
    return isinstance(error, Overtaken) or (found is not None and (found[0] in RETRIED or _was_closed(error)))


def _was_closed(error: BaseException) -> bool:
    # Said by the driver of a connection that it knows to be closed, so nothing was sent, a COMMIT least of all.
    cause = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig is not None else None
    return isinstance(cause, asyncpg.InterfaceError) and "connection is closed" in str(cause)


def _attempts(again: Callable[[BaseException], bool]) -> AsyncRetrying:
    return AsyncRetrying(
        retry=retry_if_exception(again),
        wait=wait_random_exponential(multiplier=0.02, max=0.5),
        stop=stop_after_attempt(ATTEMPTS),
        reraise=True,
    )


def _may_read_again(error: BaseException) -> bool:
    """Whether reading again may help: nothing was written, so a connection lost half way is no harm."""
    return _may_retry(error) or (isinstance(error, DBAPIError) and error.connection_invalidated)


def _replace_closed(connection: Any, *_: Any) -> None:
    """Let the pool open another connection for one that ended while it lay there, as when the database restarts."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


class Database:
    """Both pools over one PostgreSQL, with the only commit of the house."""

    def __init__(self, url: str, settings: Settings, clock: Clock, *, pool_size: int | None = None) -> None:
        self.url = url
        self.clock = clock
        self._settings = settings
        limits = settings.limits
        self._session = {
            "TimeZone": "UTC",
            "jit": "off",
            "statement_timeout": f"{limits.statement_seconds:g}s",
            "lock_timeout": f"{limits.lock_seconds:g}s",
            "idle_in_transaction_session_timeout": f"{limits.idle_transaction_seconds:g}s",
            "application_name": "clientele",
        }
        self.engine: AsyncEngine = create_async_engine(
            url,
            poolclass=AsyncAdaptedQueuePool,
            pool_size=pool_size or settings.pool.main,
            max_overflow=0,
            pool_timeout=settings.pool.wait_seconds,
            pool_pre_ping=False,
            # The connection used last is the one that has the statement prepared.
            pool_use_lifo=True,
            # More than there are statements: in a smaller one they push each other out and are compiled again.
            query_cache_size=2500,
            # A failed statement is logged and told without the values it carried.
            hide_parameters=True,
            connect_args={"server_settings": self._session, "timeout": 10},
            json_serializer=lambda value: orjson.dumps(value, default=str).decode(),
            json_deserializer=orjson.loads,
        )
        # Known without a round trip, unlike a ping.
        event.listen(self.engine.sync_engine.pool, "checkout", _replace_closed)
        self._hot: HotPool | None = None

    @property
    def dsn(self) -> str:
        """The address in the driver's own form."""
        return dsn_of(self.url)

    @property
    def hot(self) -> HotPool:
        """The pool for hot reads; statements on it must be single, read-only and leave no state."""
        if self._hot is None:
            message = "The database is not open."
            raise RuntimeError(message)
        return self._hot

    def in_use(self) -> dict[str, Callable[[], float]]:
        """How to ask how many connections of each pool are in use now."""
        pool: Any = self.engine.pool
        return {
            "main": pool.checkedout,
            "hot": lambda: self._hot.in_use if self._hot is not None else 0,
        }

    async def open(self) -> None:
        """Open the hot pool. The main pool opens connections when they are first needed."""
        hot = HotPool(self._settings.pool.hot, self._connect_hot)
        await hot.open()
        self._hot = hot

    async def _connect_hot(self) -> "asyncpg.Connection[Any]":
        return await asyncpg.connect(
            self.dsn,
            server_settings={**self._session, "default_transaction_read_only": "on"},
            # Hot statements are few, and some are long: each is parsed and planned once a connection, not every time
            # and not every five minutes.
            max_cacheable_statement_size=0,
            max_cached_statement_lifetime=0,
            timeout=10,
        )

    async def close(self) -> None:
        """Close both pools."""
        if self._hot is not None:
            await self._hot.close()
            self._hot = None
        await self.engine.dispose()

    async def connect(self) -> "asyncpg.Connection[Any]":
        """A connection of its own outside the pools, for LISTEN."""
        return await asyncpg.connect(self.dsn, server_settings=self._session, timeout=10)

    async def write(self, caller: Caller, work: Work, *, key: RequestKey | None = None) -> Reply:
        """Run `work` in one transaction and answer only after it is committed.

        The answer is serialised, and stored under `key`, inside the transaction: one that cannot be serialised rolls
        back, and a stored answer is exactly what was sent. Work may run again (40001, 40P01, Overtaken), so it must
        only touch the database. Raises Problem, or the database's error (a failed commit included).
        """
        async for attempt in _attempts(_may_retry):
            with attempt:
                return await self._write_once(caller, work, key)
        raise AssertionError  # pragma: no cover  the loop returns or raises

    async def _write_once(self, caller: Caller, work: Work, key: RequestKey | None) -> Reply:
        async with self.engine.connect() as connection:
            tx = Tx(connection, caller, self.clock.now())
            if key is not None:
                replay = await idempotency.claim(connection, caller, key, tx.now)
                if replay is not None:
                    return replay
            reply = serialise(await work(tx))
            if key is not None:
                await idempotency.store(connection, caller, key, reply)
            await connection.commit()
            return reply

    async def run(self, work: Callable[[Tx], Awaitable[T]], caller: Caller = SYSTEM) -> T:
        """Like `write` for work that answers a Python value instead of a client: jobs, CLI, worker."""
        kept: list[T] = []

        async def keep(tx: Tx) -> None:
            kept[:] = [await work(tx)]

        await self.write(caller, keep)
        return kept[0]

    async def read(self, caller: Caller, work: Callable[[Tx], Awaitable[T]], *, isolation: str = "READ COMMITTED") -> T:
        """Run `work` in a READ ONLY transaction; again, if its connection is lost. So it must only read."""
        async for attempt in _attempts(_may_read_again):
            with attempt:
                async with self.reading(caller, isolation=isolation) as tx:
                    return await work(tx)
        raise AssertionError  # pragma: no cover  the loop returns or raises

    @asynccontextmanager
    async def reading(self, caller: Caller, *, isolation: str = "READ COMMITTED") -> AsyncIterator[Tx]:
        """A READ ONLY transaction as a context, for answers that are streamed."""
        async with self.engine.connect() as connection:
            await connection.execution_options(postgresql_readonly=True, isolation_level=isolation)
            yield Tx(connection, caller, self.clock.now())


def serialise(value: Any) -> Reply:
    """The bytes of what a piece of work answers. Raises TypeError or ValueError for what cannot be written as JSON."""
    status, headers = 200, {}
    if isinstance(value, Reply):
        return value
    if isinstance(value, Made):
        value, status, headers = value.value, value.status, value.headers
    if value is None and status == 200:  # noqa: PLR2004
        return Reply(204, b"", headers)
    if isinstance(value, bytes):
        return Reply(status, value, headers)
    if isinstance(value, str):
        return Reply(status, value.encode(), headers)
    if isinstance(value, BaseModel):
        return Reply(status, value.model_dump_json().encode(), headers)
    return Reply(status, orjson.dumps(value, default=_plain), headers)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, uuid.UUID):
        return str(value)
    message = f"{type(value).__name__} cannot be written as JSON"
    raise TypeError(message)
