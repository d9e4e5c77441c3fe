"""Readers that wait for the feed to grow, woken by one LISTEN connection per process."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from app.core.db import Database
from app.feed import hot
from app.feed.commands import CHANNEL, ensure_epoch

log = logging.getLogger("clientele.feed")
# The connection is asked for the newest sequence now and then: that proves it alive and makes up for a lost word.
POLL_SECONDS = 5.0
RETRY_SECONDS = 1.0
START_SECONDS = 10.0


class FeedWaiter:
    """Implements `core.services.FeedSignal`. Whoever waits holds no database connection."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._newest = 0
        self._waiting: dict[asyncio.Future[bool], tuple[int, frozenset[str] | None]] = {}
        self._released = False
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the feed (see `ensure_epoch`) and listen; goes on trying in the background if the database is away."""
        self._task = asyncio.create_task(self._keep_listening())
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                await self._tried.wait()

    def release(self) -> None:
        """Let everybody who waits go, and nobody wait any more: call it when the process is told to stop."""
        self._released = True
        for future in list(self._waiting):
            _resolve(future, woken=False)

    async def close(self) -> None:
        """Release the waiting and stop listening."""
        self.release()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def wait_beyond(self, sequence: int, seconds: float, types: frozenset[str] | None = None) -> bool:
        """See `core.services.FeedSignal`."""
        if self._released or seconds <= 0:
            return False
        if self._newest > sequence:
            # Which types came since `sequence` is not known any more: look.
            return True
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        self._waiting[future] = (sequence, types)
        timer = loop.call_later(seconds, lambda: _resolve(future, woken=False))
        try:
            return await future
        finally:
            timer.cancel()
            del self._waiting[future]

    async def _keep_listening(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception:  # whatever it was: readers would wait in vain for ever
                log.warning("not listening to the feed; trying again", exc_info=True)
            self._tried.set()
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        # A restored database is noticed here, since a restore ends every connection.
        await self._db.run(ensure_epoch)
        connection = await self._db.connect()
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            await connection.add_listener(CHANNEL, self._hear)
            while not lost.is_set():
                self._note(await hot.newest(connection), None)
                self._tried.set()
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await lost.wait()
        finally:
            with suppress(Exception):
                await connection.close(timeout=RETRY_SECONDS)
        log.warning("lost the connection that listens to the feed")

    def _hear(self, _connection: Any, _process: int, _channel: str, payload: object) -> None:
        sequence, *types = str(payload).split(" ")
        self._note(int(sequence), frozenset(types))

    def _note(self, newest: int, types: frozenset[str] | None) -> None:
        """Wake those for whom there may be something. `types` are those of a batch that was just moved."""
        batch_known = types is not None
        self._newest = newest
        for future, (sequence, wanted) in list(self._waiting.items()):
            unwanted = batch_known and wanted is not None and not wanted & (types or frozenset())
            if newest > sequence and not unwanted:
                _resolve(future, woken=True)


def _resolve(future: asyncio.Future[bool], *, woken: bool) -> None:
    if not future.done():
        future.set_result(woken)
