"""Routes of the rules of warnings: what the company has set, and what is set for some customers."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from app.core.db import Made, Tx, serialise
from app.core.errors import INVALID, NOT_FOUND, FieldError, Problem
from app.core.http import GatedRoute, ServicesOf, WriteOf, Writer, respond
from app.core.pages import Page, page_of, paged
from app.core.types import Code
from app.early_warning import commands, documents, queries, schemas
from app.early_warning.router.shared import RULE_MAKER, Reader
from app.early_warning.rules import (  # fmt: skip
    RULES,
    CreditRule,
    Kind,
    LossRule,
    Rule,
    SalesExpenseRule,
    SalesProgressRule,
    Target,
)
from app.segments.asking import Asking

router = APIRouter(prefix="/v1", tags=["warnings"], route_class=GatedRoute)


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
    rows, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: queries.overrides(tx, kind, query.by, after=after, limit=limit),
    )  # fmt: skip
    shown, more = rows[: query.limit], len(rows) > query.limit
    following = services.cursors.write(name, [shown[-1]["by"], shown[-1]["key"]]) if more else None
    customers = [row["customer_id"] for row in shown if row["by"] == "customer"]
    await services.reads.record(caller, "warning_override.list", customers)
    data = [documents.override(kind, row) for row in shown]
    return respond(serialise(page_of(data, following, total)))


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
