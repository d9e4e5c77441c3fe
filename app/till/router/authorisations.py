"""Routes by which a till reserves what it is about to sell on account."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Path, Response

from app.core.caller import Caller
from app.core.db import Made, Tx
from app.core.errors import NOT_FOUND, Problem
from app.core.http import GatedRoute, ServicesOf, WriteOf, json_response, requires
from app.core.language import Spoken
from app.credit import commands as credit
from app.credit.queries import authorisations as queries
from app.till import commands, schemas

router = APIRouter(prefix="/v1/credit-authorisations", tags=["credit"], route_class=GatedRoute)

Reader = Annotated[Caller, requires("credit:authorise")]
WRITING = [requires("credit:authorise")]
AuthorisationId = Annotated[uuid.UUID, Path()]


@router.post("", status_code=201, response_model=schemas.Authorisation, dependencies=WRITING)
async def authorise_credit(write: WriteOf, language: Spoken, body: schemas.AuthorisationIn) -> Response:
    """Reserve an amount that is about to be sold on account, so that two tills cannot pass the limit together.

    409 `credit_refused` says why not, as the standing does: a hold, no account, a suspended one, or more than is left
    of the limit. It counts until it expires, is released, or the receipt that it was made for is here.
    """

    async def work(tx: Tx) -> Made:
        made = await commands.authorise(tx, body.model_dump(), language)
        return Made(await _shown(tx, made), 201)

    return await write(work)


@router.get("/{authorisation_id}", response_model=schemas.Authorisation)
async def get_authorisation(caller: Reader, services: ServicesOf, authorisation_id: AuthorisationId) -> Response:
    """A reservation as it stands."""
    found = await services.db.read(caller, lambda tx: queries.one(tx, authorisation_id))
    if found is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, "credit_authorisation.read", [found[1]])
    return json_response(found[0])


@router.post("/{authorisation_id}/capture", response_model=schemas.Authorisation, dependencies=WRITING)
async def capture_authorisation(
    write: WriteOf, authorisation_id: AuthorisationId, body: schemas.CaptureIn | None = None
) -> Response:
    """Say that the sale took place. The amount stays reserved until the receipt is here, however late it comes.

    Name the receipt here or when reserving; what is entered into the ledger otherwise is to be released. Repeating is
    harmless. 409 `authorisation_ended` if it was released, or had expired.
    """
    receipt = None if body is None or body.receipt is None else (body.receipt.source, body.receipt.number)

    async def work(tx: Tx) -> str:
        await credit.capture(tx, authorisation_id, receipt)
        return await _shown(tx, authorisation_id)

    return await write(work)


@router.post("/{authorisation_id}/release", response_model=schemas.Authorisation, dependencies=WRITING)
async def release_authorisation(write: WriteOf, authorisation_id: AuthorisationId) -> Response:
    """Give a reserved amount back: the sale did not take place. Repeating is harmless.

    409 `authorisation_ended` if its receipt is here already.
    """

    async def work(tx: Tx) -> str:
        await credit.release(tx, authorisation_id)
        return await _shown(tx, authorisation_id)

    return await write(work)


async def _shown(tx: Tx, authorisation_id: uuid.UUID) -> str:
    found = await queries.one(tx, authorisation_id)
    if found is None:
        raise Problem(NOT_FOUND)
    return found[0]
