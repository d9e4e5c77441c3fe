"""Routes that read credit. What changes it stands in `office`, where its warnings are told in the same transaction."""

import uuid
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from app.core.caller import Caller
from app.core.errors import NOT_FOUND, Problem, etag
from app.core.http import GatedRoute, ServicesOf, json_response, requires
from app.core.pages import Page, page_bytes, paged
from app.credit import queries, schemas
from app.credit.queries import changes

router = APIRouter(prefix="/v1/customers", tags=["credit"], route_class=GatedRoute)
accounts = APIRouter(prefix="/v1", tags=["credit"], route_class=GatedRoute)
Reader = Annotated[Caller, requires("credit:read", "financial")]
CustomerIdInPath = Annotated[uuid.UUID, Path()]


@router.get("/{customer_id}/credit", response_model=schemas.Credit)
async def get_credit(caller: Reader, services: ServicesOf, customer_id: CustomerIdInPath) -> Response:
    """Read a customer's account: limit, term, what is owed and what of it is overdue. 404 without an account."""
    today = services.settings.company.today(services.clock.now())
    found = await services.db.read(caller, lambda tx: queries.account(tx, customer_id, today))
    if found is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, "credit.read", [customer_id])
    return json_response(found[0], etag(found[1]))


@router.get("/{customer_id}/receivables", response_model=Page[schemas.Receivable])
async def list_receivables(
    caller: Reader,
    services: ServicesOf,
    customer_id: CustomerIdInPath,
    query: Annotated[schemas.ReceivableQuery, Query()],
) -> Response:
    """List the entries of a customer's ledger, newest first."""
    name = f"receivables:{customer_id}"
    after = uuid.UUID(services.cursors.read(name, query.cursor)[0]) if query.cursor is not None else None
    found, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: queries.receivables(tx, customer_id, after=after, limit=limit),
    )  # fmt: skip
    if found is None:
        raise Problem(NOT_FOUND)
    shown = found[: query.limit]
    following = services.cursors.write(name, [str(shown[-1][0])]) if len(found) > query.limit else None
    await services.reads.record(caller, "receivable.list", [customer_id])
    return json_response(page_bytes([document for _, document in shown], following, total))


@router.get("/{customer_id}/open-charges", response_model=Page[schemas.OpenCharge])
async def list_open_charges(
    caller: Reader,
    services: ServicesOf,
    customer_id: CustomerIdInPath,
    query: Annotated[schemas.ReceivableQuery, Query()],
) -> Response:
    """List the charges of which something is owed, what is due first before the others.

    Payments settle the charges that they name, and with the rest what is due soonest.
    """
    name, today = f"open-charges:{customer_id}", services.settings.company.today(services.clock.now())
    after = None
    if query.cursor is not None:
        day, last = services.cursors.read(name, query.cursor)
        after = date.fromisoformat(day), uuid.UUID(last)
    found, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: queries.open_charges(tx, customer_id, today, after=after, limit=limit),
    )  # fmt: skip
    if found is None:
        raise Problem(NOT_FOUND)
    shown, following = found[: query.limit], None
    if len(found) > query.limit:
        following = services.cursors.write(name, [shown[-1][0].isoformat(), str(shown[-1][1])])
    await services.reads.record(caller, "receivable.list", [customer_id])
    return json_response(page_bytes([document for _, _, document in shown], following, total))


@router.get("/{customer_id}/ageing", response_model=schemas.Ageing)
async def get_ageing(caller: Reader, services: ServicesOf, customer_id: CustomerIdInPath) -> Response:
    """What a customer owes, by how long it is overdue. 404 without an account."""
    today = services.settings.company.today(services.clock.now())
    found = await services.db.read(caller, lambda tx: queries.ageing(tx, customer_id, today))
    if found is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, "credit.read", [customer_id])
    return json_response(found)


@accounts.get("/credit-accounts", response_model=Page[schemas.Credit])
async def list_credit_accounts(
    caller: Reader, services: ServicesOf, query: Annotated[schemas.AccountQuery, Query()]
) -> Response:
    """List the accounts whose terms are to be looked at again, the longest due first."""
    today = services.settings.company.today(services.clock.now())
    name, after = f"credit-accounts:{query.review_by}:{query.status}", None
    if query.cursor is not None:
        day, last = services.cursors.read(name, query.cursor)
        after = date.fromisoformat(day), uuid.UUID(last)
    wanted = {"review_by": query.review_by, "status": query.status}
    found, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: queries.accounts(tx, today, wanted, after=after, limit=limit),
    )  # fmt: skip
    shown, following = found[: query.limit], None
    if len(found) > query.limit:
        following = services.cursors.write(name, [shown[-1][0].isoformat(), str(shown[-1][1])])
    await services.reads.record(caller, "credit.list", [customer for _, customer, _ in shown])
    return json_response(page_bytes([document for _, _, document in shown], following, total))


@accounts.get("/credit-changes", response_model=Page[schemas.CreditChange])
async def list_credit_changes(
    caller: Reader, services: ServicesOf, query: Annotated[schemas.ChangeQuery, Query()]
) -> Response:
    """List changes of terms that need a second key, newest first: those that wait, unless `status` asks for others."""
    wanted = changes.Filter(query.status, query.customer_id)
    name = f"credit-changes:{wanted}"
    after = uuid.UUID(services.cursors.read(name, query.cursor)[0]) if query.cursor is not None else None
    found, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: changes.page(tx, wanted, after=after, limit=limit),
    )  # fmt: skip
    shown = found[: query.limit]
    following = services.cursors.write(name, [str(shown[-1][0])]) if len(found) > query.limit else None
    await services.reads.record(caller, "credit_change.list", list(dict.fromkeys(one[2] for one in shown)))
    return json_response(page_bytes([document for _, document, _ in shown], following, total))


@accounts.get("/credit-changes/{change_id}", response_model=schemas.CreditChange)
async def get_credit_change(caller: Reader, services: ServicesOf, change_id: Annotated[uuid.UUID, Path()]) -> Response:
    """A change of terms, and what became of it."""
    shown, customer_id = await services.db.read(caller, lambda tx: changes.one(tx, change_id))
    await services.reads.record(caller, "credit_change.read", [customer_id])
    return json_response(shown)


router.routes.extend(accounts.routes)
