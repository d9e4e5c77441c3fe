"""Routes of privacy."""

import uuid
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response

from app.core.caller import Caller
from app.core.db import Made, Tx
from app.core.errors import NOT_FOUND, Problem
from app.core.http import GatedRoute, ServicesOf, WriteOf, json_response, requires
from app.core.pages import Page, page_bytes, paged
from app.core.rights import Person
from app.core.services import Services
from app.customers.streaming import Slots
from app.privacy import commands, export, queries, retention
from app.privacy.schemas import ErasureAnswer, ErasureQuery, NewErasure, Retention, SigningKeys
from app.privacy.signing import ALGORITHM, signer_of

router = APIRouter(prefix="/v1", tags=["privacy"], route_class=GatedRoute)
Officer = Annotated[Caller, requires("privacy:erase")]
Exporter = Annotated[Caller, requires("privacy:export")]
ERASER = [requires("privacy:erase")]
CustomerIdInPath = Annotated[uuid.UUID, Path()]
ErasureId = Annotated[uuid.UUID, Path()]
ERASED: dict[int | str, dict[str, Any]] = {
    201: {"model": ErasureAnswer, "description": "The customer was erased."},
    200: {"model": ErasureAnswer, "description": "The customer was erased before."},
}
# An export may be large, and is held in memory once or twice.
_EXPORTS = Slots(2)
_HTML = "text/html"
# Nothing on the page comes from elsewhere or runs; it is nobody else's business.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


def exports(persons: Sequence[Person]) -> APIRouter:
    """The routes that show everything on one person; what that is, the rooms say."""
    made = APIRouter(prefix="/v1/customers", tags=["privacy"], route_class=GatedRoute)
    pages: dict[str, Any] = {_HTML: {"schema": {"type": "string"}}}

    @made.get(
        "/{customer_id}/export",
        response_model=export.schema(persons),
        responses={200: {"content": pages, "description": "Everything that is held on the customer."}},
    )
    async def export_customer(
        caller: Exporter,
        services: ServicesOf,
        customer_id: CustomerIdInPath,
        accept: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> Response:
        """Everything that is held on one person, from all rooms; `Accept: text/html` answers a page to read.

        With the origin of every fact and its previous value, consents with their history, and who saw the customer.
        """
        as_page = accept is not None and _HTML in accept and "json" not in accept
        return await _export(caller, services, customer_id, as_page=as_page)

    @made.get("/{customer_id}/export.html", response_class=Response, responses={200: {"content": pages}})
    async def export_customer_page(caller: Exporter, services: ServicesOf, customer_id: CustomerIdInPath) -> Response:
        """The same as a page that a person can read: no script, and nothing from any other host."""
        return await _export(caller, services, customer_id, as_page=True)

    return made


async def _export(caller: Caller, services: Services, customer: uuid.UUID, *, as_page: bool) -> Response:
    async def work(tx: Tx) -> tuple[list[uuid.UUID], bytes]:
        await queries.present(tx, customer)
        ids, sections = await queries.everything(tx, services.rights, customer)
        return ids, export.as_json(customer, ids, tx.now, sections)

    with _EXPORTS.taken():
        ids, document = await services.db.read(caller, work, isolation="REPEATABLE READ")
        await services.reads.record(caller, "customer.export", ids)
        if not as_page:
            return json_response(document, {"Cache-Control": "no-store"})
        titles = {trace.name: trace.title for trace in export.shown(services.rights)}
        page = await services.offload.run(len(document), export.as_page, document, titles)
        return Response(page, 200, _PAGE_HEADERS, "text/html; charset=utf-8")


@router.post("/erasures", status_code=201, response_model=ErasureAnswer, responses=ERASED, dependencies=ERASER)
async def erase_customer(services: ServicesOf, write: WriteOf, body: NewErasure) -> Response:
    """Erase a customer, and all that were merged into it, for ever.

    What tells of the person goes from every table; receipts and the account stay with their amounts. Its id answers 410
    from then on, its identifiers are free. Doing it again answers the same record (200). 409 `erasure_refused` with the
    `reasons` while something must be settled first.
    """
    office = commands.Office.of(services)
    asked = commands.Asked(body.customer_id, body.reason, body.requested_at, body.reference)

    async def work(tx: Tx) -> Made:
        document, made = await commands.erase(tx, office, asked)
        return Made(document, 201 if made else 200)

    return await write(work)


@router.get("/erasures", response_model=Page[ErasureAnswer])
async def list_erasures(caller: Officer, services: ServicesOf, query: Annotated[ErasureQuery, Query()]) -> Response:
    """The list of erasures, the oldest first. Keep a copy outside the database: it is replayed after a restore."""
    name = "erasures"
    after = uuid.UUID(services.cursors.read(name, query.cursor)[0]) if query.cursor is not None else None
    rows, total = await paged(
        services.db, caller, query, after, lambda tx, after, limit: queries.page(tx, after=after, limit=limit)
    )
    more, rows = len(rows) > query.limit, rows[: query.limit]
    following = services.cursors.write(name, [str(rows[-1][0])]) if more else None
    return json_response(page_bytes([document for _, document in rows], following, total))


@router.get("/erasures/keys", response_model=SigningKeys)
async def list_signing_keys(caller: Officer, services: ServicesOf) -> Any:
    """The public keys with which the records of erasures are checked, the current one first."""
    current = signer_of(services.settings.secret).public_key
    known = await services.db.read(caller, queries.public_keys)
    keys = [current, *sorted(set(known) - {current})]
    return {"data": [{"algorithm": ALGORITHM, "public_key": one, "current": one == current} for one in keys]}


@router.get("/erasures/{erasure_id}", response_model=ErasureAnswer)
async def get_erasure(caller: Officer, services: ServicesOf, erasure_id: ErasureId) -> Response:
    """The proof of one erasure: the record and its signature."""
    found = await services.db.read(caller, lambda tx: queries.document(tx, erasure_id))
    if found is None:
        raise Problem(NOT_FOUND)
    return json_response(found)


@router.get("/retention", response_model=Retention)
async def get_retention(_: Officer, services: ServicesOf) -> Any:
    """What is kept of an erased customer, for how long and why; and what must be settled before an erasure."""
    settings = services.settings.retention
    reasons = {
        code: text for code, text in retention.REASONS.items() if code not in commands.OPTIONAL - settings.settle
    }
    return {
        "rules": [rule.as_dict() for rule in retention.rules(settings)],
        "settle": [{"code": code, "detail": detail} for code, detail in reasons.items()],
    }
