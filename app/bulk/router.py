"""Routes of imports and jobs."""

import uuid
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.bulk import commands, faults, queries
from app.bulk.kinds import FINANCIAL, SCOPES
from app.bulk.reading import DELIMITERS, Layout, Position
from app.bulk.receiving import Uploads, check_length, drop, media_format, receive
from app.bulk.schemas import FaultQuery, Import, ImportQuery, Job, UploadQuery
from app.core.caller import Caller
from app.core.db import Made, Tx
from app.core.errors import FORBIDDEN, NOT_FOUND, Problem
from app.core.http import GatedRoute, ServicesOf, WriteOf, json_response, requires
from app.core.ids import new_id
from app.core.pages import Page, page_bytes, paged
from app.core.services import Services

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
    query: Annotated[UploadQuery, Query()],
    caller: Annotated[Caller, requires("imports:write")],
    services: ServicesOf,
    write: WriteOf,
) -> Response:
    """Send a file of records of one kind: CSV with a header, or one JSON object a line (UTF-8).

    The rows are written by a job, by the same rules as the batch routes: one bad row never costs a good one. The caller
    also needs the scope to write records of that kind. Which columns a CSV of each kind may have, with an example each,
    is told by the page "Importing files" (`docs/importing-files.md`).
    """
    if not caller.may(SCOPES[query.kind]):
        raise Problem(FORBIDDEN, f"This API key lacks the scope {SCOPES[query.kind]}.")
    if query.kind in FINANCIAL and not caller.sees("financial"):
        raise Problem(FORBIDDEN, "This API key lacks the field group financial.")
    delimiter = DELIMITERS[query.delimiter] if query.delimiter else None
    form = Layout(query.kind, media_format(request.headers), Position(), delimiter=delimiter)
    check_length(request.headers, services.settings.limits.upload_bytes)
    import_id, accepted = new_id(), False

    async def accept(tx: Tx) -> Made:
        nonlocal accepted
        document, accepted = await commands.accept_upload(tx, import_id, received.digest, received.size), True
        return Made(document, 202, {"Location": f"/v1/imports/{import_id}"})

    try:
        with _uploads:
            received = await receive(services, caller, import_id, request.stream(), form)
        answer = await write(accept, body=received.digest)
    except BaseException:
        await drop(services, import_id)
        raise
    if not accepted:
        # The repetition of a request that was answered before; its file is here twice.
        await drop(services, import_id)
    return answer


@router.get("/imports", response_model=Page[Import])
async def list_imports(
    query: Annotated[ImportQuery, Query()],
    caller: Annotated[Caller, requires("imports:read")],
    services: ServicesOf,
) -> Response:
    """Imports, newest first."""
    name = f"imports:{query.kind or ''}"
    before = uuid.UUID(services.cursors.read(name, query.cursor)[0]) if query.cursor else None
    found, total = await paged(
        services.db, caller, query, before,
        lambda tx, before, limit: queries.imports(tx, kind=query.kind, before=before, limit=limit),
    )  # fmt: skip
    shown = found[: query.limit]
    following = services.cursors.write(name, [str(shown[-1][0])]) if len(found) > query.limit else None
    return json_response(page_bytes([document for _, document in shown], following, total))


@router.get("/imports/{import_id}", response_model=Import)
async def get_import(
    import_id: uuid.UUID, caller: Annotated[Caller, requires("imports:read")], services: ServicesOf
) -> Response:
    """An import: its state and how far it is."""
    return json_response(await _import(services, caller, import_id))


@router.get("/imports/{import_id}/errors", response_class=StreamingResponse, responses=_FAULT_LIST)
async def list_import_errors(
    import_id: uuid.UUID,
    query: Annotated[FaultQuery, Query()],
    caller: Annotated[Caller, requires("imports:read")],
    services: ServicesOf,
) -> Response:
    """What is wrong with the rows so far: line, code, detail, pointer (or column), the row's own key; no content."""
    await _import(services, caller, import_id)
    lines = _fault_lines(services, caller, import_id, query)
    media = "text/csv; charset=utf-8" if query.format == "csv" else "application/x-ndjson"
    name = {"Content-Disposition": f'attachment; filename="import-{import_id}-errors.{query.format}"'}
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
    services: Services, caller: Caller, import_id: uuid.UUID, query: FaultQuery
) -> AsyncIterator[Any]:
    """Page by page, so that a slow reader holds no transaction open."""
    if query.format == "csv":
        yield faults.CSV_HEADER
    after = (query.after_line, 2**31 - 1)
    while True:
        found = await services.db.read(
            caller, partial(queries.faults, import_id=import_id, after=after, limit=FAULTS_AT_ONCE)
        )
        if not found:
            return
        yield faults.as_csv(found) if query.format == "csv" else faults.as_ndjson(found)
        after = (found[-1].line, found[-1].place)
