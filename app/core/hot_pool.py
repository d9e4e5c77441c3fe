"""Connections for hot reads: asyncpg's, without what its own pool costs.

That pool wraps each connection that it lends, shields its return, has statements parsed and planned anew every five
minutes and opens another connection after 50,000 reads: of a lookup's time in the server it took a tenth.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

import asyncpg

T = TypeVar("T")
Connection: TypeAlias = "asyncpg.Connection[Any]"
CLOSE_SECONDS = 5.0


class HotPool:
    """At most `size` connections, opened by `connect` when first needed; who has waited longest gets the next one.

    What is read must be one statement that leaves no state behind: a connection goes back as it is.
    """

    def __init__(self, size: int, connect: "Callable[[], Awaitable[Connection]]") -> None:
        self._size = size
        self._connect = connect
        # Being opened, lent and idle. The connection used last is on top: what it needs is still in the caches.
        self._open = 0
        self._idle: list[Connection] = []
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._closed = False

    @property
    def in_use(self) -> int:
        """How many connections are lent or being opened."""
        return self._open - len(self._idle)

    async def open(self) -> None:
        """Open the first connection. Raises what `connect` raises."""
        self._give(await self._take())

    async def close(self) -> None:
        """Close what is idle now, and the rest when it comes back."""
        self._closed = True
        idle, self._idle = self._idle, []
        self._open -= len(idle)
        while self._waiting:
            self._pass_on(None)
        await asyncio.gather(*(each.close(timeout=CLOSE_SECONDS) for each in idle), return_exceptions=True)

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        """All rows. Raises asyncpg's errors, as the others do."""
        connection = await self._take()
        return await self._given_back(connection, connection.fetch(query, *arguments))

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        """The first row, or None."""
        connection = await self._take()
        return await self._given_back(connection, connection.fetchrow(query, *arguments))

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """The first value of the first row, or None."""
        connection = await self._take()
        return await self._given_back(connection, connection.fetchval(query, *arguments))

    async def _given_back(self, connection: Connection, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except (asyncpg.PostgresError, asyncpg.DataError):
            # Said by the server, or before anything was sent: the connection is as it was.
            raise
        except BaseException:
            # Lost, or left in the middle of an answer.
            connection.terminate()
            raise
        finally:
            self._give(connection)

    async def _take(self) -> Connection:
        while True:
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_closed():
                    return connection
                self._open -= 1
            if self._closed:
                message = "The pool is closed."
                raise asyncpg.InterfaceError(message)
            if self._open < self._size:
                return await self._opened()
            given = await self._turn()
            if given is not None:
                # It may have ended meanwhile: looked at like an idle one.
                self._idle.append(given)

    async def _opened(self) -> Connection:
        self._open += 1
        try:
            return await self._connect()
        except BaseException:
            self._open -= 1
            self._pass_on(None)
            raise

    async def _turn(self) -> "Connection | None":
        """Wait for a connection that comes back, or (None) for the place of one that does not."""
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._pass_on(waiter.result())
            raise

    def _give(self, connection: Connection) -> None:
        if self._closed:
            connection.terminate()
        if connection.is_closed():
            self._open -= 1
            self._pass_on(None)
        else:
            self._pass_on(connection)

    def _pass_on(self, connection: "Connection | None") -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is not None:
            self._idle.append(connection)
