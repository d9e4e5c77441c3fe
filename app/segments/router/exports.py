"""Routes of files of a segment's members: ask for one, see how far it is, fetch it."""

import uuid
from collections.abc import AsyncGenerator
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Path, Query, Response

from app.core.caller import Caller
from app.core.db import Made, Tx
from app.core.errors import NOT_FOUND, Problem
from app.core.http import GatedRoute, ServicesOf, WriteOf, json_response, requires
from app.core.pages import Page, page_of, paged
from app.core.services import Services
from app.customers.streaming import BoundedStream, Slots
from app.segments import columns, definition, exporting
from app.segments.asking import Asking
from app.segments.commands import exports as commands
from app.segments.queries import exports, saved
from app.segments.queries.exports import Export
from app.segments.schemas.exports import ExportAnswer, ExportsQuery, NewExport

router = APIRouter(prefix="/v1", tags=["segments"], route_class=GatedRoute)

Reader = Annotated[Caller, requires("segments:read")]
Editor = Annotated[Caller, requires("segments:write")]
SegmentId = Annotated[uuid.UUID, Path()]
ExportId = Annotated[uuid.UUID, Path()]
_SENT = Slots(4)
# A reader who is slower goes on where it stopped, with Range; the others wait meanwhile.
_SEND_SECONDS = 600.0
_FILE = {"schema": {"type": "string"}}
_FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": _FILE, "application/x-ndjson": _FILE}},
    206: {"description": "The bytes that Range asked for.", "content": {"text/csv": _FILE}},
}


@router.post("/segments/{segment_id}/exports", status_code=202, response_model=ExportAnswer)
async def create_segment_export(
    caller: Editor, services: ServicesOf, write: WriteOf, segment_id: SegmentId, body: NewExport
) -> Response:
    """Have a file written of who is in a segment, with chosen columns; a job does it, and the file is kept for days.

    In a CSV amounts are minor units, what is missing is empty, and a text that a spreadsheet would take for a formula
    has a quote before it. 409 `too_many_exports`; 422 `segment_too_expensive`.
    """
    asking, most = Asking(services), services.settings.segments.exports
    asking.refuse_partner(caller)

    async def work(tx: Tx) -> Made:
        found, world, checked = await asking.saved(tx, segment_id)
        columns.chosen(body.columns, world.registry, caller)
        as_of = body.as_of or asking.today()
        await asking.affordable(tx, asking.question(checked, world, as_of))
        made = await commands.order(tx, found, body.format, body.columns, as_of, most)
        where = {"Location": f"/v1/segments/{segment_id}/exports/{made}"}
        return Made(exporting.export(await _one(tx, segment_id, made)), 202, where)

    return await write(work)


@router.get("/segments/{segment_id}/exports", response_model=Page[ExportAnswer])
async def list_segment_exports(
    caller: Reader, services: ServicesOf, segment_id: SegmentId, query: Annotated[ExportsQuery, Query()]
) -> Response:
    """List the files of a segment that this client has asked for, the newest first."""
    name = f"exports:{segment_id}"
    before = uuid.UUID(services.cursors.read(name, query.cursor)[0]) if query.cursor is not None else None

    async def read(tx: Tx, before: uuid.UUID | None, limit: int) -> list[Export]:
        if await saved.one(tx, segment_id) is None:
            raise Problem(NOT_FOUND)
        return await exports.page(tx, segment_id, before=before, limit=limit)

    found, total = await paged(services.db, caller, query, before, read)
    shown = found[: query.limit]
    following = services.cursors.write(name, [str(shown[-1].id)]) if len(found) > query.limit else None
    data = [exporting.export(one) for one in shown]
    return json_response(orjson.dumps(page_of(data, following, total)))


@router.get("/segments/{segment_id}/exports/{export_id}", response_model=ExportAnswer)
async def get_segment_export(
    caller: Reader, services: ServicesOf, segment_id: SegmentId, export_id: ExportId
) -> Response:
    """Tell how far a file is. Only the client that asked for it is told."""
    found = await services.db.read(caller, lambda tx: _one(tx, segment_id, export_id))
    return json_response(orjson.dumps(exporting.export(found)))


@router.get("/segments/{segment_id}/exports/{export_id}/content", response_class=Response, responses=_FILES)
async def fetch_segment_export(
    caller: Reader,
    services: ServicesOf,
    segment_id: SegmentId,
    export_id: ExportId,
    range_: Annotated[str | None, Header(alias="Range", max_length=100, examples=["bytes=1000-"])] = None,
    if_range: Annotated[str | None, Header(max_length=100)] = None,
) -> Response:
    """Fetch a file, or with Range the bytes that are missing of it. Whoever is in what is sent is noted as read.

    409 `export_not_ready` while it is being written, 410 `export_over` when it is not kept any more.
    """

    async def work(tx: Tx) -> Export:
        found = await _one(tx, segment_id, export_id)
        exporting.refuse_unless_there(found)
        # What the key may not ask any more it is not told either.
        asking = Asking(services)
        world = await asking.world(tx, {}, found)
        definition.refuse_unless_granted(caller, definition.of_tree(found.tree, world))
        columns.chosen(found.columns, world.registry, caller)
        return found

    found = await services.db.read(caller, work)
    span = exporting.wanted(range_, if_range, found)
    first, last = span or (0, found.size - 1)
    headers = {
        "Accept-Ranges": "bytes", "ETag": exporting.etag(found), "Cache-Control": "no-store",
        "Content-Length": str(last - first + 1),
        "Content-Disposition": f'attachment; filename="segment-{export_id}.{found.format}"',
    }  # fmt: skip
    if span is not None:
        headers["Content-Range"] = f"bytes {first}-{last}/{found.size}"
    return BoundedStream(
        _bytes(services, caller, export_id, first, last),
        stall_seconds=services.settings.limits.idle_transaction_seconds / 2,
        total_seconds=_SEND_SECONDS,
        media_type=exporting.MEDIA[found.format],
        status=200 if span is None else 206,
        headers=headers,
    )


async def _bytes(services: Services, caller: Caller, export: uuid.UUID, first: int, last: int) -> AsyncGenerator[bytes]:
    """Portion by portion, so that a slow reader holds no transaction open, and each noted as read before it is sent."""
    with _SENT.taken():
        while first <= last:
            piece = await services.db.read(caller, partial(exports.piece, export=export, after=first, last=last))
            if piece is None:
                # Withdrawn meanwhile: the connection ends early, and the next request is told why.
                raise Problem(NOT_FOUND)
            await services.reads.record(caller, "segment.export", piece.customers)
            sent = exporting.content(piece, first, last)
            first += len(sent)
            yield sent


async def _one(tx: Tx, segment: uuid.UUID, export: uuid.UUID) -> Export:
    found = await exports.one(tx, export, segment=segment)
    if found is None:
        raise Problem(NOT_FOUND)
    return found
