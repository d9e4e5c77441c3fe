"""The work of an import: batches of rows through the batch commands, each with its counters and cursor in one commit.

While one batch is being written the next is read and checked in a thread, so that parsing and the database overlap.
"""

import asyncio
import logging
import uuid
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy.exc import DBAPIError

from app.bulk import commands, queries
from app.bulk.faults import Fault, of_row
from app.bulk.kinds import Check, Kind, Kinds, Results
from app.bulk.reading import BLOCK, Batches, Layout, Position, RowBatch, layout
from app.core.batch import failed
from app.core.caller import FIELD_GROUPS, SYSTEM, Caller
from app.core.db import Tx
from app.core.errors import INTERNAL, Overtaken, Problem, database_error
from app.core.jobs import Handler, RunningJob, Step
from app.core.services import Services

log = logging.getLogger("clientele.bulk")
# Block number -> the bytes of that mebibyte of the file, None behind its end.
Source = Callable[[int], Awaitable[bytes | None]]
Progress = Callable[[int], object]
_COUNTED = ("created", "updated", "duplicate", "failed")
# What a value of a row can cause. Everything else the database says is not the row's fault.
_ROW_STATES = ("21", "22", "23", "54")


def handlers(kinds: Kinds) -> dict[str, Handler]:
    """What a worker runs: the imports of uploaded files."""
    return {commands.UPLOAD_JOB: partial(run_upload, kinds)}


async def run_upload(kinds: Kinds, services: Services, job: RunningJob) -> None:
    """Take in an uploaded file, from the job's cursor on."""
    await services.db.run(commands.sweep)
    await take_in(services, kinds, job, partial(_stored, services, job.id))


async def _stored(services: Services, import_id: uuid.UUID, number: int) -> bytes | None:
    data = await services.db.run(lambda tx: queries.chunk(tx, import_id, number))
    return None if data is None else await asyncio.to_thread(zlib.decompress, data)


async def take_in(
    services: Services, kinds: Kinds, job: RunningJob, source: Source, progress: Progress | None = None
) -> None:
    """Write every row of a file that is not in yet; `progress` is told how many bytes are done."""
    row = await services.db.run(lambda tx: queries.the_import(tx, job.id))
    kind, found = kinds[row.kind], layout(row.kind, row.format, await source(0) or b"", row.delimiter)
    start = Position(**job.cursor) if job.cursor else found.start
    check = await kind.checker(services)
    ahead = _Ahead(found, start, source, check)
    waiting = asyncio.ensure_future(ahead.next())
    try:
        while True:
            batch = await waiting
            if not batch.rows.ended:
                waiting = asyncio.ensure_future(ahead.next())
            work = _Work(services, kind, check, batch, row, job.progress.get("rows", 0))
            step = await job.step(work.write, _caller(row))
            if progress is not None:
                progress(batch.rows.after.offset)
            if step.done:
                return
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A batch that was read, and what the kind's check made of the rows that could be."""

    rows: RowBatch
    items: list[Any]
    checked: Any


class _Ahead:
    """Reads the file from a position on, one batch ahead of who writes."""

    def __init__(self, found: Layout, start: Position, source: Source, check: Check) -> None:
        self._batches = Batches(found.rows(start))
        self._block, self._skip = divmod(start.offset, BLOCK)
        self._source = source
        self._check = check

    async def next(self) -> _Prepared:
        while True:
            found = await asyncio.to_thread(self._prepare)
            if found is not None:
                return found
            block = await self._source(self._block)
            self._batches.feed(None if block is None else block[self._skip :])
            self._block, self._skip = self._block + 1, 0

    def _prepare(self) -> _Prepared | None:
        rows = self._batches.take()
        if rows is None:
            return None
        items = [row.item for row in rows.rows if row.item is not None]
        return _Prepared(rows, items, self._check(items) if items else None)


@dataclass(slots=True)
class _Work:
    """One batch's transaction. It may run twice (a deadlock), so what `check` made is used once."""

    services: Services
    kind: Kind
    check: Check
    batch: _Prepared
    row: Any
    rows_before: int
    again: bool = False

    async def write(self, tx: Tx) -> Step:
        """Write the rows, their counters and faults; answer the job's step."""
        items, rows, after = self.batch.items, self.batch.rows.rows, self.batch.rows.after
        checked = self.check(items) if self.again and items else self.batch.checked
        self.again = True
        results = iter(await self._written(tx, items, checked) if items else [])
        counts = dict.fromkeys(("read", *_COUNTED), 0)
        faults: list[Fault] = []
        for row in rows:
            result = next(results) if row.item is not None else None
            status = "failed" if result is None else result["status"]
            counts["read"] += 1
            counts[status] += 1
            if status == "failed":
                faults += of_row(row, result and result["problem"])
        ended = self.batch.rows.ended
        await commands.keep_batch(tx, self.row.id, counts, faults, chunks_below=after.offset // BLOCK, ended=ended)
        progress = {"offset": after.offset, "of": self.row.size, "rows": self.rows_before + len(rows)}
        return Step(after.as_dict(), progress, done=ended)

    async def _written(self, tx: Tx, items: list[Any], checked: Any) -> Results:
        results, unexpected = await self._isolated(tx, items, checked)
        if unexpected is not None and len(items) > 1 and all(_is_internal(result) for result in results):
            # Not one row's oddity: keep nothing, say so, and try again later.
            raise unexpected
        return results

    async def _isolated(self, tx: Tx, items: list[Any], checked: Any) -> tuple[Results, Exception | None]:
        """The results of the rows. A row that upsets the whole statement is found by halving, and fails alone."""
        try:
            async with tx.connection.begin_nested():
                return await self.kind.write(tx, self.services, checked), None
        except Exception as error:
            if not _is_of_a_row(error):
                raise
            problem = self.services.errors.problem(error) or Problem(INTERNAL)
            unexpected = error if problem.type is INTERNAL else None
            if len(items) == 1:
                log.warning("a row could not be written", extra={"code": problem.type.code}, exc_info=True)
                return [failed(0, problem)], unexpected
        half = len(items) // 2
        found: list[Mapping[str, Any]] = []
        for part in (items[:half], items[half:]):
            results, other = await self._isolated(tx, part, self.check(part))
            found += results
            unexpected = unexpected or other
        return found, unexpected


def _is_of_a_row(error: Exception) -> bool:
    if isinstance(error, Problem):
        return error.type.status < INTERNAL.status
    if isinstance(error, Overtaken):
        return False
    found = database_error(error)
    if found is not None:
        return found[0].startswith(_ROW_STATES)
    return not isinstance(error, DBAPIError)


def _is_internal(result: Mapping[str, Any]) -> bool:
    return bool(result["status"] == "failed" and result["problem"]["code"] == INTERNAL.code)


def _caller(row: Any) -> Caller:
    """Who sent the file: its rows are written, audited and bound to a store in that name, with what it held then."""
    if row.client_id == SYSTEM.client_id:
        return SYSTEM
    return Caller(
        client_id=row.client_id,
        key_id=row.key_id,
        name=row.client_name,
        role="import",
        scopes=frozenset(row.scopes),
        field_groups=frozenset(FIELD_GROUPS if row.field_groups is None else row.field_groups),
        rate_class="bulk",
        store=row.store,
        request_id=row.request_id,
    )
