"""Routes of warnings: the board, and evaluating on request."""

import uuid
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from app.core.caller import Caller
from app.core.db import Made, Tx, serialise
from app.core.errors import FORBIDDEN, NOT_FOUND, Problem, etag
from app.core.http import GatedRoute, ServicesOf, WriteOf, respond
from app.core.language import Accepted, Spoken, language_of
from app.core.pages import Page, page_of, paged
from app.core.services import Services
from app.core.settings import Language
from app.customers.queries import hidden
from app.early_warning import commands, documents, queries, schemas
from app.early_warning.router.shared import WRITER, Reader
from app.early_warning.rules import (  # fmt: skip
    KINDS,
)

router = APIRouter(prefix="/v1", tags=["warnings"], route_class=GatedRoute)

WarningIdInPath = Annotated[uuid.UUID, Path()]
QUEUED: dict[int | str, dict[str, Any]] = {
    202: {"model": schemas.Evaluated, "description": "All customers will be evaluated by a job."}
}


@router.get("/warnings", response_model=Page[schemas.WarningAnswer])
async def list_warnings(
    caller: Reader, services: ServicesOf, query: Annotated[schemas.WarningQuery, Query()], accepted: Accepted = None
) -> Response:
    """List warnings: those that are not resolved, the worst first, unless `status` asks for others."""
    wanted = queries.Filter(**query.wanted("language"))
    language = language_of(query.language, accepted, services.settings.company.language)
    name = f"warnings:{wanted}"
    after = services.cursors.read(name, query.cursor) if query.cursor is not None else None
    rows, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: queries.page(tx, wanted, after=after, limit=limit),
    )  # fmt: skip
    shown, following = rows[: query.limit], None
    if len(rows) > query.limit:
        last = shown[-1]
        key = [last["severity_rank"], str(last["id"])] if wanted.worst_first else [str(last["id"])]
        following = services.cursors.write(name, key)
    await services.reads.record(caller, "warning.list", list(dict.fromkeys(row["customer_id"] for row in shown)))
    data = [_document(row, caller, services, language) for row in shown]
    return respond(serialise(page_of(data, following, total)))


@router.get("/warnings/{warning_id}", response_model=schemas.WarningWithHistory)
async def get_warning(caller: Reader, services: ServicesOf, warning_id: WarningIdInPath, language: Spoken) -> Response:
    """Read a warning and all that happened to it."""

    async def work(tx: Tx) -> dict[str, Any] | None:
        found = await queries.warning(tx, warning_id)
        if found is None:
            return None
        steps = await queries.history(tx, found)
        history = [documents.step(one, found["kind"], caller.field_groups) for one in steps]
        return {**_document(found, caller, services, language), "history": history}

    shown = await services.db.read(caller, work)
    if shown is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, "warning.read", [shown["customer_id"]])
    return respond(serialise(Made(shown, headers=etag(shown["version"]))))


@router.post("/warnings/evaluations", response_model=schemas.Evaluated, responses=QUEUED, dependencies=WRITER)
async def evaluate_warnings(services: ServicesOf, write: WriteOf, body: schemas.Evaluation | None = None) -> Response:
    """Bring warnings in line with the rules now: of some customers at once, of all by a job (202).

    While an equal job that you have asked for waits to begin, that one is answered.

    It happens by itself as well: credit with every entry of the ledger, the end of a silence with the receipt that
    ends it, and everything else once a day.
    """
    kinds = KINDS if body is None or body.kinds is None else tuple(dict.fromkeys(body.kinds))
    customers = None if body is None else body.customer_ids

    async def work(tx: Tx) -> Made:
        if customers is not None:
            gone = await hidden(tx, customers)
            known = [one for one in customers if one not in gone]
            return _evaluated(await commands.evaluate_customers(tx, kinds, known, services.settings.company), None)
        if tx.caller.limited:
            raise Problem(FORBIDDEN, "This API key reaches only some customers: name them.")
        return _evaluated({}, await commands.enqueue_sweep(tx, kinds))

    return await write(work)


def _evaluated(done: commands.Done, job_id: uuid.UUID | None) -> Made:
    counts = {action: done.get(action, 0) for action in ("opened", "changed", "reopened", "resolved")}
    status = "done" if job_id is None else "queued"
    return Made({"status": status, "job_id": job_id, **counts}, 200 if job_id is None else 202)


def _document(row: Mapping[str, Any], caller: Caller, services: Services, language: Language) -> dict[str, Any]:
    return documents.document(row, caller.field_groups, services.clock.now(), services.settings.company.today, language)
