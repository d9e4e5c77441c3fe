"""Routes of credit that change it."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request, Response

from app.core.batch import Batch, BatchAnswer, check_items, items_of
from app.core.db import Made, Tx
from app.core.errors import etag
from app.core.http import (  # fmt: skip
    GatedRoute,
    ServicesOf,
    WriteOf,
    documented_body,
    expected_version,
    incoming,
    requires,
)
from app.credit.schemas import Credit, CreditTerms, ReceivableIn
from app.office import commands

router = APIRouter(prefix="/v1/customers", tags=["credit"], route_class=GatedRoute)
EDITOR = [requires("credit:write", "financial")]
CustomerIdInPath = Annotated[uuid.UUID, Path()]
IfMatch = Annotated[
    str | None, Header(description='The ETag of the version that was read, as in "3"; without it, any.')
]
CREATED: dict[int | str, dict[str, Any]] = {201: {"model": Credit, "description": "The customer has an account now."}}


@router.put("/{customer_id}/credit", response_model=Credit, responses=CREATED, dependencies=EDITOR)
async def put_credit(
    services: ServicesOf, write: WriteOf, customer_id: CustomerIdInPath, body: CreditTerms, if_match: IfMatch = None
) -> Response:
    """Set how much a customer may owe and for how long. A warning that follows from it is raised, or ended, at once."""
    version = None if if_match is None else expected_version(if_match)
    company = services.settings.company

    async def work(tx: Tx) -> Made:
        shown, now_at, made = await commands.put_credit(tx, customer_id, body.model_dump(), version, company)
        return Made(shown, 201 if made else 200, etag(now_at))

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
