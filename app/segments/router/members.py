"""Routes of who is in a segment: how many, who, why, put into a list, and as it was."""

import uuid
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from app.core.batch import Batch, BatchAnswer, check_items, items_of
from app.core.caller import Caller
from app.core.db import Made, Tx
from app.core.errors import FORBIDDEN, NOT_FOUND, Problem
from app.core.http import GatedRoute, ServicesOf, WriteOf, documented_body, incoming, json_response, requires
from app.core.pages import counted, page_of
from app.customers import queries as customers_queries
from app.segments import answers, columns, commands, composing, listing
from app.segments.asking import Asking, not_known
from app.segments.models import NOT_KEPT
from app.segments.queries import evaluate, memberships, saved
from app.segments.queries.columns import values
from app.segments.queries.composition import composed, snapshots, snapshots_by_field
from app.segments.queries.explain import explain
from app.segments.schemas.comparing import NewSnapshot, SnapshotAnswer, SnapshotsPage, SnapshotsQuery
from app.segments.schemas.lists import ListEntry
from app.segments.schemas.questions import (
    AsOfQuery,
    ChangesQuery,
    CountAnswer,
    ExplanationAnswer,
    HeldQuery,
    HeldSegments,
    MembershipChanges,
    MembershipQuery,
    MembersPage,
    MembersQuery,
)
from app.segments.windows import Days

router = APIRouter(prefix="/v1", tags=["segments"], route_class=GatedRoute)

Reader = Annotated[Caller, requires("segments:read")]
Editor = Annotated[Caller, requires("segments:write")]
SegmentId = Annotated[uuid.UUID, Path()]


@router.get("/segments/{segment_id}/count", response_model=CountAnswer)
async def count_segment(
    caller: Reader, services: ServicesOf, segment_id: SegmentId, query: Annotated[MembershipQuery, Query()]
) -> Response:
    """Count the customers in a segment, as they are now; of one that is kept, as of the worker's last look.

    Of one that is kept, `as_of` asks who was in it when that day ended: 409 `not_kept` for a day before it was.
    """
    asking = Asking(services)
    async with asking.turn(caller) as tx:
        found, world, checked = await asking.saved(tx, segment_id)
        kept = await asking.known(tx, found, query.as_of, live=query.live)
        question, now = asking.members(found, asking.question(checked, world, asking.today()), kept, query.as_of)
        count = await _size(tx, segment_id, question, now=now)
    shown = {"count": count, "as_of": question.as_of.isoformat(), "version": found.version}
    return json_response(orjson.dumps({**shown, **answers.refreshed(kept)}))


@router.get("/segments/{segment_id}/members", response_model=MembersPage)
async def list_segment_members(
    caller: Reader, services: ServicesOf, segment_id: SegmentId, query: Annotated[MembersQuery, Query()]
) -> Response:
    """List the customers in a segment by id, as they are now. An edit of the segment makes its cursors invalid.

    Of one that is kept, as for the count; who was merged since is shown as the customer that it became. With `columns`
    each has the values of these fields instead of the record.
    """
    asking, names = Asking(services), query.columns
    async with asking.turn(caller) as tx:
        found, world, checked = await asking.saved(tx, segment_id)
        fields = None if names is None else columns.chosen(names, world.registry, caller)
        name = f"members:{segment_id}:{found.version}" + (":live" if query.live else "")
        after, day = None, query.as_of
        if query.cursor is not None:
            after, day = answers.place(services.cursors, name, query.cursor, asking.today())
        kept = await asking.known(tx, found, day, live=query.live)
        question, now = asking.members(found, asking.question(checked, world, asking.today()), kept, day)
        as_of, most = question.as_of, query.limit + 1
        if now:
            ids = await memberships.page(tx, segment_id, after=after, limit=most)
        else:
            ids = await evaluate.page(tx, question, after=after, limit=most)
        total = await _size(tx, segment_id, question, now=now) if query.count else None
        shown = ids[: query.limit]
        data: list[Any]
        if fields is None:
            documents = await customers_queries.many(tx, shown, services.sections)
            data = [orjson.Fragment(documents[one]) for one in shown if one in documents]
        else:
            told = await values(tx, question, fields, shown)
            data = [columns.shown(one, fields, row) for one, row in told]
    following = None
    if len(ids) > query.limit:
        following = services.cursors.write(name, [str(shown[-1]), as_of.isoformat()])
    await services.reads.record(caller, "segment.members", shown)
    page = {**page_of(data, following, total), "as_of": as_of.isoformat()}
    return json_response(orjson.dumps({**page, **answers.refreshed(kept)}))


