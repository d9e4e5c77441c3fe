"""Routes of warnings: the board, what people do about them, rules, holds, and evaluating on request."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Response

from app.core.caller import Caller
from app.core.db import Made, Tx, serialise
from app.core.errors import FORBIDDEN, INVALID, NOT_FOUND, FieldError, Problem, etag
from app.core.http import GatedRoute, ServicesOf, WriteOf, Writer, requires, respond
from app.core.pages import Page
from app.core.services import Services
from app.core.settings import Language
from app.core.types import Code
from app.customers.queries import hidden
from app.early_warning import commands, documents, queries, schemas
from app.early_warning.rules import (  # fmt: skip
    KINDS,
    RULES,
    CreditRule,
    Kind,
    LossRule,
    Rule,
    SalesExpenseRule,
    SalesProgressRule,
    Target,
)
from app.early_warning.sentences import language_of
from app.segments.asking import Asking

router = APIRouter(prefix="/v1", tags=["warnings"], route_class=GatedRoute)

Reader = Annotated[Caller, requires("warnings:read")]
WRITER = [requires("warnings:write")]
RULE_MAKER = [requires("warnings:admin")]
_ACCEPTED = "The languages of what is for people: English, Chinese and Korean are there."
Accepted = Annotated[str | None, Header(alias="Accept-Language", description=_ACCEPTED)]


async def _language(services: ServicesOf, language: schemas.Spoken = None, accepted: Accepted = None) -> Language:
    """The language of what is for people."""
    return language_of(language, accepted, services.settings.company.language)


Spoken = Annotated[Language, Depends(_language)]
WarningIdInPath = Annotated[uuid.UUID, Path()]
QUEUED: dict[int | str, dict[str, Any]] = {
    202: {"model": schemas.Evaluated, "description": "All customers will be evaluated by a job."}
}


@router.get("/warnings", response_model=Page[schemas.WarningAnswer])
async def list_warnings(
    caller: Reader, services: ServicesOf, query: Annotated[schemas.WarningQuery, Query()], accepted: Accepted = None
) -> Response:
    """List warnings: those that are not resolved, the worst first, unless `status` asks for others."""
    wanted = queries.Filter(**query.model_dump(exclude={"limit", "cursor", "language"}))
    language = language_of(query.language, accepted, services.settings.company.language)
    name = f"warnings:{wanted}"
    after = services.cursors.read(name, query.cursor) if query.cursor is not None else None
    rows = await services.db.read(caller, lambda tx: queries.page(tx, wanted, after=after, limit=query.limit + 1))
    shown, following = rows[: query.limit], None
    if len(rows) > query.limit:
        last = shown[-1]
        key = [last["severity_rank"], str(last["id"])] if wanted.worst_first else [str(last["id"])]
        following = services.cursors.write(name, key)
    await services.reads.record(caller, "warning.list", list(dict.fromkeys(row["customer_id"] for row in shown)))
    data = [_document(row, caller, services, language) for row in shown]
    return respond(serialise({"data": data, "next_cursor": following, "has_more": following is not None}))


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


@router.post("/warnings/{warning_id}/acknowledge", response_model=schemas.WarningAnswer, dependencies=WRITER)
async def acknowledge_warning(
    services: ServicesOf,
    write: WriteOf,
    warning_id: WarningIdInPath,
    language: Spoken,
    body: schemas.Acknowledgement | None = None,
) -> Response:
    """Take a warning on. It stays on the board until it is resolved, and is told again if it gets worse."""
    given = {} if body is None else body.model_dump(exclude_unset=True)

    async def work(tx: Tx) -> Made:
        await commands.acknowledge(tx, warning_id, given)
        return await _shown(tx, services, warning_id, language)

    return await write(work)


@router.post("/warnings/{warning_id}/resolve", response_model=schemas.WarningAnswer, dependencies=WRITER)
async def resolve_warning(
    services: ServicesOf, write: WriteOf, warning_id: WarningIdInPath, language: Spoken, body: schemas.Resolution
) -> Response:
    """Resolve a warning. It is not raised again for the same cause unless that gets worse.

    Of a debt it is the same cause while it lasts, at most for the days of the rule: one that was settled since, or that
    has grown to more than the rule's `critical_percent` of what was owed then, is told at once.

    409 `warning_resolved` if it is resolved already: also by itself, because its cause is gone.
    """
    given = body.model_dump(exclude_unset=True)

    async def work(tx: Tx) -> Made:
        await commands.resolve(tx, warning_id, given)
        return await _shown(tx, services, warning_id, language)

    return await write(work)


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


@router.get("/warning-rules/{kind}", response_model=schemas.WarningRule)
async def get_warning_rule(caller: Reader, services: ServicesOf, kind: Kind) -> Response:
    """Read a rule as it counts now."""
    return respond(serialise(await services.db.read(caller, lambda tx: _rule(tx, kind))))


@router.put("/warning-rules/credit", response_model=schemas.WarningRule, dependencies=RULE_MAKER)
async def put_credit_rule(write: WriteOf, body: CreditRule) -> Response:
    """Set the rule of credit warnings: what is left out is as usual. It counts from the next evaluation on."""
    return await _put_rule(write, "credit", body)


@router.put("/warning-rules/loss", response_model=schemas.WarningRule, dependencies=RULE_MAKER)
async def put_loss_rule(write: WriteOf, body: LossRule) -> Response:
    """Set the rule of loss warnings: what is left out is as usual. It counts from the next evaluation on."""
    return await _put_rule(write, "loss", body)


@router.put("/warning-rules/sales_progress", response_model=schemas.WarningRule, dependencies=RULE_MAKER)
async def put_sales_progress_rule(write: WriteOf, body: SalesProgressRule) -> Response:
    """Set the rule of sales plans: what is left out is as usual. It counts from the next evaluation on."""
    return await _put_rule(write, "sales_progress", body)


@router.put("/warning-rules/sales_expense", response_model=schemas.WarningRule, dependencies=RULE_MAKER)
async def put_sales_expense_rule(write: WriteOf, body: SalesExpenseRule) -> Response:
    """Set the rule of expenses: what is left out is as usual. It counts from the next evaluation on."""
    return await _put_rule(write, "sales_expense", body)


async def _put_rule(write: Writer, kind: Kind, rule: Rule) -> Response:
    async def work(tx: Tx) -> dict[str, Any]:
        await commands.set_rule(tx, kind, rule.model_dump())
        return await _rule(tx, kind)

    return await write(work)


async def _rule(tx: Tx, kind: Kind) -> dict[str, Any]:
    settings, version, updated_at = (await queries.rules(tx)).get(kind, ({}, 0, None))
    shown = {"kind": kind, "settings": RULES[kind](**settings).model_dump(), "version": version}
    return documents.plain({**shown, "updated_at": updated_at})


# --- rules for some customers -----------------------------------------------------------------------------------------

_OVERRIDES = "/warning-rules/{kind}/overrides"
TargetInPath = Annotated[Target, Path(description="For one customer, for a segment, or for a grade.")]
KeyInPath = Annotated[Code, Path(description="The grade, or the id of the segment or of the customer.")]


@router.get(_OVERRIDES, response_model=Page[schemas.RuleOverride])
async def list_rule_overrides(
    caller: Reader, services: ServicesOf, kind: Kind, query: Annotated[schemas.OverrideQuery, Query()]
) -> Response:
    """List the rules that are set for some customers, by grade, by segment and by customer."""
    name = f"warning-overrides:{kind}:{query.by}"
    after = None if query.cursor is None else services.cursors.read(name, query.cursor)
    rows = await services.db.read(
        caller, lambda tx: queries.overrides(tx, kind, query.by, after=after, limit=query.limit + 1)
    )
    shown, more = rows[: query.limit], len(rows) > query.limit
    following = services.cursors.write(name, [shown[-1]["by"], shown[-1]["key"]]) if more else None
    customers = [row["customer_id"] for row in shown if row["by"] == "customer"]
    await services.reads.record(caller, "warning_override.list", customers)
    data = [documents.override(kind, row) for row in shown]
    return respond(serialise({"data": data, "next_cursor": following, "has_more": more}))


@router.get(f"{_OVERRIDES}/{{by}}/{{key}}", response_model=schemas.RuleOverride)
async def get_rule_override(
    caller: Reader, services: ServicesOf, kind: Kind, by: TargetInPath, key: KeyInPath
) -> Response:
    """Read a rule that is set for some customers."""
    named = _key(by, key)
    found = await services.db.read(caller, lambda tx: queries.override(tx, kind, by, named))
    if found is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, "warning_override.read", [found["customer_id"]] if by == "customer" else [])
    return respond(serialise(documents.override(kind, found)))


@router.delete(f"{_OVERRIDES}/{{by}}/{{key}}", status_code=204, dependencies=RULE_MAKER)
async def delete_rule_override(write: WriteOf, kind: Kind, by: TargetInPath, key: KeyInPath) -> Response:
    """Remove it: from the next evaluation on the next less specific rule applies."""
    named = _key(by, key)

    async def work(tx: Tx) -> None:
        await commands.drop_override(tx, kind, by, named)

    return await write(work)


def _put_override(kind: Kind, body_type: type[Any]) -> Callable[..., Awaitable[Response]]:
    async def put(
        services: ServicesOf,
        write: WriteOf,
        by: TargetInPath,
        key: KeyInPath,
        body: body_type,  # type: ignore[valid-type]
    ) -> Response:
        named, given = _key(by, key), body.model_dump()  # type: ignore[attr-defined]

        async def work(tx: Tx) -> Made:
            if by == "segment":
                # Whoever sets a rule for a segment must be able to ask it.
                await Asking(services).saved(tx, uuid.UUID(named))
            made = await commands.set_override(tx, kind, by, named, given["settings"], given["priority"])
            return Made(documents.override(kind, await queries.override(tx, kind, by, named)), 201 if made else 200)

        return await write(work)

    return put


_PUT = """Set a rule for some customers whole: what is left out is as usual.

