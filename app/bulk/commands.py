"""Every write of imports."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, Integer, Interval, Text, Uuid, delete, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from app.access.audit import AuditEntry, record
from app.bulk import queries
from app.bulk.faults import Fault
from app.bulk.models import Import, ImportChunk, ImportFault
from app.bulk.reading import Layout
from app.core.db import Tx
from app.core.ids import new_id
from app.core.jobs import enqueue
from app.core.models import Job
from app.core.sql import recordset

UPLOAD_JOB = "import"
FILE_JOB = "import_file"
# An upload that got nothing for so long has lost its sender (a slower one is refused while it arrives).
ABANDONED = timedelta(hours=1)
FORGOTTEN_AT_ONCE = 5000


async def open_upload(tx: Tx, import_id: uuid.UUID, layout: Layout) -> None:
    """Write an upload down in the name of the caller; it is nobody's business before `accept_upload`."""
    await tx.execute(insert(Import).values(id=import_id, source="upload", **_opened(tx, layout)))


async def open_file(tx: Tx, layout: Layout, digest: bytes, size: int, run: int) -> uuid.UUID | None:
    """Write down the import of a local file and queue its job. None if another process has just done so."""
    row = {"id": new_id(), "source": "file", "digest": digest, "size": size, "run": run, **_opened(tx, layout)}
    import_id: uuid.UUID | None = await tx.scalar(
        insert(Import).values(**row).on_conflict_do_nothing().returning(Import.id)
    )
    if import_id is not None:
        await _queue(tx, FILE_JOB, import_id)
    return import_id


def _opened(tx: Tx, layout: Layout) -> dict[str, Any]:
    caller = tx.caller
    return {
        "kind": layout.kind, "format": layout.format, "delimiter": layout.delimiter, "client_id": caller.client_id,
        "key_id": caller.key_id, "client_name": caller.name, "scopes": sorted(caller.scopes),
        "field_groups": sorted(caller.field_groups), "store": caller.store,
        "request_id": caller.request_id,
    }  # fmt: skip


async def _queue(tx: Tx, kind: str, import_id: uuid.UUID) -> None:
    await enqueue(tx, kind, {"import": str(import_id)}, tx.caller.client_id, job_id=import_id)
    await tx.execute(record(tx, [AuditEntry("import.create", "import", import_id)]))


async def add_chunk(tx: Tx, import_id: uuid.UUID, number: int, data: bytes) -> None:
    """Store a compressed chunk, and remember that the sender is alive."""
    await tx.execute(insert(ImportChunk).values(import_id=import_id, number=number, data=data))
    await tx.execute(update(Import).where(Import.id == import_id).values(touched_at=func.now()))


async def accept_upload(tx: Tx, import_id: uuid.UUID, digest: bytes, size: int) -> str:
    """The whole file is here: queue its job. Returns the import's JSON."""
    await tx.execute(update(Import).where(Import.id == import_id).values(digest=digest, size=size))
    await _queue(tx, UPLOAD_JOB, import_id)
    found = await queries.import_document(tx, import_id)
    if found is None:
        raise LookupError("the upload is gone")
    return found


async def drop_upload(tx: Tx, import_id: uuid.UUID) -> None:
    """Forget an upload, unless it was accepted after all (its sender may not have learnt of the commit)."""
    mine = select(Import.id).where(Import.id == import_id, Import.digest.is_(None)).with_for_update()
    if await tx.scalar(mine) is not None:
        await tx.execute(delete(ImportChunk).where(ImportChunk.import_id == import_id))
        await tx.execute(delete(Import).where(Import.id == import_id))


async def give_up(tx: Tx, imports: Sequence[uuid.UUID]) -> None:
    """End uploads that are not over, and delete what is left of them."""
    ended = {"status": "failed", "error": "given_up", "finished_at": func.clock_timestamp(), "leased_until": None}
    live = Job.id.in_(imports), Job.status.in_(("queued", "running"))
    await tx.execute(update(Job).where(*live).values(**ended))
    await tx.execute(delete(ImportChunk).where(ImportChunk.import_id.in_(imports)))


async def keep_batch(
    tx: Tx,
    import_id: uuid.UUID,
    counts: Mapping[str, int],
    faults: Sequence[Fault],
    *,
    chunks_below: int,
    ended: bool,
) -> None:
    """Add a batch's results to its import, in the transaction of the batch; chunks that were read are deleted.

    The first chunk stays to the end: it holds the header.
    """
    added = {f"rows_{name}": Import.__table__.c[f"rows_{name}"] + count for name, count in counts.items()}
    started = func.coalesce(Import.started_at, func.now())
    await tx.execute(update(Import).where(Import.id == import_id).values(**added, started_at=started))
    if faults:
        columns: dict[str, Any] = {
            "line": BigInteger(), "place": Integer(), "code": Text(), "detail": Text(), "pointer": Text(),
            "record_key": Text(),
        }  # fmt: skip
        rows = [{name: getattr(fault, name) for name in columns} for fault in faults]
        given = recordset(rows, "fault", **columns)
        source = select(literal(import_id, Uuid()), *given.c)
        await tx.execute(insert(ImportFault).from_select(["import_id", *columns], source))
    if ended:
        await tx.execute(delete(ImportChunk).where(ImportChunk.import_id == import_id))
    elif chunks_below > 1:
        read = ImportChunk.number.between(1, chunks_below - 1)
        await tx.execute(delete(ImportChunk).where(ImportChunk.import_id == import_id, read))


async def sweep(tx: Tx) -> int:
    """Delete what lost uploads and ended imports left behind. Returns how many uploads were lost."""
    over = select(Job.id).where(Job.id == ImportChunk.import_id, Job.status.in_(("done", "failed")))
    await tx.execute(delete(ImportChunk).where(over.exists()))
    lost = select(Import.id).where(Import.digest.is_(None), Import.touched_at < func.now() - ABANDONED)
    found = [row.id for row in await tx.rows(lost.with_for_update(skip_locked=True))]
    await tx.execute(delete(ImportChunk).where(ImportChunk.import_id.in_(found)))
    await tx.execute(delete(Import).where(Import.id.in_(found)))
    return len(found)


async def forget_old(tx: Tx, keep: timedelta, limit: int = FORGOTTEN_AT_ONCE) -> int:
    """Delete a portion of what is over for longer than `keep`: rows' faults first, then jobs and their uploads.

    Returns how many rows went, 0 when nothing is left to do. Files of the command line stay known: a file that was
    imported before must not be taken in again by mistake.
    """
    since_over = select(Job.id).where(Job.finished_at < func.now() - literal(keep, Interval()))
    is_file = select(Import.id).where(Import.id == Job.id, Import.source == "file").exists()
    old = since_over.where(~is_file).order_by(Job.finished_at).limit(limit)
    ids = [row.id for row in await tx.rows(old.with_for_update(skip_locked=True))]
    if not ids:
        return 0
    wrong = select(ImportFault.import_id, ImportFault.line, ImportFault.place).where(ImportFault.import_id.in_(ids))
    some = wrong.limit(limit).subquery()
    here = (ImportFault.import_id, ImportFault.line, ImportFault.place)
    faults = delete(ImportFault).where(tuple_(*here).in_(select(*some.c))).returning(ImportFault.line)
    count = len((await tx.execute(faults)).all())
    if count == limit:
        return count
    for table, key in ((ImportChunk, ImportChunk.import_id), (Import, Import.id), (Job, Job.id)):
        await tx.execute(delete(table).where(key.in_(ids)))
    return count + len(ids)