async def _size(tx: Tx, segment_id: uuid.UUID, question: evaluate.Question, *, now: bool) -> int:
    """How many customers are in a segment: in one that is kept `now`, or by its question."""
    return await (memberships.count(tx, segment_id) if now else evaluate.count(tx, question))


@router.get("/segments/{segment_id}/changes", response_model=MembershipChanges)
async def list_segment_changes(
    caller: Reader, services: ServicesOf, segment_id: SegmentId, query: Annotated[ChangesQuery, Query()]
) -> Response:
    """List who came into a kept segment and who left it, the oldest first.

    Who was in it when keeping began never came, and who was erased is gone. 409 `not_kept` for a segment that is not
    kept, or a day before it was.
    """
    asking, name = Asking(services), f"changes:{segment_id}"
    after = None
    if query.cursor is not None:
        at, last, what = services.cursors.read(name, query.cursor)
        after = (datetime.fromisoformat(at), uuid.UUID(last), str(what))
    async with asking.turn(caller) as tx:
        found, _, _ = await asking.saved(tx, segment_id)
        kept = await asking.known(tx, found, None, live=False)
        if kept is None:
            raise Problem(NOT_KEPT, "Have it kept with materialised; beginning takes the worker a moment.")
        days = Days(query.start or kept.since, query.to or kept.as_of)
        if days.first is not None and days.first < kept.since:
            raise not_known(kept)

        async def read(tx: Tx, after: Any, limit: int) -> list[memberships.Change]:
            return await memberships.changes(tx, segment_id, days, after=after, limit=limit)

        changes, total = await read(tx, after, query.limit + 1), await counted(tx, query, read)
    shown = changes[: query.limit]
    await services.reads.record(caller, "segment.changes", [one.customer_id for one in shown])
    following = None
    if len(changes) > query.limit:
        following = services.cursors.write(name, [shown[-1].at.isoformat(), str(shown[-1].id), shown[-1].what])
    page = page_of([answers.moved(one) for one in shown], following, total)
    more = {"since": kept.since, "as_of": kept.as_of, **answers.refreshed(kept)}
    return json_response(orjson.dumps({**page, **more}))


@router.get("/segments/{segment_id}/explain/{customer_id}", response_model=ExplanationAnswer)
async def explain_segment(
    caller: Reader,
    services: ServicesOf,
    segment_id: SegmentId,
    customer_id: Annotated[uuid.UUID, Path()],
    query: Annotated[AsOfQuery, Query()],
) -> Response:
    """Say why a customer is in a segment or not: every condition with its truth, value, distance and evidence."""
    asking = Asking(services)
    async with asking.turn(caller, about_one=True) as tx:
        _, world, checked = await asking.saved(tx, segment_id)
        question = asking.question(checked, world, query.as_of or asking.today())
        there = await customers_queries.may_see(tx, customer_id)
        explained = await explain(tx, question, customer_id) if there else None
    if explained is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, "segment.explain", [customer_id])
    shown = {"segment_id": segment_id, "customer_id": customer_id, "as_of": question.as_of}
    return json_response(orjson.dumps({**shown, **answers.explained(question, explained, world)}))


@router.get("/customers/{customer_id}/segments", response_model=HeldSegments)
async def list_customer_segments(
    caller: Reader,
    services: ServicesOf,
    customer_id: Annotated[uuid.UUID, Path()],
    query: Annotated[HeldQuery, Query()],
) -> Response:
    """List the saved segments that a customer is in, as they are now; kept ones as of the worker's last look.

    A page looks at `limit` saved segments in the order in which they were made and shows those that the customer is in.
    """
    asking, name = Asking(services), f"held_by:{customer_id}"
    after, as_of, dated = answers.held_from(services.cursors, name, query.cursor, query.as_of, asking.today())
    async with asking.turn(caller, about_one=True) as tx:
        if not await customers_queries.may_see(tx, customer_id):
            raise Problem(NOT_FOUND)
        found = await saved.page(tx, after=after, limit=query.limit + 1)
        shown = found[: query.limit]
        asked = await asking.askable(tx, shown, as_of)
        day = as_of if dated else None
        held, kept = await asking.held(tx, asked, customer_id, day)
        total = None
        if query.count:
            every = await asking.askable(tx, await saved.every(tx), as_of)
            total = len((await asking.held(tx, every, customer_id, day))[0])
    await services.reads.record(caller, "segment.held", [customer_id])
    following = None
    if len(found) > query.limit:
        following = services.cursors.write(name, [str(shown[-1].id), as_of.isoformat(), dated])
    data = [answers.held(one, kept.get(one.id)) for one, _ in asked if one.id in held]
    page = {**page_of(data, following, total), "as_of": as_of.isoformat()}
    return json_response(orjson.dumps({**page, "not_granted": len(shown) - len(asked)}))


