"""Routes by which a till prepares for being cut off: what it may sell on account meanwhile."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from app.core.caller import Caller
from app.core.db import Made, Tx, serialise
from app.core.http import GatedRoute, ServicesOf, WriteOf, requires, respond
from app.core.language import Spoken
from app.core.services import Services
from app.core.signing import ALGORITHM
from app.core.types import rfc3339
from app.credit import commands as credit
from app.credit.queries import allowances as queries
from app.credit.statements import signed, signer_of
from app.till import commands, schemas

router = APIRouter(prefix="/v1/credit-allowances", tags=["credit"], route_class=GatedRoute)

Reader = Annotated[Caller, requires("credit:authorise")]
WRITING = [requires("credit:authorise")]
AllowanceId = Annotated[uuid.UUID, Path()]
_SHOWN = (
    "id", "customer_id", "amount", "used", "currency", "store", "till", "granted_at", "expires_at", "reserved_until",
    "closed_at",
)  # fmt: skip


@router.post("", status_code=201, response_model=schemas.Allowance, dependencies=WRITING)
async def allow_credit(services: ServicesOf, write: WriteOf, language: Spoken, body: schemas.AllowanceIn) -> Response:
    """Let a till sell an amount on account to a customer while it is cut off; it is reserved as long as that lasts.

    The answer holds a signed statement that the till keeps. 409 `credit_refused` says why not, as for authorisations.
    Receipts name the allowance when they are pushed, however late. One that it does not cover is recorded all the same:
    it happened. It is flagged, told by an event, and counts for the usual warnings.
    """
    settings = services.settings

    async def work(tx: Tx) -> Made:
        made = await commands.allow(tx, body.model_dump(), settings.credit, language)
        return Made(await _shown(tx, services, made), 201)

    return await write(work)


@router.get("/keys", response_model=schemas.AllowanceKeys)
async def list_allowance_keys(_: Reader, services: ServicesOf) -> Any:
    """The public keys with which a till, cut off or not, checks statements of allowances."""
    key = signer_of(services.settings.secret).public_key
    return {"data": [{"algorithm": ALGORITHM, "public_key": key}]}


@router.get("/{allowance_id}", response_model=schemas.Allowance)
async def get_allowance(caller: Reader, services: ServicesOf, allowance_id: AllowanceId) -> Response:
    """An allowance as it stands, with the receipts that were sold under it."""
    found = await services.db.read(caller, lambda tx: _shown(tx, services, allowance_id))
    await services.reads.record(caller, "credit_allowance.read", [found["customer_id"]])
    return respond(serialise(found))


@router.post("/{allowance_id}/end", response_model=schemas.Allowance, dependencies=WRITING)
async def end_allowance(services: ServicesOf, write: WriteOf, allowance_id: AllowanceId) -> Response:
    """Give back what was not sold: the till is online again, and has pushed its receipts. Repeating is harmless."""

    async def work(tx: Tx) -> dict[str, Any]:
        await credit.end_allowance(tx, allowance_id)
        return await _shown(tx, services, allowance_id)

    return await write(work)


async def _shown(tx: Tx, services: Services, allowance_id: uuid.UUID) -> dict[str, Any]:
    row = await queries.one(tx, allowance_id)
    ended = row["closed_at"] is not None
    status = "ended" if ended else "expired" if row["expires_at"] <= tx.now else "open"
    uses = await queries.uses(tx, row["customer_id"], allowance_id)
    signature = signed(row, signer_of(services.settings.secret))
    shown = {name: row[name] for name in _SHOWN} | {"status": status, "remaining": row["amount"] - row["used"]}
    return _plain(shown) | {**signature, "uses": [_plain(one) for one in uses]}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in row.items()}
