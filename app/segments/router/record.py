"""Routes of saved segments: save, read, change, delete, and what they were before."""

import uuid
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Path, Query, Response

from app.core.caller import Caller
from app.core.db import Made, Tx
from app.core.errors import NOT_FOUND, Problem, etag
from app.core.http import GatedRoute, ServicesOf, WriteOf, expected_version, json_response, requires
from app.core.pages import Page, counted, page_of
from app.segments import answers, commands, definition
from app.segments.asking import Asking, refuse_unless_followed
from app.segments.grammar import LIST
from app.segments.queries import saved
from app.segments.schemas.questions import (
    NewSegment,
    SegmentAnswer,
    SegmentPatch,
    SegmentsQuery,
    VersionAnswer,
)

router = APIRouter(prefix="/v1", tags=["segments"], route_class=GatedRoute)

Reader = Annotated[Caller, requires("segments:read")]
Editor = Annotated[Caller, requires("segments:write")]
SegmentId = Annotated[uuid.UUID, Path()]
IfMatch = Annotated[str | None, Header(description='The ETag of the version that was read, as in "3".')]
_LIST = "segments"
_PLAIN = {"name", "description", "materialised"}


@router.post("/segments", status_code=201, response_model=SegmentAnswer)
async def create_segment(caller: Editor, services: ServicesOf, write: WriteOf, body: NewSegment) -> Response:
    """Save a segment: a question, or an empty list.

    With `materialised` it is kept who is in it, which takes the worker a moment to begin.
    409 `segment_name_taken`; 422 `invalid_segment`, `segment_too_expensive` or `cannot_be_kept`.
    """
    asking, given = Asking(services), answers.given(body)

    async def work(tx: Tx) -> Made:
        await commands.take_turn(tx)
        world, checked = await asking.world(tx, given), None
        if given:
            checked = asking.checked(given, world)
            definition.refuse_unless_granted(caller, checked)
            await asking.affordable(tx, asking.question(checked, world, asking.today()))
            if body.materialised:
                refuse_unless_followed(checked)
        made = await commands.create(tx, body.name, body.description, checked, body.id, materialised=body.materialised)
        if checked is None:
            world = await asking.world(tx, {}, made)
        headers = {"Location": f"/v1/segments/{made.id}", **etag(made.version)}
        return Made(answers.segment(made, world), 201, headers)

    return await write(work)


@router.get("/segments", response_model=Page[SegmentAnswer])
async def list_segments(caller: Reader, services: ServicesOf, query: Annotated[SegmentsQuery, Query()]) -> Response:
    """List the saved segments in the order in which they were made."""
    after = uuid.UUID(services.cursors.read(_LIST, query.cursor)[0]) if query.cursor is not None else None
    asking = Asking(services)

    async def work(tx: Tx) -> tuple[list[dict[str, Any]], bool, int | None]:
        found = await saved.page(tx, after=after, limit=query.limit + 1)
        shown = found[: query.limit]
        world = await asking.world(tx, {}, *shown)
        total = await saved.how_many(tx) if query.count else None
        return [answers.segment(one, world) for one in shown], len(found) > query.limit, total

    shown, more, total = await services.db.read(caller, work)
    following = services.cursors.write(_LIST, [shown[-1]["id"]]) if more else None
    return json_response(orjson.dumps(page_of(shown, following, total)))


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
    """Change a segment by a JSON merge patch. Needs If-Match: 428 without it, 412 if it has changed since.

    `materialised` false forgets who was in it: 409 `segment_in_use` while another segment asks about that.
    """
    version, asking = expected_version(if_match), Asking(services)
    given, plain = answers.given(body), body.model_dump(exclude_unset=True, include=_PLAIN)

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
        if plain.get("materialised", before.materialised) and before.kind != LIST:
            refuse_unless_followed(checked or definition.of_tree(before.tree, world))
        made = await commands.change(tx, before, plain, checked, version)
        if checked is not None:
            await commands.follow(tx, await asking.referring(tx, segment_id))
        if made.kind == LIST:
            # Its text is its name.
            world = await asking.world(tx, {}, made)
        return Made(answers.segment(made, world), headers=etag(made.version))

    return await write(work)


@router.get("/segments/{segment_id}/versions", response_model=Page[VersionAnswer])
async def list_segment_versions(
    caller: Reader, services: ServicesOf, segment_id: SegmentId, query: Annotated[SegmentsQuery, Query()]
) -> Response:
    """List what a segment was and is, the newest version first: who changed what, and when."""
    asking, name = Asking(services), f"versions:{segment_id}"
    before = int(services.cursors.read(name, query.cursor)[0]) if query.cursor is not None else None

    async def read(tx: Tx, before: int | None, limit: int) -> list[saved.Version]:
        return await saved.versions(tx, segment_id, before=before, limit=limit)

    async def work(tx: Tx) -> tuple[list[dict[str, Any]], bool, int | None]:
        if await saved.one(tx, segment_id) is None:
            raise Problem(NOT_FOUND)
        found = await read(tx, before, query.limit + 1)
        shown = found[: query.limit]
        world = await asking.world(tx, {}, *shown)
        return [answers.version(one, world) for one in shown], len(found) > query.limit, await counted(tx, query, read)

    shown, more, total = await services.db.read(caller, work)
    following = services.cursors.write(name, [shown[-1]["version"]]) if more else None
    return json_response(orjson.dumps(page_of(shown, following, total)))


@router.delete("/segments/{segment_id}", status_code=204)
async def delete_segment(caller: Editor, write: WriteOf, segment_id: SegmentId, if_match: IfMatch = None) -> Response:
    """Delete a segment. Needs If-Match; 409 `segment_in_use` while another segment refers to it."""
    del caller
    version = expected_version(if_match)

    async def work(tx: Tx) -> None:
        await commands.remove(tx, segment_id, version)

    return await write(work)
