"""Routes of sales plans and expense budgets, which are the same, and of expenses."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel

from app.core.batch import Batch, BatchAnswer, check_items, items_of
from app.core.caller import Caller
from app.core.db import Made, Tx, serialise
from app.core.errors import INVALID_CURSOR, NOT_FOUND, Problem, etag
from app.core.http import (  # fmt: skip
    GatedRoute,
    ServicesOf,
    WriteOf,
    documented_body,
    expected_version,
    incoming,
    requires,
    respond,
)
from app.core.pages import Page, page_of, paged
from app.core.services import Services
from app.credit import schemas
from app.credit.kinds import EXPENSE_BUDGET, KINDS, SALES_PLAN, PlanKind
from app.office import commands, queries

router = APIRouter(prefix="/v1", tags=["plans"], route_class=GatedRoute)
Reader = Annotated[Caller, requires("credit:read", "financial")]
EDITOR = [requires("credit:write", "financial")]
CustomerIdInPath = Annotated[uuid.UUID, Path()]
PeriodInPath = Annotated[schemas.PeriodText, Path()]
IfMatch = Annotated[str | None, Header(description='The ETag of the version that was read, as in "3".')]
MaybeIfMatch = Annotated[str | None, Header(description="The ETag of the version that was read; without it, any.")]
ListQuery = Annotated[schemas.PlanQuery, Query()]
# Written by the many at a time.
DOORS_BULK = frozenset({("POST", f"/v1/{kind.plural}/{how}") for kind in KINDS for how in ("batch", "copies")})
Route = Callable[..., Awaitable[Response]]
_EXPENSES = "/customers/{customer_id}/expenses"


# --- plans and budgets ------------------------------------------------------------------------------------------------


def _list(kind: PlanKind) -> Route:
    async def listed(caller: Reader, services: ServicesOf, customer_id: CustomerIdInPath, query: ListQuery) -> Response:
        name = f"{kind.plural}:{customer_id}"
        key = _after(services, name, query.cursor)
        after = None if key is None else (date.fromisoformat(key[0]), date.fromisoformat(key[1]))
        company = services.settings.company
        found, total = await paged(
            services.db, caller, query, after,
            lambda tx, after, limit: queries.plans(tx, kind, customer_id, company, after=after, limit=limit),
        )  # fmt: skip
        await services.reads.record(caller, f"{kind.name}.list", [] if found is None else [customer_id])
        return _page(services, name, (found, total), query.limit, ("starts_on", "ends_on"))

    return listed


def _get(kind: PlanKind) -> Route:
    async def get(
        caller: Reader, services: ServicesOf, customer_id: CustomerIdInPath, period: PeriodInPath
    ) -> Response:
        company = services.settings.company
        found = await services.db.read(caller, lambda tx: queries.plan(tx, kind, customer_id, period, company))
        if found is None:
            raise Problem(NOT_FOUND)
        await services.reads.record(caller, f"{kind.name}.read", [customer_id])
        return respond(serialise(Made(found, headers=etag(found["version"]))))

    return get


def _put(kind: PlanKind) -> Route:
    async def put(
        services: ServicesOf, write: WriteOf, customer_id: CustomerIdInPath, period: PeriodInPath,
        body: schemas.PlanIn, if_match: MaybeIfMatch = None,
    ) -> Response:  # fmt: skip
        version = None if if_match is None else expected_version(if_match)
        given, company = {**body.model_dump(), "period": period}, services.settings.company

        async def work(tx: Tx) -> Made:
            shown, made = await commands.put_plan(tx, kind, customer_id, given, version, company)
            return Made(shown, 201 if made else 200, etag(shown["version"]))

        return await write(work)

    return put


def _delete(kind: PlanKind) -> Route:
    async def delete(
        write: WriteOf, customer_id: CustomerIdInPath, period: PeriodInPath, if_match: IfMatch = None
    ) -> Response:
        version = expected_version(if_match)

        async def work(tx: Tx) -> None:
            await commands.drop_plan(tx, kind, customer_id, period, version)

        return await write(work)

    return delete


def _batch(kind: PlanKind) -> Route:
    async def batch(request: Request, services: ServicesOf, write: WriteOf) -> Response:
        items, company = items_of(incoming(request).body), services.settings.company

        async def work(tx: Tx) -> dict[str, Any]:
            # Checked anew each time: work may run again after a deadlock.
            return await commands.put_plans(tx, kind, check_items(items, schemas.PlanItem), company)

        return await write(work)

    return batch


def _copy(kind: PlanKind) -> Route:
    async def copy(services: ServicesOf, write: WriteOf, body: schemas.PlanCopy) -> Response:
        order, company = body.model_dump(), services.settings.company

        async def work(tx: Tx) -> dict[str, Any]:
            return await commands.copy_plans(tx, kind, order, company)

        return await write(work)

    return copy


def _mount(kind: PlanKind, what: str, answer: type[BaseModel]) -> None:
    many, one, add = kind.table, kind.name, router.add_api_route
    listed = f"/customers/{{customer_id}}/{kind.plural}"
    add(
        listed, _list(kind), methods=["GET"], response_model=Page[answer],  # type: ignore[valid-type]
        name=f"list_{many}", description=f"List {what} of a customer, the latest period first.",
    )  # fmt: skip
    add(
        f"{listed}/{{period}}", _get(kind), methods=["GET"], response_model=answer, name=f"get_{one}",
        description="Read it for a period (`2026`, `2026-Q3`, `2026-07`), with how far it has come by today.\n\n"
        "The forecast is what has come of it over the share of it that is normally reached by the end of today.",
    )  # fmt: skip
    add(
        f"{listed}/{{period}}", _put(kind), methods=["PUT"], response_model=answer, name=f"put_{one}",
        dependencies=EDITOR, responses={201: {"model": answer, "description": "There was none for the period."}},
        description="Set it for a period. Each period stands by itself: a year is not the sum of its months.",
    )  # fmt: skip
    add(
        f"{listed}/{{period}}", _delete(kind), methods=["DELETE"], status_code=204, name=f"delete_{one}",
        dependencies=EDITOR, description="Remove it. Needs If-Match.",
    )  # fmt: skip
    add(
        f"/{kind.plural}/batch", _batch(kind), methods=["POST"], response_model=BatchAnswer, name=f"batch_{many}",
        openapi_extra=documented_body(Batch[schemas.PlanItem]), dependencies=EDITOR,
        description="Set up to 1000 of them, of any customers. Of two for one period the last counts.",
    )  # fmt: skip
    add(
        f"/{kind.plural}/copies", _copy(kind), methods=["POST"], response_model=schemas.PlansCopied,
        name=f"copy_{many}", dependencies=EDITOR,
        description=f"Copy {what} from one period to another one of the same length, times a factor.\n\n"
        "Those of some customers, or of all of an account manager or a home store, at most 5000 at a time.",
    )  # fmt: skip


_mount(SALES_PLAN, "the sales plans", schemas.SalesPlan)
_mount(EXPENSE_BUDGET, "the expense budgets", schemas.ExpenseBudget)


# --- expenses ---------------------------------------------------------------------------------------------------------


@router.get(_EXPENSES, response_model=Page[schemas.Expense])
async def list_expenses(
    caller: Reader, services: ServicesOf, customer_id: CustomerIdInPath, query: ListQuery
) -> Response:
    """List what was spent on a customer, the latest day first.

    Besides the entries these are gifts and greetings that were given, and what complaints have cost.
    """
    name = f"expenses:{customer_id}"
    key = _after(services, name, query.cursor)
    after = None if key is None else (date.fromisoformat(key[0]), uuid.UUID(key[1]))
    company = services.settings.company
    found, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: queries.expenses(tx, customer_id, company, after=after, limit=limit),
    )  # fmt: skip
    await services.reads.record(caller, "expense.list", [] if found is None else [customer_id])
    return _page(services, name, (found, total), query.limit, ("occurred_on", "id"))


@router.post(
    f"{_EXPENSES}/batch",
    response_model=BatchAnswer,
    openapi_extra=documented_body(Batch[schemas.ExpenseIn]),
    dependencies=EDITOR,
)
async def batch_expenses(
    request: Request, services: ServicesOf, write: WriteOf, customer_id: CustomerIdInPath
) -> Response:
    """Enter up to 1000 expenses of a customer.

    An `external_id` stands for one expense for ever: sending it again is a `duplicate`, with other content a conflict.
    """
    items, company = items_of(incoming(request).body), services.settings.company

    async def work(tx: Tx) -> dict[str, Any]:
        # Checked anew each time: work may run again after a deadlock.
        return await commands.enter_expenses(tx, customer_id, check_items(items, schemas.ExpenseIn), company)

    return await write(work)


def _after(services: Services, name: str, cursor: str | None) -> list[str] | None:
    if cursor is None:
        return None
    key = services.cursors.read(name, cursor)
    if len(key) != 2:  # noqa: PLR2004
        raise Problem(INVALID_CURSOR)
    return key


def _page(
    services: Services,
    name: str,
    read: tuple[list[dict[str, Any]] | None, int | None],
    limit: int,
    key: tuple[str, str],
) -> Response:
    found, total = read
    if found is None:
        raise Problem(NOT_FOUND)
    shown, following = found[:limit], None
    if len(found) > limit:
        following = services.cursors.write(name, [str(shown[-1][part]) for part in key])
    return respond(serialise(page_of(shown, following, total)))
