"""Routes of segments: ask, save, list who is in one, and why."""

import uuid
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Path, Query, Response

from app.core.caller import Caller
from app.core.db import Made, Tx
from app.core.errors import NOT_FOUND, Problem, etag
from app.core.http import GatedRoute, ServicesOf, WriteOf, expected_version, json_response, requires
from app.core.pages import Page
from app.customers import queries as customers_queries
from app.segments import answers, commands, definition
from app.segments.asking import Asking
from app.segments.offered import offered
from app.segments.queries import evaluate, saved
from app.segments.queries.explain import explain
from app.segments.schemas import (
    AsOfQuery,
    CountAnswer,
    Definition,
    ExplanationAnswer,
    HeldQuery,
    HeldSegments,
    MembersPage,
    MembersQuery,
    NewSegment,
    Offer,
    ParseAnswer,
    Preview,
    PreviewAnswer,
    SegmentAnswer,
    SegmentPatch,
    SegmentsQuery,
)  # fmt: skip

router = APIRouter(prefix="/v1", tags=["segments"], route_class=GatedRoute)

Reader = Annotated[Caller, requires("segments:read")]
Editor = Annotated[Caller, requires("segments:write")]
SegmentId = Annotated[uuid.UUID, Path()]
IfMatch = Annotated[str | None, Header(description='The ETag of the version that was read, as in "3".')]
_LIST = "segments"


@router.get("/segments/fields", response_model=Offer, response_model_exclude_none=True)
async def list_segment_fields(caller: Reader, services: ServicesOf) -> Response:
    """Everything that the caller may ask about: fields, collections, functions, windows and limits."""
    currency = services.settings.company.currency
    asking = Asking(services)
    registry = await services.db.read(caller, asking.registry)
    shown = offered(registry, caller, currency=currency, digits=asking.digits)
    return json_response(orjson.dumps(shown))


@router.post("/segments/parse", response_model=ParseAnswer)
async def parse_segment(caller: Reader, services: ServicesOf, body: Definition) -> Response:
    """Text to tree, tree to text, without asking.

    422 `invalid_segment` says what is wrong; for a text, `places` stands beside `errors`: where it is, what was
    expected there, and a name that may have been meant.
    """
    asking, given = Asking(services), answers.given(body)

    async def work(tx: Tx) -> bytes:
        world = await asking.world(tx, given)
        checked = asking.checked(given, world)
        return orjson.dumps({**answers.parsed(checked, world), "lacking": checked.lacking(caller)})

    return json_response(await services.db.read(caller, work))


@router.post("/segments/preview", response_model=PreviewAnswer)
async def preview_segment(caller: Reader, services: ServicesOf, body: Preview) -> Response:
    """Ask without saving: how many customers it is true of, and some of them.

    422 `segment_too_expensive` if answering would take too long.
    """
    asking, given = Asking(services), answers.given(body)
    async with asking.turn(caller) as tx:
        world = await asking.world(tx, given)
        checked = asking.checked(given, world)
        definition.refuse_unless_granted(caller, checked)
        question = asking.question(checked, world, body.as_of or asking.today())
        cost = await asking.affordable(tx, question)
        count, some = await evaluate.sampled(tx, question, body.sample)
        documents = await customers_queries.many(tx, some, services.sections)
    await services.reads.record(caller, "segment.preview", list(documents))
    sample = [orjson.Fragment(documents[one]) for one in some if one in documents]
    shown = {"count": count, "sample": sample, "as_of": question.as_of.isoformat(), **answers.written(checked, world)}
    return json_response(orjson.dumps({**shown, "cost": cost, "warnings": answers.warnings(count, checked)}))


@router.post("/segments", status_code=201, response_model=SegmentAnswer)
async def create_segment(caller: Editor, services: ServicesOf, write: WriteOf, body: NewSegment) -> Response:
    """Save a segment. 409 `segment_name_taken`; 422 `invalid_segment` or `segment_too_expensive`."""
    asking, given = Asking(services), answers.given(body)

    async def work(tx: Tx) -> Made:
        await commands.take_turn(tx)
        world = await asking.world(tx, given)
        checked = asking.checked(given, world)
        definition.refuse_unless_granted(caller, checked)
        await asking.affordable(tx, asking.question(checked, world, asking.today()))
        made = await commands.create(tx, body.name, body.description, checked, body.id)
        headers = {"Location": f"/v1/segments/{made.id}", **etag(made.version)}
        return Made(answers.segment(made, world), 201, headers)

    return await write(work)


@router.get("/segments", response_model=Page[SegmentAnswer])
async def list_segments(caller: Reader, services: ServicesOf, query: Annotated[SegmentsQuery, Query()]) -> Response:
    """List the saved segments in the order in which they were made."""
    after = uuid.UUID(services.cursors.read(_LIST, query.cursor)[0]) if query.cursor is not None else None
    asking = Asking(services)

    async def work(tx: Tx) -> tuple[list[dict[str, Any]], bool]:
        found = await saved.page(tx, after=after, limit=query.limit + 1)
        shown = found[: query.limit]
        world = await asking.world(tx, {}, *shown)
        return [answers.segment(one, world) for one in shown], len(found) > query.limit

    shown, more = await services.db.read(caller, work)
    following = services.cursors.write(_LIST, [shown[-1]["id"]]) if more else None
    return json_response(orjson.dumps({"data": shown, "next_cursor": following, "has_more": more}))


