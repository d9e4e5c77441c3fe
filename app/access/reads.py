"""The log of reads of personal data: who saw which customer.

A partner's read is written before its answer. Staff reads are buffered and written within a second; a crash of the
process may lose that second, and nothing else does.
"""

import asyncio
import logging
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.access.audit import rows_of, seen
from app.core.caller import Caller
from app.core.db import Database

log = logging.getLogger("clientele.access")

# Often: what is written in one piece holds up the requests that come meanwhile.
FLUSH_SECONDS = 0.1
BUFFER_MAX = 5000


class ReadAudit:
    """Implements `core.caller.ReadLog`. `start` runs the task that writes; without it only `flush` does."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: list[tuple[datetime, Caller, str, Sequence[uuid.UUID]]] = []
        self._count = 0
        # Rows that have their ids: if a commit's outcome is unknown, writing them again doubles nothing.
        self._rows: list[dict[str, Any]] = []
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to write what is buffered, ten times a second."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep_writing())

    async def close(self) -> None:
        """Stop the task and write what is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        try:
            await self.flush()
        except Exception:
            log.exception("reads could not be logged at the end", extra={"count": len(self._rows)})

    async def record(self, caller: Caller, action: str, records: Sequence[uuid.UUID]) -> None:
        """Log that `caller` saw these customers: at once for partners, within a second for staff.

        A full buffer is written before this returns, so the memory is bounded. Raises the database's error where it
        writes; then the caller must not get its answer.
        """
        if not records:
            return
        now = self._db.clock.now()
        if caller.partner is not None or caller.role == "partner":
            rows = rows_of(caller, now, action, records)
            await self._db.run(lambda tx: tx.execute(seen(rows)), caller)
            return
        if self._count >= BUFFER_MAX:
            await self.flush()
        self._waiting.append((now, caller, action, records))
        self._count += len(records)

    async def flush(self) -> None:
        """Write everything that is buffered now, in one statement. Raises the database's error and keeps the rows."""
        async with self._writing:
            waiting, self._waiting = self._waiting, []
            for at, caller, action, records in waiting:
                self._rows += rows_of(caller, at, action, records)
            if not self._rows:
                return
            await self._db.run(lambda tx: tx.execute(seen(self._rows)))
            self._rows = []
            self._count = sum(len(records) for _, _, _, records in self._waiting)

    async def _keep_writing(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except Exception:
                # The rows are kept and tried again with the next round.
                log.warning("reads could not be logged yet", exc_info=True, extra={"count": self._count})
