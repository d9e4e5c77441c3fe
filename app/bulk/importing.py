"""The import of a file that lies on this machine, as the command line does it: here and now, and resumable.

The same batches as a worker's, under the same lease, so that two runs of one file never meet. The file is known again
by its digest: a run after a kill goes on where the last commit was.
"""

import asyncio
import hashlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from app.bulk import commands, faults, queries
from app.bulk.jobs import take_in
from app.bulk.kinds import Kinds
from app.bulk.models import KINDS
from app.bulk.reading import BLOCK, DELIMITERS, UNREADABLE, Layout, layout
from app.core.caller import SYSTEM
from app.core.db import Tx
from app.core.errors import CONFLICT, Problem
from app.core.jobs import JobRunner, RunningJob, claim, requeue
from app.core.services import Services

__all__ = ["KINDS", "Summary", "import_file", "layout_of"]

FORMATS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
_FAULTS_AT_ONCE = 5000
# An earlier run that was killed still holds its lease for a while; a little longer than that is worth waiting.
_PATIENCE = 5.0
_POLL = 0.2


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a file. `known`: it was imported before, and nothing was done now. `faults`: the list, if any."""

    id: uuid.UUID
    status: str
    read: int
    created: int
    updated: int
    duplicate: int
    failed: int
    known: bool
    faults: Path | None

    def __str__(self) -> str:
        """One line for a person."""
        start = "Imported before: " if self.known else "" if self.status == "done" else "Given up: "
        counts = f"{self.created} created, {self.updated} updated, {self.duplicate} already there, {self.failed} failed"
        end = f"; see {self.faults}" if self.faults else ""
        return f"{start}{self.read} rows: {counts}{end}"


async def import_file(
    services: Services,
    kinds: Kinds,
    path: Path,
    kind: str,
    progress: Callable[[int], object],
    *,
    delimiter: str | None = None,
    again: bool = False,
) -> Summary:
    """Import `path`; `progress` is told how many of its bytes are done.

    What is wrong with rows is written to `<path>.errors.csv`. A file that was imported to its end is left alone unless
    `again`. Raises Problem: not a file we can read, or another process is importing it.
    """
    found = await asyncio.to_thread(layout_of, path, kind, delimiter)
    digest, size = await asyncio.to_thread(_looked_at, path)
    import_id, known = await services.db.run(partial(_opened, layout=found, digest=digest, size=size, again=again))
    if not known:
        await _work(services, import_id, partial(_handler, kinds, path, progress))
    return await _summary(services, import_id, path, known=known)


def layout_of(path: Path, kind: str, delimiter: str | None = None) -> Layout:
    """What a file is, by its name and its first block. Raises Problem (422): it holds no rows that we can read."""
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise Problem(UNREADABLE, f"The name of the file must end with one of: {', '.join(FORMATS)}.")
    return layout(kind, form, _read(path, 0), DELIMITERS[delimiter] if delimiter else None)


def _looked_at(path: Path) -> tuple[bytes, int]:
    """(digest, size) of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
    return digest.digest(), size


async def _opened(tx: Tx, layout: Layout, digest: bytes, size: int, *, again: bool) -> tuple[uuid.UUID, bool]:
    """(id, whether it was imported before) of the import of this file: the unfinished one, or a new one."""
    before = await queries.newest_of_file(tx, layout.kind, digest)
    if before is None or (again and before.status == "done"):
        made = await commands.open_file(tx, layout, digest, size, 1 if before is None else before.run + 1)
        if made is not None:
            return made, False
        before = await queries.newest_of_file(tx, layout.kind, digest)
    if before.status == "failed":
        await requeue(tx, before.id)
    return before.id, before.status == "done"


async def _work(services: Services, import_id: uuid.UUID, handler: Any) -> None:
    """Hold the import's job and run it here, through interruptions, until it is over."""
    stop, settings = asyncio.Event(), services.settings.jobs
    runner = JobRunner(services, {commands.FILE_JOB: handler})
    deadline = time.monotonic() + settings.lease_seconds + _PATIENCE
    while (status := await services.db.run(partial(queries.job_status, job_id=import_id))) in {"queued", "running"}:
        job = await claim(services.db, [commands.FILE_JOB], settings, stop, import_id)
        if job is not None:
            await runner.attend(job)
            deadline = time.monotonic() + settings.lease_seconds + _PATIENCE
        elif status == "running" and time.monotonic() > deadline:
            raise Problem(CONFLICT, "Another process is importing this file.")
        else:
            await asyncio.sleep(_POLL)


async def _handler(
    kinds: Kinds, path: Path, progress: Callable[[int], object], services: Services, job: RunningJob
) -> None:
    async def block(number: int) -> bytes | None:
        return await asyncio.to_thread(_read, path, number) or None

    progress(job.cursor.get("offset", 0))
    await take_in(services, kinds, job, block, progress)


def _read(path: Path, number: int) -> bytes:
    with path.open("rb") as file:
        file.seek(number * BLOCK)
        return file.read(BLOCK)


async def _summary(services: Services, import_id: uuid.UUID, path: Path, *, known: bool) -> Summary:
    row = await services.db.run(partial(queries.the_import, import_id=import_id))
    status = await services.db.run(partial(queries.job_status, job_id=import_id))
    listed = path.with_name(f"{path.name}.errors.csv")
    if row.rows_failed:
        await _write_faults(services, import_id, listed)
    counts = (row.rows_read, row.rows_created, row.rows_updated, row.rows_duplicate, row.rows_failed)
    return Summary(import_id, status, *counts, known, listed if row.rows_failed else None)


async def _write_faults(services: Services, import_id: uuid.UUID, path: Path) -> None:
    after = (0, 0)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(faults.CSV_HEADER)
        while True:
            page = partial(queries.faults, import_id=import_id, after=after, limit=_FAULTS_AT_ONCE)
            found = await services.db.read(SYSTEM, page)
            if not found:
                return
            file.write(faults.as_csv(found))
            after = (found[-1].line, found[-1].place)
