"""Routes of opportunities: the list, what people do about them, rules, and judging on request."""

import uuid
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import ValidationError

from app.core.batch import Batch, BatchAnswer, Checked, check_items, items_of
from app.core.caller import Caller
from app.core.db import Made, Tx, serialise
from app.core.errors import FORBIDDEN, INVALID, NOT_FOUND, FieldError, Problem, etag
from app.core.gate import validation_problem
from app.core.http import GatedRoute, ServicesOf, WriteOf, documented_body, incoming, requires, respond
from app.core.language import Accepted, Spoken, language_of
from app.core.pages import Page, page_of, paged
from app.core.services import Services
from app.core.settings import Language
from app.customers.queries import hidden
from app.early_warning.opportunities import commands, documents, queries, schemas
from app.early_warning.opportunities.rules import KINDS, RULES, Kind

router = APIRouter(prefix="/v1", tags=["opportunities"], route_class=GatedRoute)

Reader = Annotated[Caller, requires("warnings:read")]
WRITER = [requires("warnings:write")]
RULE_MAKER = [requires("warnings:admin")]
OpportunityId = Annotated[uuid.UUID, Path()]
QUEUED: dict[int | str, dict[str, Any]] = {
    202: {"model": schemas.Judged, "description": "All customers will be judged by a job."}
}
DOORS_BULK = frozenset({("POST", "/v1/opportunities/batch")})


@router.get("/opportunities", response_model=Page[schemas.OpportunityAnswer])
async def list_opportunities(
    caller: Reader,
    services: ServicesOf,
    query: Annotated[schemas.OpportunityQuery, Query()],
    accepted: Accepted = None,
) -> Response:
    """List opportunities: those that are open, the most pressing first, unless `status` asks for others.

    `owner` is whoever has it: the customer's account manager, unless somebody else has taken it.
    """
    wanted = queries.Filter(**query.wanted("language"))
    language = language_of(query.language, accepted, services.settings.company.language)
    name = f"opportunities:{wanted}"
    after = services.cursors.read(name, query.cursor) if query.cursor is not None else None
    rows, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: queries.page(tx, wanted, after=after, limit=limit),
    )  # fmt: skip
    shown, following = rows[: query.limit], None
    if len(rows) > query.limit:
        last = shown[-1]
        key = [last["priority"], str(last["id"])] if wanted.status == "open" else [str(last["id"])]
        following = services.cursors.write(name, key)
    await services.reads.record(caller, "opportunity.list", list(dict.fromkeys(row["customer_id"] for row in shown)))
    data = [_document(row, caller, services, language) for row in shown]
    return respond(serialise(page_of(data, following, total)))


@router.get("/opportunities/counts", response_model=schemas.Counts)
async def count_opportunities(
    caller: Reader, services: ServicesOf, query: Annotated[schemas.CountsQuery, Query()]
) -> Response:
    """Count opportunities: by kind, owner and home store."""
    wanted = queries.Filter(**query.model_dump())
    found = await services.db.read(caller, lambda tx: queries.counts(tx, wanted))
    total = sum(one["count"] for one in found["kind"])
    return respond(
        serialise({"total": total, "kinds": found["kind"], "owners": found["owner"], "stores": found["store"]})
    )


@router.get("/opportunities/{opportunity_id}", response_model=schemas.OpportunityAnswer)
async def get_opportunity(
    caller: Reader, services: ServicesOf, opportunity_id: OpportunityId, language: Spoken
) -> Response:
    """Read an opportunity."""
    found = (await services.db.read(caller, lambda tx: queries.opportunities(tx, [opportunity_id]))).get(opportunity_id)
    if found is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, "opportunity.read", [found["customer_id"]])
    shown = _document(found, caller, services, language)
    return respond(serialise(Made(shown, headers=etag(shown["version"]))))


@router.post("/opportunities/{opportunity_id}/take", response_model=schemas.OpportunityAnswer, dependencies=WRITER)
async def take_opportunity(
    services: ServicesOf,
    write: WriteOf,
    opportunity_id: OpportunityId,
    language: Spoken,
    body: schemas.Taking | None = None,
) -> Response:
    """Take an opportunity: it leaves the list, and is not raised again for the same cause.

    Taking a taken one again says more of it, such as what came of it. 409 `opportunity_closed`: it was dismissed, or
    has expired.
    """
    given = {} if body is None else body.model_dump(exclude_unset=True)

    async def work(tx: Tx) -> Made:
        await commands.take(tx, opportunity_id, given)
        return await _shown(tx, services, opportunity_id, language)

    return await write(work)


@router.post("/opportunities/{opportunity_id}/dismiss", response_model=schemas.OpportunityAnswer, dependencies=WRITER)
async def dismiss_opportunity(
    services: ServicesOf, write: WriteOf, opportunity_id: OpportunityId, language: Spoken, body: schemas.Dismissal
) -> Response:
    """Dismiss an open opportunity: it is not raised again for the same cause. 409 `opportunity_closed` if it is not."""
    given = body.model_dump(exclude_unset=True)

    async def work(tx: Tx) -> Made:
        await commands.dismiss(tx, opportunity_id, given)
        return await _shown(tx, services, opportunity_id, language)

    return await write(work)