The most specific rule applies: that of the customer, else of a segment, else of the grade, else the company's. It
counts from the next evaluation on. Who is in a segment is looked up a moment later, and then with every sweep.
"""
for _kind, _body in schemas.OVERRIDES.items():
    router.add_api_route(
        f"/warning-rules/{_kind}/overrides/{{by}}/{{key}}", _put_override(_kind, _body), methods=["PUT"],
        response_model=schemas.RuleOverride, name=f"put_{_kind}_override", description=_PUT, dependencies=RULE_MAKER,
        responses={201: {"model": schemas.RuleOverride, "description": "There was none."}},
    )  # fmt: skip


def _key(by: Target, key: str) -> str:
    """What stands in the path, as it is kept. Raises Problem: customers and segments have ids."""
    if by == "grade":
        return key
    try:
        return str(uuid.UUID(key))
    except ValueError:
        error = FieldError("path:key", "uuid_parsing", f"The id of a {by} is a UUID.")
        raise Problem(INVALID, error.detail, [error]) from None


# --- holds ------------------------------------------------------------------------------------------------------------


@router.post("/customers/{customer_id}/holds", status_code=201, response_model=schemas.Hold, dependencies=WRITER)
async def place_hold(
    write: WriteOf, customer_id: Annotated[uuid.UUID, Path()], language: Spoken, body: schemas.HoldIn
) -> Response:
    """Stop sales to a customer: the standing becomes `hold` until the hold is released."""

    async def work(tx: Tx) -> Made:
        hold_id = await commands.place_hold(tx, customer_id, body.reason)
        return Made(await _hold(tx, hold_id, language), 201)

    return await write(work)


@router.post("/holds/{hold_id}/release", response_model=schemas.Hold, dependencies=WRITER)
async def release_hold(
    services: ServicesOf,
    write: WriteOf,
    hold_id: Annotated[uuid.UUID, Path()],
    language: Spoken,
    body: schemas.Release,
) -> Response:
    """Let sales go on, as far as this hold is concerned. 409 `hold_released` if that was done before."""

    async def work(tx: Tx) -> dict[str, Any]:
        await commands.release_hold(tx, hold_id, body.reason, services.settings.company)
        return await _hold(tx, hold_id, language)

    return await write(work)


async def _hold(tx: Tx, hold_id: uuid.UUID, language: Language) -> dict[str, Any]:
    found = await queries.hold(tx, hold_id)
    assert found is not None  # noqa: S101  it was written a moment ago
    return documents.hold(found, language)


async def _shown(tx: Tx, services: Services, warning_id: uuid.UUID, language: Language) -> Made:
    row = await queries.warning(tx, warning_id) or {}
    return Made(_document(row, tx.caller, services, language), headers=etag(row["version"]))


def _document(row: Mapping[str, Any], caller: Caller, services: Services, language: Language) -> dict[str, Any]:
    return documents.document(row, caller.field_groups, services.clock.now(), services.settings.company.today, language)
