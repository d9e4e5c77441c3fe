"""Routes of merges: two records of one person become one, and two again."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from app.core.caller import Caller
from app.core.db import Made, Tx
from app.core.errors import NOT_FOUND, Problem
from app.core.http import GatedRoute, ServicesOf, WriteOf, json_response, requires
from app.core.pages import Page, page_bytes, paged
from app.customers.queries import merges as queries
from app.office import commands
from app.office.commands import Order, Rehearsed
from app.office.schemas import MergeAnswer, MergeIn, MergeQuery, MergeSummary

router = APIRouter(prefix="/v1/merges", tags=["merges"], route_class=GatedRoute)
Reader = Annotated[Caller, requires("customers:merge")]
EDITOR = [requires("customers:merge")]
MergeId = Annotated[uuid.UUID, Path()]


@router.post(
    "", status_code=201, response_model=MergeAnswer, dependencies=EDITOR,
    responses={200: {"model": MergeAnswer, "description": "What would come of it."}},
)  # fmt: skip
async def merge_customers(services: ServicesOf, write: WriteOf, body: MergeIn) -> Response:
    """Merge two records of one person: all that the loser has moves to the winner, in one transaction.

    Figures are those of both together. The old id still answers, with the record that remains. Where the two differ,
    a value that looks made up loses, then the one collected or confirmed earlier, then that of the less complete
    record; `choices` decide otherwise. A dry run shows all of it and keeps nothing.
    """
    order = Order(body.winner, body.loser, body.choices, body.reason)

    async def work(tx: Tx) -> Made:
        company = services.settings.company
        made = await commands.merge(tx, order, services.persons, company, dry_run=body.dry_run)
        return Made(_shown(made), 201)

    try:
        found: Response = await write(work)
    except Rehearsed as rehearsed:
        return json_response(_shown(rehearsed.answer))
    return found


@router.get("", response_model=Page[MergeSummary])
async def list_merges(caller: Reader, services: ServicesOf, query: Annotated[MergeQuery, Query()]) -> Response:
    """List merges, the newest first; with `customer_id` those of one customer, whichever side it was."""
    name = f"merges:{query.customer_id}"
    after = None if query.cursor is None else services.cursors.read(name, query.cursor)

    rows, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: queries.page(tx, query.customer_id, after=after, limit=limit),
    )  # fmt: skip
    shown, more = rows[: query.limit], len(rows) > query.limit
    cursor = services.cursors.write(name, [str(shown[-1][0])]) if more else None
    return json_response(page_bytes([row[1] for row in shown], cursor, total))


@router.get("/{merge_id}", response_model=MergeAnswer)
async def get_merge(caller: Reader, services: ServicesOf, merge_id: MergeId) -> Response:
    """A merge: what differed, whose value counts, and how much changed hands."""
    found = await services.db.read(caller, lambda tx: queries.one(tx, merge_id))
    if found is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, "merge.read", [found["winner"]])
    return json_response(_shown(found))


@router.post("/{merge_id}/undo", response_model=MergeAnswer, dependencies=EDITOR)
async def undo_merge(services: ServicesOf, write: WriteOf, merge_id: MergeId) -> Response:
    """Undo a merge: both records are as they were. What had moved goes back; what came later stays with the winner.

    A hold that a rule placed because the two were one is released, with the reason `merge_undone`. Of several
    merges the newest is undone first: 409 `merge_not_newest` names it.
    """

    async def work(tx: Tx) -> str:
        return _shown(await commands.undo(tx, merge_id, services.persons, services.settings.company))

    found: Response = await write(work)
    return found


def _shown(merge: dict[str, Any]) -> str:
    """What the caller may not see is absent, not null."""
    return MergeAnswer.model_validate(merge).model_dump_json(exclude_unset=True)
