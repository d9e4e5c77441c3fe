"""Every SELECT of imports and jobs."""

import asyncio
import uuid
from typing import Any

from sqlalchemy import BigInteger, Select, Text, and_, case, cast, func, select, tuple_
from sqlalchemy.dialects.postgresql import JSON

from app.bulk.mentions import Reader
from app.bulk.models import Import, ImportChunk, ImportFault
from app.core.caller import Caller
from app.core.db import Tx
from app.core.documents import json_object, json_time
from app.core.models import Job

_DONE_BYTES = cast(func.coalesce(Job.progress["offset"].astext, "0"), BigInteger)
_PATH = cast(Import.id, Text)

IMPORT = cast(
    json_object(
        id=Import.id, kind=Import.kind, format=Import.format, status=Job.status, error=Job.error, bytes=Import.size,
        percent=case((Job.status == "done", 100), (Import.size == 0, 0), else_=_DONE_BYTES * 100 // Import.size),
        rows=json_object(
            read=Import.rows_read, created=Import.rows_created, updated=Import.rows_updated,
            duplicate=Import.rows_duplicate, failed=Import.rows_failed,
        ),
        created_at=json_time(Import.created_at), started_at=json_time(Import.started_at),
        finished_at=json_time(Job.finished_at),
        job=func.concat("/v1/jobs/", _PATH), errors=func.concat("/v1/imports/", _PATH, "/errors"),
    ),
    Text,
)  # fmt: skip

JOB = cast(
    json_object(
        id=Job.id, kind=Job.kind, status=Job.status, error=Job.error, attempts=Job.attempts,
        progress=cast(Job.progress, JSON), created_at=json_time(Job.created_at), finished_at=json_time(Job.finished_at),
    ),
    Text,
)  # fmt: skip


def _imports(caller: Caller) -> Select[uuid.UUID, str]:
    # A client sees what it sent; who may read the audit trail sees everything. Without a job it is not accepted (yet).
    joined = select(Import.id, IMPORT).join(Job, Job.id == Import.id)
    return joined if caller.may("audit:read") else joined.where(Import.client_id == caller.client_id)


async def import_document(tx: Tx, import_id: uuid.UUID) -> str | None:
    """The JSON of an import that the caller may see."""
    found: str | None = None
    for row in await tx.rows(_imports(tx.caller).where(Import.id == import_id)):
        found = row[1]
    return found


async def imports(tx: Tx, *, kind: str | None, before: uuid.UUID | None, limit: int) -> list[tuple[uuid.UUID, str]]:
    """Up to `limit` (id, JSON), newest first."""
    statement = _imports(tx.caller).order_by(Import.id.desc()).limit(limit)
    if kind is not None:
        statement = statement.where(Import.kind == kind)
    if before is not None:
        statement = statement.where(Import.id < before)
    return [(row[0], row[1]) for row in await tx.page(statement)]


async def job_document(tx: Tx, job_id: uuid.UUID) -> str | None:
    """The JSON of a job that the caller may see."""
    statement = select(JOB).where(Job.id == job_id)
    if not tx.caller.may("audit:read"):
        statement = statement.where(Job.client_id == tx.caller.client_id)
    found: str | None = await tx.scalar(statement)
    return found


async def the_import(tx: Tx, import_id: uuid.UUID) -> Any:
    """The row of an import, or None."""
    return (await tx.execute(select(*Import.__table__.c).where(Import.id == import_id))).first()


async def job_status(tx: Tx, job_id: uuid.UUID) -> str:
    """The state of a job that exists."""
    found: str = await tx.scalar(select(Job.status).where(Job.id == job_id))
    return found


async def newest_of_file(tx: Tx, kind: str, digest: bytes) -> Any:
    """(id, run, status) of the newest import of this file from the command line, or None."""
    statement = (
        select(Import.id, Import.run, Job.status)
        .join(Job, Job.id == Import.id)
        .where(Import.source == "file", Import.digest == digest, Import.kind == kind)
        .order_by(Import.run.desc())
        .limit(1)
    )
    return (await tx.execute(statement)).first()


async def chunk(tx: Tx, import_id: uuid.UUID, number: int) -> bytes | None:
    """A stored chunk, compressed."""
    statement = select(ImportChunk.data).where(ImportChunk.import_id == import_id, ImportChunk.number == number)
    found = await tx.scalar(statement)
    return None if found is None else bytes(found)


async def faults(tx: Tx, import_id: uuid.UUID, *, after: tuple[int, int], limit: int) -> list[Any]:
    """Up to `limit` faults (line, place, code, detail, pointer, record_key) behind (line, place), in their order."""
    columns = (
        ImportFault.line, ImportFault.place, ImportFault.code, ImportFault.detail, ImportFault.pointer,
        ImportFault.record_key,
    )  # fmt: skip
    statement = (
        select(*columns)
        .where(and_(ImportFault.import_id == import_id, tuple_(ImportFault.line, ImportFault.place) > after))
        .order_by(ImportFault.line, ImportFault.place)
        .limit(limit)
    )
    return await tx.rows(statement)


async def mentioning(tx: Tx, wanted: frozenset[bytes]) -> list[uuid.UUID]:
    """The uploads that are not over and speak of somebody (`mentions.marks`). Reads what is left of each, once."""
    if not wanted:
        return []
    kinds = select(Import.id).where(Import.id == ImportChunk.import_id, Import.kind.in_(("customers", "receipts")))
    statement = select(ImportChunk.import_id, ImportChunk.data).where(kinds.exists())
    ordered = statement.order_by(ImportChunk.import_id, ImportChunk.number).execution_options(yield_per=4)
    found: set[uuid.UUID] = set()
    reader, of = Reader(wanted), None
    async for row in await tx.connection.stream(ordered):
        if row.import_id != of:
            reader, of = Reader(wanted), row.import_id
        if row.import_id not in found and await asyncio.to_thread(reader.finds, bytes(row.data)):
            found.add(row.import_id)
    return sorted(found)