@router.get("/segments/{segment_id}", response_model=SegmentAnswer)
async def get_segment(caller: Reader, services: ServicesOf, segment_id: SegmentId) -> Response:
    """Read a saved segment; its text is printed from its tree."""
    asking = Asking(services)

    async def work(tx: Tx) -> Made:
        found = await saved.one(tx, segment_id)
        if found is None:
            raise Problem(NOT_FOUND)
        return Made(answers.segment(found, await asking.world(tx, {}, found)), headers=etag(found.version))

    made = await services.db.read(caller, work)
    return json_response(orjson.dumps(made.value), made.headers)


@router.patch("/segments/{segment_id}", response_model=SegmentAnswer)
async def patch_segment(
    caller: Editor,
    services: ServicesOf,
    write: WriteOf,
    segment_id: SegmentId,
    body: SegmentPatch,
    if_match: IfMatch = None,
) -> Response:
    """Change a segment by a JSON merge patch. Needs If-Match: 428 without it, 412 if it has changed since."""
    version, asking = expected_version(if_match), Asking(services)
    given, plain = answers.given(body), body.model_dump(exclude_unset=True, include={"name", "description"})

    async def work(tx: Tx) -> Made:
        await commands.take_turn(tx)
        before = await saved.one(tx, segment_id)
        if before is None:
            raise Problem(NOT_FOUND)
        world, checked = await asking.world(tx, given, before), None
        if given:
            checked = asking.checked(given, world, segment_id)
            definition.refuse_unless_granted(caller, checked)
            await asking.affordable(tx, asking.question(checked, world, asking.today()))
        made = await commands.change(tx, before, plain, checked, version)
        if checked is not None:
            await commands.follow(tx, await asking.referring(tx, segment_id))
        return Made(answers.segment(made, world), headers=etag(made.version))

    return await write(work)


@router.delete("/segments/{segment_id}", status_code=204)
async def delete_segment(caller: Editor, write: WriteOf, segment_id: SegmentId, if_match: IfMatch = None) -> Response:
    """Delete a segment. Needs If-Match; 409 `segment_in_use` while another segment refers to it."""
    del caller
    version = expected_version(if_match)

    async def work(tx: Tx) -> None:
        await commands.remove(tx, segment_id, version)

    return await write(work)


@router.get("/segments/{segment_id}/count", response_model=CountAnswer)
async def count_segment(
    caller: Reader, services: ServicesOf, segment_id: SegmentId, query: Annotated[AsOfQuery, Query()]
) -> Response:
    """Count the customers in a segment, as they are now."""
    asking = Asking(services)
    async with asking.turn(caller) as tx:
        found, world, checked = await asking.saved(tx, segment_id)
        question = asking.question(checked, world, query.as_of or asking.today())
        count = await evaluate.count(tx, question)
    shown = {"count": count, "as_of": question.as_of.isoformat(), "version": found.version}
    return json_response(orjson.dumps(shown))


@router.get("/segments/{segment_id}/members", response_model=MembersPage)
async def list_segment_members(
    caller: Reader, services: ServicesOf, segment_id: SegmentId, query: Annotated[MembersQuery, Query()]
) -> Response:
    """List the customers in a segment by id, as they are now. An edit of the segment makes its cursors invalid."""
    asking = Asking(services)
    async with asking.turn(caller) as tx:
        found, world, checked = await asking.saved(tx, segment_id)
        name = f"members:{segment_id}:{found.version}"
        after, as_of = answers.place(services.cursors, name, query.cursor, query.as_of or asking.today())
        question = asking.question(checked, world, as_of)
        ids = await evaluate.page(tx, question, after=after, limit=query.limit + 1)
        shown = ids[: query.limit]
        documents = await customers_queries.many(tx, shown, services.sections)
    following = None
    if len(ids) > query.limit:
        following = services.cursors.write(name, [str(shown[-1]), as_of.isoformat()])
    await services.reads.record(caller, "segment.members", list(documents))
    data = [orjson.Fragment(documents[one]) for one in shown if one in documents]
    page = {"data": data, "next_cursor": following, "has_more": following is not None, "as_of": as_of.isoformat()}
    return json_response(orjson.dumps(page))


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
        explained = await explain(tx, question, customer_id)
    if explained is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, "segment.explain", [customer_id])
    shown = {"segment_id": segment_id, "customer_id": customer_id, "as_of": question.as_of}
    return json_response(orjson.dumps({**shown, **answers.explained(question.tree, explained, world)}))


@router.get("/customers/{customer_id}/segments", response_model=HeldSegments)
async def list_customer_segments(
    caller: Reader,
    services: ServicesOf,
    customer_id: Annotated[uuid.UUID, Path()],
    query: Annotated[HeldQuery, Query()],
) -> Response:
    """List the saved segments that a customer is in, as they are now.

    A page looks at `limit` saved segments in the order in which they were made and shows those that the customer is in.
    """
    asking, name = Asking(services), f"held:{customer_id}"
    after, as_of = answers.place(services.cursors, name, query.cursor, query.as_of or asking.today())
    async with asking.turn(caller, about_one=True) as tx:
        if not await customers_queries.may_see(tx, customer_id):
            raise Problem(NOT_FOUND)
        found = await saved.page(tx, after=after, limit=query.limit + 1)
        shown = found[: query.limit]
        asked = await asking.askable(tx, shown, as_of)
        held = await evaluate.held(tx, [question for _, question in asked], customer_id)
    await services.reads.record(caller, "segment.held", [customer_id])
    following = None
    if len(found) > query.limit:
        following = services.cursors.write(name, [str(shown[-1].id), as_of.isoformat()])
    data = [answers.held(one) for (one, _), inside in zip(asked, held, strict=True) if inside]
    page = {"data": data, "next_cursor": following, "has_more": following is not None, "as_of": as_of.isoformat()}
    return json_response(orjson.dumps({**page, "not_granted": len(shown) - len(asked)}))
