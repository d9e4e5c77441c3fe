"""Routes of questions: what can be asked, asking without saving, and two questions beside each other."""

import uuid
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query, Response

from app.core.caller import Caller
from app.core.db import Tx
from app.core.http import GatedRoute, ServicesOf, json_response, requires
from app.customers import queries as customers_queries
from app.segments import answers, composing, definition
from app.segments.asking import Asking
from app.segments.grammar import QUESTION
from app.segments.offered import offered
from app.segments.queries import compare, evaluate
from app.segments.queries.compare import Part
from app.segments.queries.composition import composed
from app.segments.schemas.comparing import (
    CompositionAnswer,
    CompositionRequest,
    NewQuestion,
    OverlapAnswer,
    OverlapQuery,
    PreviewAnswer,
    QuestionDifference,
)
from app.segments.schemas.questions import Definition, Offer, ParseAnswer, Preview

router = APIRouter(prefix="/v1", tags=["segments"], route_class=GatedRoute)

Reader = Annotated[Caller, requires("segments:read")]
SegmentId = Annotated[uuid.UUID, Path()]


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

    With `against`, also who would enter and leave that saved segment. 422 `segment_too_expensive` if answering would
    take too long.
    """
    asking, given = Asking(services), answers.given(body)
    async with asking.turn(caller) as tx:
        saved = None if body.against is None else (await asking.saved(tx, body.against))[0]
        world = await asking.world(tx, given, *([] if saved is None else [saved]))
        checked = asking.checked(given, world)
        definition.refuse_unless_granted(caller, checked)
        question = asking.question(checked, world, body.as_of or asking.today())
        asked = [question] if saved is None else [question, question.of(saved.tree)]
        cost = await asking.affordable(tx, *asked)
        count, some = await evaluate.sampled(tx, question, body.sample)
        found = None if saved is None else await compare.beside(tx, asked[1], question, body.sample)
        told = {*some, *(found.some if found is not None else ())}
        documents = await customers_queries.many(tx, sorted(told), services.sections)
        doubts = await asking.doubts(tx, question, checked, count, world.printer)
    await services.reads.record(caller, "segment.preview", list(documents))
    shown = {**answers.part(Part(count, some), documents), "as_of": question.as_of.isoformat()}
    if saved is not None and found is not None:
        shown["difference"] = answers.difference(saved, found, world, documents)
    shown |= answers.written(checked, world)
    return json_response(orjson.dumps({**shown, "cost": cost, "warnings": doubts}))


@router.post("/segments/{segment_id}/difference", response_model=QuestionDifference)
async def compare_segment(caller: Reader, services: ServicesOf, segment_id: SegmentId, body: NewQuestion) -> Response:
    """Tell what a new question would change of a saved segment, before it is changed: who enters, leaves and stays."""
    asking, given = Asking(services), answers.given(body)
    async with asking.turn(caller) as tx:
        saved, _, _ = await asking.saved(tx, segment_id)
        world = await asking.world(tx, given, saved)
        checked = asking.checked(given, world, segment_id if saved.kind == QUESTION else None)
        definition.refuse_unless_granted(caller, checked)
        after = asking.question(checked, world, body.as_of or asking.today())
        before = after.of(saved.tree)
        cost = await asking.affordable(tx, before, after)
        found = await compare.beside(tx, before, after, body.sample)
        documents = await customers_queries.many(tx, found.some, services.sections)
        count = found.second.count + found.both.count
        doubts = await asking.doubts(tx, after, checked, count, world.printer)
    await services.reads.record(caller, "segment.difference", list(documents))
    shown = {**answers.difference(saved, found, world, documents), **answers.written(checked, world)}
    shown |= {"as_of": after.as_of.isoformat(), "cost": cost, "warnings": doubts}
    return json_response(orjson.dumps(shown))


@router.get("/segments/{segment_id}/overlap/{other_id}", response_model=OverlapAnswer)
async def overlap_segments(
    caller: Reader,
    services: ServicesOf,
    segment_id: SegmentId,
    other_id: SegmentId,
    query: Annotated[OverlapQuery, Query()],
) -> Response:
    """Tell how two segments overlap: who is in the first only, in the second only, and in both."""
    asking, as_of = Asking(services), query.as_of
    async with asking.turn(caller) as tx:
        questions = []
        for one in (segment_id, other_id):
            _, world, checked = await asking.saved(tx, one)
            questions.append(asking.question(checked, world, as_of or asking.today()))
        first, second = questions
        await asking.affordable(tx, first, second)
        found = await compare.beside(tx, first, second, query.sample)
        customers = await compare.population(tx, first)
        documents = await customers_queries.many(tx, found.some, services.sections)
    await services.reads.record(caller, "segment.overlap", list(documents))
    shown = {**answers.overlap(found, customers, documents), "as_of": first.as_of.isoformat()}
    return json_response(orjson.dumps(shown))


@router.post("/segments/composition", response_model=CompositionAnswer)
async def compose_segment(caller: Reader, services: ServicesOf, body: CompositionRequest) -> Response:
    """Tell who the customers of a question are by a field: how many have each value, and the sum of a measure.

    422 `segment_too_expensive` if answering would take too long.
    """
    asking, given = Asking(services), answers.given(body)
    async with asking.turn(caller) as tx:
        world = await asking.world(tx, given)
        by = composing.wanted(answers.grouping(body), world.registry, caller)
        checked = asking.checked(given, world) if given else asking.everybody(world)
        definition.refuse_unless_granted(caller, checked)
        question = asking.question(checked, world, body.as_of or asking.today())
        await asking.affordable(tx, question)
        found = await composed(tx, question, by)
    return json_response(orjson.dumps(composing.shown(found, by, question.as_of)))
