"""Routes of imports and jobs."""

import uuid
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.bulk import commands, faults, queries
from app.bulk.kinds import SCOPES
from app.bulk.reading import DELIMITERS, Layout, Position
from app.bulk.receiving import Uploads, check_length, media_format, receive
from app.bulk.schemas import Delimiter, Import, ImportKind, Job
from app.core.caller import Caller
from app.core.db import Made, Tx
from app.core.errors import FORBIDDEN, NOT_FOUND, Problem
from app.core.http import GatedRoute, ServicesOf, WriteOf, json_response, requires
from app.core.ids import new_id
from app.core.pages import CursorText, Limit, Page, page_bytes
from app.core.services import Services
from app.core.types import INT64_MAX

DOORS_STREAMED = frozenset({("POST", "/v1/imports")})
FAULTS_AT_ONCE = 2000
_FILE = {"schema": {"type": "string", "format": "binary"}}
_UPLOAD = {"requestBody": {"required": True, "content": {"text/csv": _FILE, "application/x-ndjson": _FILE}}}
_FAULT_LIST: dict[int | str, dict[str, Any]] = {200: {"content": {"application/x-ndjson": {}, "text/csv": {}}}}

router = APIRouter(prefix="/v1", tags=["imports"], route_class=GatedRoute)
_uploads = Uploads()


@router.post("/imports", status_code=202, response_model=Import, openapi_extra=_UPLOAD)
async def create_import(
    request: Request,
    kind: ImportKind,
    caller: Annotated[Caller, requires("imports:write")],
    services: ServicesOf,
    write: WriteOf,
    delimiter: Annotated[Delimiter | None, Query(description="Of a CSV; found by its header if absent.")] = None,
) -> Response:
    """Send a file of customers, products, stores or receipts: CSV with a header, or one JSON object a line (UTF-8).

    The rows are written by a job, by the same rules as the batch routes: one bad row never costs a good one. The caller
    also needs the scope to write records of that kind.
    """
    if not caller.may(SCOPES[kind]):
        raise Problem(FORBIDDEN, f"This API key lacks the scope {SCOPES[kind]}.")
    form = Layout(
        kind, media_format(request.headers), Position(), delimiter=DELIMITERS[delimiter] if delimiter else None
    )
    check_length(request.headers, services.settings.limits.upload_bytes)
    import_id = new_id()
    with _uploads:
        try:
            received = await receive(services, caller, import_id, request.stream(), form)

            async def accept(tx: Tx) -> Made:
                document = await commands.accept_upload(tx, import_id, received.digest, received.size)
                return Made(document, 202, {"Location": f"/v1/imports/{import_id}"})

            return await write(accept, body=received.digest)
        finally:
            # Refused, cut off, or the repetition of a request that was answered before: nothing of it stays.
            await services.db.run(lambda tx: commands.drop_upload(tx, import_id))


@router.get("/imports", response_model=Page[Import])
async def list_imports(
    caller: Annotated[Caller, requires("imports:read")],
    services: ServicesOf,
    kind: ImportKind | None = None,
    cursor: CursorText | None = None,
    limit: Limit = 50,
) -> Response:
    """Imports, newest first."""
    name = f"imports:{kind or ''}"
    before = uuid.UUID(services.cursors.read(name, cursor)[0]) if cursor else None

    async def page(tx: Tx) -> bytes:
        found = await queries.imports(tx, kind=kind, before=before, limit=limit + 1)
        more = len(found) > limit
        following = services.cursors.write(name, [str(found[limit - 1][0])]) if more else None
        return page_bytes([document for _, document in found[:limit]], following)

    return json_response(await services.db.read(caller, page))


@router.get("/imports/{import_id}", response_model=Import)
async def get_import(
    import_id: uuid.UUID, caller: Annotated[Caller, requires("imports:read")], services: ServicesOf
) -> Response:
    """An import: its state and how far it is."""
    return json_response(await _import(services, caller, import_id))


@router.get("/imports/{import_id}/errors", response_class=StreamingResponse, responses=_FAULT_LIST)
async def list_import_errors(
    import_id: uuid.UUID,
    caller: Annotated[Caller, requires("imports:read")],
    services: ServicesOf,
    format: Annotated[Literal["ndjson", "csv"], Query(description="One JSON object a line, or CSV.")] = "ndjson",  # noqa: A002
    after_line: Annotated[int, Query(ge=0, le=INT64_MAX, description="Leave out what is wrong up to this line.")] = 0,
) -> Response:
    """What is wrong with the rows so far: line, code, detail, pointer (or column), the row's own key; no content."""
    await _import(services, caller, import_id)
    lines = _fault_lines(services, caller, import_id, format, after_line)
    media = "text/csv; charset=utf-8" if format == "csv" else "application/x-ndjson"
    name = {"Content-Disposition": f'attachment; filename="import-{import_id}-errors.{format}"'}
    return StreamingResponse(lines, media_type=media, headers=name)


@router.get("/jobs/{job_id}", response_model=Job)
async def get_job(
    job_id: uuid.UUID, caller: Annotated[Caller, requires("imports:read")], services: ServicesOf
) -> Response:
    """A background job: its state and progress."""
    found = await services.db.read(caller, lambda tx: queries.job_document(tx, job_id))
    if found is None:
        raise Problem(NOT_FOUND, "There is no such job.")
    return json_response(found)


async def _import(services: Services, caller: Caller, import_id: uuid.UUID) -> str:
    found = await services.db.read(caller, lambda tx: queries.import_document(tx, import_id))
    if found is None:
        raise Problem(NOT_FOUND, "There is no such import.")
    return found


async def _fault_lines(
    services: Services, caller: Caller, import_id: uuid.UUID, form: str, line: int
) -> AsyncIterator[Any]:
    """Page by page, so that a slow reader holds no transaction open."""
    if form == "csv":
        yield faults.CSV_HEADER
    after = (line, 2**31 - 1)
    while True:
        found = await services.db.read(
            caller, partial(queries.faults, import_id=import_id, after=after, limit=FAULTS_AT_ONCE)
        )
        if not found:
            return
        yield faults.as_csv(found) if form == "csv" else faults.as_ndjson(found)
        after = (found[-1].line, found[-1].place)
