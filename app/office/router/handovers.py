"""Routes of handovers: many customers given to another account manager or sponsor in one call."""

import uuid
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Response

from app.core.caller import Caller
from app.core.db import Made, Tx
from app.core.errors import NOT_FOUND, Problem
from app.core.http import GatedRoute, ServicesOf, WriteOf, json_response, requires
from app.core.pages import Page, page_bytes, paged
from app.customers.queries import ownership as queries
from app.customers.schemas.ownership import AssignmentQuery, HandoverAnswer, HandoverPreview, NewHandover
from app.office.choosing import choice_of
from app.office.commands import handing_over as commands

router = APIRouter(prefix="/v1/handovers", tags=["ownership"], route_class=GatedRoute)

Assigner = Annotated[Caller, requires("customers:assign", "basic")]
HandoverId = Annotated[uuid.UUID, Path()]
OTHERS: dict[int | str, dict[str, Any]] = {
    200: {"model": HandoverPreview, "description": "What it would do: nothing was changed."},
    202: {"model": HandoverAnswer, "description": "A job does it."},
}


@router.post("", status_code=201, response_model=HandoverAnswer, responses=OTHERS)
async def create_handover(caller: Assigner, services: ServicesOf, write: WriteOf, body: NewHandover) -> Response:
    """Give customers to another account manager, sponsor, or both.

    Up to 1,000 named ones at once (201), the others by a job that goes on after a crash (202): see its state at
    `GET /v1/handovers/{id}`. Each customer gets a new version, an event and an audit entry. `dry_run` says what would
    change and changes nothing. To take a handover back, hand over the customers of it (`handover`).
    """
    given = body.model_dump(exclude_unset=True, mode="json")
    order = commands.Order(choice_of(given), given["to"], given["reason"])
    if body.dry_run:
        shown = await services.db.read(caller, lambda tx: commands.preview(tx, services, order))
        await services.reads.record(caller, "handover.preview", shown["sample"])
        return json_response(orjson.dumps({**shown, "sample": [str(one) for one in shown["sample"]]}))

    async def work(tx: Tx) -> Made:
        handover, done = await commands.hand_over(tx, services, order)
        shown = await queries.handover(tx, handover)
        return Made(shown, 201 if done else 202, {"Location": f"/v1/handovers/{handover}"})

    return await write(work)


@router.get("", response_model=Page[HandoverAnswer])
async def list_handovers(
    caller: Assigner, services: ServicesOf, query: Annotated[AssignmentQuery, Query()]
) -> Response:
    """List handovers, the newest first."""
    name = "handovers"
    after = uuid.UUID(services.cursors.read(name, query.cursor)[0]) if query.cursor is not None else None
    found, total = await paged(
        services.db, caller, query, after, lambda tx, after, limit: queries.handovers(tx, after=after, limit=limit)
    )
    shown = found[: query.limit]
    following = services.cursors.write(name, [str(shown[-1][0])]) if len(found) > query.limit else None
    return json_response(page_bytes([document for _, document in shown], following, total))


@router.get("/{handover_id}", response_model=HandoverAnswer)
async def get_handover(caller: Assigner, services: ServicesOf, handover_id: HandoverId) -> Response:
    """Read a handover: whose customers, to whom, why, and how far it is."""
    found = await services.db.read(caller, lambda tx: queries.handover(tx, handover_id))
    if found is None:
        raise Problem(NOT_FOUND)
    return json_response(found)