@router.post(
    "/segments/{segment_id}/members/batch",
    response_model=BatchAnswer,
    openapi_extra=documented_body(Batch[ListEntry]),
)
async def batch_list_members(
    request: Request, caller: Editor, services: ServicesOf, write: WriteOf, segment_id: SegmentId
) -> Response:
    """Put up to 1000 customers into a list, or take them out, each named by id or by an identifier.

    `created`: put in; `updated`: taken out; `duplicate`: it was so before. An entry fails with `unknown_customer`, or
    with `ambiguous_customer` where several share the identifier: its `candidates` are they. 409 `not_a_list` for a
    question, `list_full`.
    """
    if not caller.may("customers:read"):
        raise Problem(FORBIDDEN, "Whoever puts customers into a list needs the scope customers:read.")
    items, settings = items_of(incoming(request).body), services.settings

    async def work(tx: Tx) -> dict[str, Any]:
        # Checked anew each time: work may run again after a deadlock.
        checked = check_items(items, ListEntry)
        entries = listing.entries(checked, settings.company.phone_region)
        for index, outcome in (await commands.put(tx, segment_id, entries, settings.segments.list_max)).items():
            if isinstance(outcome, Problem):
                checked.fail(index, outcome)
            else:
                checked.done(index, *outcome)
        return checked.answer()

    return await write(work)


@router.post("/segments/{segment_id}/snapshots", status_code=201, response_model=SnapshotAnswer)
async def take_segment_snapshot(
    caller: Editor, services: ServicesOf, write: WriteOf, segment_id: SegmentId, body: NewSnapshot
) -> Response:
    """Keep who is in a segment by a field, so that it can be compared with later.

    What customers said of themselves is kept only of ten or more who said the same.
    """
    asking = Asking(services)
    async with asking.turn(caller) as reading:
        found, world, checked = await asking.saved(reading, segment_id)
        by = composing.wanted(answers.grouping(body), world.registry, caller)
        question = asking.question(checked, world, body.as_of or asking.today())
        await asking.affordable(reading, question)
        kept = composing.without_small(await composed(reading, question, by), by.field)
    shown = composing.shown(kept, by, question.as_of)

    async def work(tx: Tx) -> Made:
        made = await commands.keep(tx, found, body.field, body.measure, question.as_of, shown)
        return Made(answers.snapshot(made), 201)

    return await write(work)


@router.get("/segments/{segment_id}/snapshots", response_model=SnapshotsPage)
async def list_segment_snapshots(
    caller: Reader, services: ServicesOf, segment_id: SegmentId, query: Annotated[SnapshotsQuery, Query()]
) -> Response:
    """List what was kept of who was in a segment, the newest first, for who may ask the segment's own question."""
    name, asking = f"snapshots:{segment_id}:{query.field or ''}", Asking(services)
    before = uuid.UUID(services.cursors.read(name, query.cursor)[0]) if query.cursor is not None else None

    async def work(tx: Tx) -> tuple[list[Any], list[dict[str, Any]], int | None]:
        world = await asking.readable(tx, segment_id)
        commands.refuse_limited(caller)
        found = await snapshots(tx, segment_id, field=query.field, before=before, limit=query.limit + 1)
        registry = world.registry
        shown = [answers.snapshot(one) for one in found[: query.limit] if answers.may_see(one, registry, caller)]
        total = None
        if query.count:
            kinds = await snapshots_by_field(tx, segment_id, field=query.field)
            total = sum(one.number for one in kinds if answers.may_see(one, registry, caller))
        return found, shown, total

    found, shown, total = await services.db.read(caller, work)
    following = None
    if len(found) > query.limit:
        following = services.cursors.write(name, [str(found[query.limit - 1].id)])
    page = page_of(shown, following, total)
    return json_response(orjson.dumps({**page, "not_granted": min(len(found), query.limit) - len(shown)}))
