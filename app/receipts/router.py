"""Routes that read receipts."""

import uuid
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.core.caller import Caller
from app.core.errors import INVALID_CURSOR, NOT_FOUND, Problem
from app.core.http import GatedRoute, ServicesOf, json_response, requires
from app.core.pages import Page, PageQuery, page_bytes, paged
from app.receipts import queries
from app.receipts.schemas import RecordedReceipt

router = APIRouter(prefix="/v1", tags=["receipts"], route_class=GatedRoute)

Reading = Annotated[Caller, requires("receipts:read")]


@router.get("/receipts/{receipt_id}", response_model=RecordedReceipt)
async def get_receipt(receipt_id: uuid.UUID, caller: Reading, services: ServicesOf) -> Response:
    """Answer a receipt."""
    found = await services.db.read(caller, lambda tx: queries.receipt(tx, receipt_id))
    if found is None:
        raise Problem(NOT_FOUND)
    document, customer = found
    await services.reads.record(caller, "receipt.read", [customer])
    return json_response(document)


@router.get("/customers/{customer_id}/receipts", response_model=Page[RecordedReceipt])
async def list_receipts(
    customer_id: uuid.UUID, caller: Reading, services: ServicesOf, query: Annotated[PageQuery, Query()]
) -> Response:
    """List a customer's receipts, newest business day first; voided ones too."""
    name = f"receipts:{customer_id}"
    after = None if query.cursor is None else _key(services.cursors.read(name, query.cursor))
    found, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: queries.receipts_of(tx, customer_id, after=after, limit=limit),
    )  # fmt: skip
    if found is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, "receipt.list", [customer_id])
    page, more = found[: query.limit], len(found) > query.limit
    last = page[-1] if more else None
    key = None if last is None else services.cursors.write(name, [str(part) for part in last[1:]])
    return json_response(page_bytes([one.document for one in page], key, total))


def _key(parts: list[str]) -> tuple[date, datetime, uuid.UUID]:
    try:
        day, moment, receipt_id = parts
        return date.fromisoformat(day), datetime.fromisoformat(moment), uuid.UUID(receipt_id)
    except ValueError:
        raise Problem(INVALID_CURSOR) from None