@router.post(
    "/opportunities/batch",
    response_model=BatchAnswer,
    openapi_extra=documented_body(Batch[schemas.Decision]),
    dependencies=WRITER,
)
async def batch_opportunities(request: Request, write: WriteOf) -> Response:
    """Take or dismiss up to 1000 opportunities, each by itself as the routes of one do."""
    items = items_of(incoming(request).body)

    async def work(tx: Tx) -> dict[str, Any]:
        # Checked anew each time: work may run again after a deadlock.
        checked = check_items(items, schemas.Decision)
        fine = [(index, one) for index, one in checked.valid if _decided(checked, index, one)]
        outcomes = await commands.decide(tx, [one for _, one in fine])
        for (index, one), problem in zip(fine, outcomes, strict=True):
            if problem is None:
                checked.done(index, "updated", one["id"])
            else:
                checked.fail(index, problem)
        return checked.answer()

    return await write(work)


def _decided(checked: Checked, index: int, one: Mapping[str, Any]) -> bool:
    """Whether what is given goes with the action; what does not fails the item."""
    if one["action"] == "dismiss":
        wrong = [name for name in ("owner", "outcome") if one.get(name) is not None]
        needs = one.get("reason") is None
    else:
        wrong, needs = [name for name in ("reason",) if one.get(name) is not None], False
    errors = [FieldError(f"/{name}", "not_with_action", "This does not go with the action.") for name in wrong]
    if needs:
        errors.append(FieldError("/reason", "missing", "A dismissal needs a reason."))
    if errors:
        checked.fail(index, Problem(INVALID, errors[0].detail, errors))
    return not errors


@router.post("/opportunities/evaluations", response_model=schemas.Judged, responses=QUEUED, dependencies=WRITER)
async def evaluate_opportunities(services: ServicesOf, write: WriteOf, body: schemas.Judging | None = None) -> Response:
    """Bring opportunities in line with the rules now: of some customers at once, of all by a job (202).

    It happens by itself as well: that an amount was reached with the receipt that does it, the rest about a second
    after what brings it about, and what only time brings once a day.
    """
    kinds = KINDS if body is None or body.kinds is None else tuple(dict.fromkeys(body.kinds))
    customers = None if body is None else body.customer_ids
    company = services.settings.company

    async def work(tx: Tx) -> Made:
        if customers is not None:
            gone = await hidden(tx, customers)
            known = [one for one in customers if one not in gone]
            return _judged(await commands.evaluate(tx, dict.fromkeys(kinds, known), company), None)
        if tx.caller.limited:
            raise Problem(FORBIDDEN, "This API key reaches only some customers: name them.")
        return _judged({}, await commands.enqueue_sweep(tx, kinds))

    return await write(work)


def _judged(done: commands.Done, job_id: uuid.UUID | None) -> Made:
    counts = {action: done.get(action, 0) for action in ("opened", "changed", "expired")}
    status = "done" if job_id is None else "queued"
    return Made({"status": status, "job_id": job_id, **counts}, 200 if job_id is None else 202)


@router.get("/opportunity-rules", response_model=schemas.OpportunityRules)
async def list_opportunity_rules(caller: Reader, services: ServicesOf) -> Response:
    """Read all rules as they count now."""
    kept = await services.db.read(caller, queries.rules)
    return respond(serialise({"data": [_rule(kind, kept) for kind in KINDS]}))


@router.get("/opportunity-rules/{kind}", response_model=schemas.OpportunityRule)
async def get_opportunity_rule(caller: Reader, services: ServicesOf, kind: Kind) -> Response:
    """Read a rule as it counts now."""
    return respond(serialise(_rule(kind, await services.db.read(caller, queries.rules))))


@router.put("/opportunity-rules/{kind}", response_model=schemas.OpportunityRule, dependencies=RULE_MAKER)
async def put_opportunity_rule(write: WriteOf, kind: Kind, body: schemas.RuleSettings) -> Response:
    """Set a rule: what is left out is as usual. It counts from the next evaluation on.

    A setting that the kind does not have is refused.
    """
    try:
        settings = RULES[kind].model_validate(body.model_dump(exclude_unset=True)).model_dump()
    except ValidationError as error:
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False, include_input=False)]
        raise validation_problem(found) from None

    async def work(tx: Tx) -> dict[str, Any]:
        await commands.set_rule(tx, kind, settings)
        return _rule(kind, await queries.rules(tx))

    return await write(work)


def _rule(kind: Kind, kept: Mapping[str, Any]) -> dict[str, Any]:
    settings, version, updated_at = kept.get(kind, ({}, 0, None))
    shown = RULES[kind](**settings).model_dump()
    return {"kind": kind, "settings": shown, "version": version, "updated_at": documents.plain(updated_at)}


async def _shown(tx: Tx, services: Services, opportunity_id: uuid.UUID, language: Language) -> Made:
    row = (await queries.opportunities(tx, [opportunity_id]))[opportunity_id]
    return Made(_document(row, tx.caller, services, language), headers=etag(row["version"]))


def _document(row: Mapping[str, Any], caller: Caller, services: Services, language: Language) -> dict[str, Any]:
    view = documents.View(caller.field_groups, services.clock.now(), services.settings.company.currency, language)
    return documents.document(row, view)
