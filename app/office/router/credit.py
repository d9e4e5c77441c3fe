"""Routes of credit that change warnings as well."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request, Response

from app.core.batch import Batch, BatchAnswer, check_items, items_of
from app.core.db import Made, Tx
from app.core.http import (  # fmt: skip
    GatedRoute,
    ServicesOf,
    WriteOf,
    documented_body,
    expected_version,
    incoming,
    requires,
)
from app.credit.schemas import Credit, CreditChange, CreditTerms, ReceivableIn, RefusalIn
from app.office import commands

router = APIRouter(prefix="/v1/customers", tags=["credit"], route_class=GatedRoute)
EDITOR = [requires("credit:write", "financial")]
CustomerIdInPath = Annotated[uuid.UUID, Path()]
IfMatch = Annotated[
    str | None, Header(description='The ETag of the version that was read, as in "3"; without it, any.')
]
CONFIRMER = [requires("credit:confirm", "financial")]
ANSWERS: dict[int | str, dict[str, Any]] = {
    201: {"model": Credit, "description": "The customer has an account now."},
    202: {"model": CreditChange, "description": "Another client has to confirm it."},
}
changes = APIRouter(prefix="/v1/credit-changes", tags=["credit"], route_class=GatedRoute)
ChangeId = Annotated[uuid.UUID, Path()]


@router.put("/{customer_id}/credit", response_model=Credit, responses=ANSWERS, dependencies=EDITOR)
async def put_credit(
    services: ServicesOf, write: WriteOf, customer_id: CustomerIdInPath, body: CreditTerms, if_match: IfMatch = None
) -> Response:
    """Set how much a customer may owe and for how long. A warning that follows from it is raised, or ended, at once.

    A limit above what the company has set takes a second key: nothing changes yet, and the answer is 202 with the
    proposal, which another client confirms (`/v1/credit-changes`).
    """
    version = None if if_match is None else expected_version(if_match)

    async def work(tx: Tx) -> Made:
        given, settings = body.model_dump(), services.settings
        return await commands.put_credit(tx, customer_id, given, version, settings.company, settings.credit)

    return await write(work)


@router.post(
    "/{customer_id}/receivables/batch",
    response_model=BatchAnswer,
    openapi_extra=documented_body(Batch[ReceivableIn]),
    dependencies=EDITOR,
)
async def batch_receivables(
    request: Request, services: ServicesOf, write: WriteOf, customer_id: CustomerIdInPath
) -> Response:
    """Enter up to 1000 charges, payments, credit notes and write-offs into a customer's ledger.

    An `external_id` stands for one entry for ever: sending it again is a `duplicate`, with other content a conflict.
    Warnings follow in the same transaction.
    """
    items, company = items_of(incoming(request).body), services.settings.company

    async def work(tx: Tx) -> dict[str, Any]:
        # Checked anew each time: work may run again after a deadlock.
        checked = check_items(items, ReceivableIn)
        return await commands.enter_receivables(tx, customer_id, checked, company)

    return await write(work)


@changes.post("/{change_id}/confirm", response_model=CreditChange, dependencies=CONFIRMER)
async def confirm_credit_change(services: ServicesOf, write: WriteOf, change_id: ChangeId) -> Response:
    """Let proposed terms be those of the account. Only another client than the one that proposed them may.

    403 `second_key_required` to that client, with whichever of its keys; 409 `credit_change_decided` if the change is
    decided or has expired, `credit_change_outdated` if the terms have changed since it was proposed.
    """
    company = services.settings.company
    return await write(lambda tx: commands.confirm_change(tx, change_id, company))


@changes.post("/{change_id}/refuse", response_model=CreditChange, dependencies=CONFIRMER)
async def refuse_credit_change(write: WriteOf, change_id: ChangeId, body: RefusalIn | None = None) -> Response:
    """Leave the account as it is. Who has proposed the change may take it back so."""
    reason = None if body is None else body.reason
    return await write(lambda tx: commands.refuse_change(tx, change_id, reason))
