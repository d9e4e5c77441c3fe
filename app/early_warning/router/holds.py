"""Routes of holds: sales to a customer are stopped, and go on."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from app.core.db import Made, Tx
from app.core.http import GatedRoute, ServicesOf, WriteOf
from app.core.language import Spoken
from app.core.settings import Language
from app.early_warning import commands, documents, queries, schemas
from app.early_warning.router.shared import WRITER

router = APIRouter(prefix="/v1", tags=["warnings"], route_class=GatedRoute)


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
