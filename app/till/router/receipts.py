"""Routes of receipts: pushing them, attributing and voiding them."""

import uuid
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from app.core.batch import Batch, BatchAnswer
from app.core.http import GatedRoute, ServicesOf, WriteOf, documented_body, incoming, requires
from app.core.services import Services
from app.receipts.schemas import RecordedReceipt
from app.till import commands, schemas
from app.till.prepare import Prepared, prepare_batch, prepare_one
from app.till.terms import Terms

router = APIRouter(prefix="/v1/receipts", tags=["receipts"], route_class=GatedRoute)

_ONE, _MANY = "/v1/receipts", "/v1/receipts/batch"
DOORS_RAW = frozenset({("POST", _ONE), ("POST", _MANY)})
DOORS_BULK = frozenset({("POST", _MANY)})

WRITING = [requires("receipts:write")]


def _regions(services: Services) -> commands.Regions:
    found: commands.Regions = services.memo.setdefault("till.regions", {})
    return found


async def _prepared(request: Request, services: Services, check: Callable[[bytes, Terms], Prepared]) -> Prepared:
    body = incoming(request).body
    terms = Terms(services.settings.company, services.clock.now(), _regions(services))
    return await services.offload.run(len(body), check, body, terms)


@router.post(
    "",
    status_code=201,
    dependencies=WRITING,
    response_model=RecordedReceipt,
    responses={200: {"model": RecordedReceipt, "description": "The receipt was recorded before."}},
    openapi_extra=documented_body(schemas.Receipt),
)
async def record_receipt(request: Request, services: ServicesOf, write: WriteOf) -> Response:
    """Record a receipt: 201, or 200 if the same receipt is there already.

    A number that stands for a receipt with other content is refused (409 `receipt_conflict`). A customer who is not
    known, or cannot be read, never costs the receipt: it goes to the store's walk-in, with a flag that says so.
    """
    prepared = await _prepared(request, services, prepare_one)
    company, regions = services.settings.company, _regions(services)
    return await write(lambda tx: commands.record_receipt(tx, prepared, company, regions))


@router.post(
    "/batch", dependencies=WRITING, response_model=BatchAnswer, openapi_extra=documented_body(Batch[schemas.Receipt])
)
async def record_receipts(request: Request, services: ServicesOf, write: WriteOf) -> Response:
    """Record up to 1000 receipts. One bad receipt never costs a good one; repeating a batch is harmless for ever."""
    prepared = await _prepared(request, services, prepare_batch)
    company, regions = services.settings.company, _regions(services)

    async def work(tx: Any) -> dict[str, Any]:
        return {"results": await commands.record_receipts(tx, prepared, company, regions)}

    return await write(work)


@router.post("/{receipt_id}/attribution", dependencies=WRITING, response_model=RecordedReceipt)
async def attribute_receipt(
    receipt_id: uuid.UUID, order: schemas.Attribution, services: ServicesOf, write: WriteOf
) -> Response:
    """Give a receipt to a customer, or with `null` back to its store's walk-in."""
    return await write(lambda tx: commands.attribute_receipt(tx, receipt_id, order, services.settings.company))


@router.post("/{receipt_id}/void", dependencies=WRITING, response_model=RecordedReceipt)
async def void_receipt(
    receipt_id: uuid.UUID,
    services: ServicesOf,
    write: WriteOf,
    order: schemas.Void | None = None,  # noqa: ARG001  named so that a body with unknown fields is refused
) -> Response:
    """Cancel a receipt. It is kept, and counts nowhere."""
    return await write(lambda tx: commands.void_receipt(tx, receipt_id, services.settings.company))
