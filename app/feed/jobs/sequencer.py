"""The sequencer: moves committed events from the outbox to the feed and numbers them without holes.

It polls: a NOTIFY in every writer's transaction would make commits wait for each other.
"""

import asyncio
import logging
import os
import socket
import time
from contextlib import suppress

from app.core.db import Database, Tx
from app.core.settings import Settings
from app.feed import commands, hot
from app.feed.commands import Moved

log = logging.getLogger("clientele.sequencer")
LONGEST_BACKOFF = 5.0
# After a move it rests this many times as long as the move took: so it never costs more than a tenth of a processor.
REST = 9
SETTLE_SECONDS = 1.0
STRANDED_SECONDS = 60.0


class Sequencer:
    """Any number may run, in any process: who holds the lock of the feed's state moves, the others look on."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._settings = settings.feed
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._settling = Settling()
        self._settle_at = 0.0
        self._stranded_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Move events until `stop` is set. Outlives the database's restarts."""
        failures = 0
        while not stop.is_set():
            try:
                pause = await self._turn()
                failures = 0
            except Exception:  # whatever it was: without the sequencer no reader hears of anything any more
                failures += 1
                pause = min(0.1 * 2**failures, LONGEST_BACKOFF)
                self._settling = Settling()
                log.warning("events cannot be moved; trying again", exc_info=True)
            await _rest(stop, pause)

    async def move_once(self, tx: Tx) -> int:
        """Move one batch; answers how many events, 0 also when another sequencer is moving."""
        moved = await self._move(tx)
        return moved.count if moved else 0

    async def _move(self, tx: Tx) -> Moved | None:
        return await commands.move(tx, self._settings.batch, self._name)

    async def _turn(self) -> float:
        """Look, and move what there is. Answers how long to rest."""
        waiting, ours = await hot.unmoved(self._db)
        if not ours:
            await self._db.run(commands.ensure_epoch)
            self._settling = Settling()
            return 0
        if not waiting:
            await self._keep_outbox_short()
            return self._settings.poll_idle
        started = time.monotonic()
        moved = await self._db.run(self._move)
        took = time.monotonic() - started
        if moved is None or moved.position is None:
            return self._settings.poll_idle
        self._settling.moved(moved.position)
        if moved.count >= self._settings.batch:
            return 0
        await self._keep_outbox_short()
        return min(self._settings.poll_idle, max(self._settings.poll_busy, REST * took))

    async def _keep_outbox_short(self) -> None:
        now = time.monotonic()
        if now >= self._settle_at:
            self._settle_at = now + SETTLE_SECONDS
            await self._settle()
        if now >= self._stranded_at:
            self._stranded_at = now + STRANDED_SECONDS
            if await hot.stranded(self._db):
                log.error("an event lay where none could be; looking at the whole outbox again")
                self._settling = Settling()
                await self._db.run(commands.unsettle)

    async def _settle(self) -> None:
        """See `Settling`: raise the position from which the outbox is looked at."""
        if not self._settling.pending:
            return
        position = self._settling.free(await hot.writers(self._db))
        if position is None:
            return
        # What the last writers up to there left behind is visible now; once it is moved, nothing can come there.
        moved = await self._db.run(self._move)
        if moved is None or moved.count >= self._settings.batch:
            return
        await self._db.run(lambda tx: commands.settle(tx, position))
        self._settling.done(position)
        if moved.position is not None:
            self._settling.moved(moved.position)


class Settling:
    """Up to which position the outbox is empty for good.

    A long read (a snapshot, a dump) keeps the remains of every moved row in place, and a look at the outbox walks over
    all of them: at a million it takes a tenth of a second. So looks begin behind the highest position moved, as soon as
    every transaction that was writing to the outbox when it was noted has ended: later ones get higher positions.
    """

    def __init__(self) -> None:
        self._top = 0
        self._settled = 0
        self._noted: tuple[int, frozenset[str]] | None = None

    @property
    def pending(self) -> bool:
        """Whether there is anything to settle."""
        return self._top > self._settled

    def moved(self, position: int) -> None:
        """A row at `position` was moved."""
        self._top = max(self._top, position)

    def free(self, writers: frozenset[str]) -> int | None:
        """The position up to which no transaction writes any more, if `writers` (read just now) show one."""
        if self._noted is None:
            self._noted = (self._top, writers)
        position, then = self._noted
        return None if then & writers else position

    def done(self, position: int) -> None:
        """Everything up to `position` is settled."""
        self._settled = position
        self._noted = None


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    if seconds <= 0:
        await asyncio.sleep(0)
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
