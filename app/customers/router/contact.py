"""Routes of consent and contact: what customers allow, whether we may contact them now, and who is about to."""

import uuid
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response

from app.core.caller import Caller
from app.core.db import Made, Tx, serialise
from app.core.errors import NOT_FOUND, Problem, etag
from app.core.fields import Evaluation
from app.core.http import GatedRoute, ServicesOf, WriteOf, expected_version, json_response, requires, respond
from app.core.ids import new_id
from app.core.pages import Page, page_bytes, paged
from app.core.services import Services
from app.core.types import rfc3339
from app.customers import commands
from app.customers.contact_rules import judged
from app.customers.purposes import happened
from app.customers.queries import contact as queries
from app.customers.queries import may_see
from app.customers.schemas import contact as schemas

router = APIRouter(prefix="/v1", tags=["contact"], route_class=GatedRoute)

Reader = Annotated[Caller, requires("customers:read")]
EDITOR = [requires("customers:write")]
CustomerIdInPath = Annotated[uuid.UUID, Path()]
IfMatch = Annotated[
    str | None, Header(description='The ETag of the version that was read, as in "3"; without it, any.')
]
SET: dict[int | str, dict[str, Any]] = {
    201: {"model": schemas.ContactPolicyAnswer, "description": "The customer has a policy now."}
}
AGAIN: dict[int | str, dict[str, Any]] = {
    200: {"model": schemas.Contact, "description": "The log has this contact already."}
}


@router.get("/customers/{customer_id}/consents", response_model=Page[schemas.ConsentAnswer])
async def list_consents(
    caller: Reader,
    services: ServicesOf,
    customer_id: CustomerIdInPath,
    query: Annotated[schemas.ConsentQuery, Query()],
) -> Response:
    """List the decisions that are in force, newest first; with `history` all that were ever recorded.

    The decision for a channel counts before that for `any`. A later no to everything ends a yes to one channel.
    """
    name = f"consents:{customer_id}:{query.history}:{query.purpose}"
    after = services.cursors.read(name, query.cursor) if query.cursor is not None else None

    async def read(tx: Tx, after: list[Any] | None, limit: int) -> list[Any] | None:
        if not await may_see(tx, customer_id):
            return None
        return await queries.decisions(
            tx, customer_id, purpose=query.purpose, history=query.history, after=after, limit=limit
        )

    found, total = await paged(services.db, caller, query, after, read)
    if found is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, "consent.list", [customer_id])
    return _page(services, name, found, query.limit, total)


@router.post(
    "/customers/{customer_id}/consents", status_code=201, response_model=schemas.ConsentAnswer, dependencies=EDITOR
)
async def record_consent(write: WriteOf, customer_id: CustomerIdInPath, body: schemas.ConsentIn) -> Response:
    """Record a decision of the customer's. Nothing is overwritten: what was decided before stays in the history."""
    given = body.model_dump()

    async def work(tx: Tx) -> Made:
        consent = await commands.record_consent(tx, customer_id, given)
        return Made(await queries.decision(tx, customer_id, consent), 201)

    return await write(work)


@router.get("/customers/{customer_id}/may-contact", response_model=schemas.MayContact)
async def may_contact(
    caller: Reader,
    services: ServicesOf,
    customer_id: CustomerIdInPath,
    query: Annotated[schemas.MayContactQuery, Query()],
) -> Response:
    """Ask whether the customer may be contacted, and if not, why: every reason, not only the first.

    Needs consent unless the purpose is `service` (then a refusal stands against it), an hour that suits the customer,
    fewer real contacts than the cap, and nobody else who has reserved the customer.
    """
    at = query.at or services.clock.now()
    found = await services.db.read(
        caller,
        lambda tx: queries.known(
            tx, customer_id, _usual(services), purpose=query.purpose, partner=query.partner, channel=query.channel,
            agent=query.agent, at=at,
        ),
    )  # fmt: skip
    if found is None:
        raise Problem(NOT_FOUND)
    known, preferred = found
    verdict = judged(known, query.purpose, query.channel, at)
    await services.reads.record(caller, "consent.read", [customer_id])
    reasons = [
        {"code": one.code, "detail": one.detail, "until": one.until and rfc3339(one.until)} for one in verdict.reasons
    ]
    shown = {
        "customer_id": customer_id, "purpose": query.purpose, "channel": query.channel, "allowed": verdict.allowed,
        "reasons": reasons, "next_allowed_at": verdict.next_allowed_at and rfc3339(verdict.next_allowed_at),
        "preferred_channel": preferred, "time_zone": known.policy.zone.key, "as_of": rfc3339(at),
    }  # fmt: skip
    return respond(serialise(shown))


@router.get("/customers/{customer_id}/contact-policy", response_model=schemas.ContactPolicyAnswer)
async def get_contact_policy(caller: Reader, services: ServicesOf, customer_id: CustomerIdInPath) -> Response:
    """Read how the customer wants to be contacted, and what counts with the company's defaults."""
    found = await services.db.read(caller, lambda tx: _policy(tx, services, customer_id))
    if found is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, "contact_policy.read", [customer_id])
    return respond(serialise(Made(found, headers=etag(found["version"]))))


@router.put(
    "/customers/{customer_id}/contact-policy",
    response_model=schemas.ContactPolicyAnswer,
    responses=SET,
    dependencies=EDITOR,
)
async def put_contact_policy(
    services: ServicesOf,
    write: WriteOf,
    customer_id: CustomerIdInPath,
    body: schemas.ContactPolicyIn,
    if_match: IfMatch = None,
) -> Response:
    """Set how the customer wants to be contacted, whole: what is left out is as the company has it."""
    version = None if if_match is None else expected_version(if_match)
    given = body.model_dump()

    async def work(tx: Tx) -> Made:
        made = await commands.put_policy(tx, customer_id, given, version)
        shown = await _policy(tx, services, customer_id) or {}
        return Made(shown, 201 if made else 200, etag(shown["version"]))

    return await write(work)


@router.post(
    "/customers/{customer_id}/contact-reservations",
    status_code=201,
    response_model=schemas.Reservation,
    dependencies=EDITOR,
)
async def reserve_contact(write: WriteOf, customer_id: CustomerIdInPath, body: schemas.ReservationIn) -> Response:
    """Reserve a customer, so that nobody else makes contact meanwhile. It ends by itself after `minutes`.

    409 `contact_reserved` says in `until` how long somebody else has the customer, and `agent` to who may know.
    """

    async def work(tx: Tx) -> Made:
        held = await commands.reserve_contact(tx, customer_id, body.agent, body.channel, body.minutes)
        return Made(_reservation(held), 201)

    return await write(work)


@router.post("/contact-reservations/{reservation_id}/release", response_model=schemas.Reservation, dependencies=EDITOR)
async def release_contact(write: WriteOf, reservation_id: Annotated[uuid.UUID, Path()]) -> Response:
    """End a reservation before its time. 409 `reservation_ended` if it has ended already."""

    async def work(tx: Tx) -> dict[str, Any]:
        return _reservation(await commands.release_reservation(tx, reservation_id))

    return await write(work)


@router.post(
    "/customers/{customer_id}/contact-log",
    status_code=201,
    response_model=schemas.Contact,
    responses=AGAIN,
    dependencies=EDITOR,
)
async def record_contact(write: WriteOf, customer_id: CustomerIdInPath, body: schemas.ContactIn) -> Response:
    """Note a contact that we made or tried, for who has nothing more to say of it than a dialler.

    A contact that reached the customer counts: for the cap, and for when the next one is due.
    """

    async def work(tx: Tx) -> Made:
        at, contact_id = happened(body.at, tx.now, "/at"), body.id or new_id()
        one = commands.NewContact(customer_id, contact_id, body.channel, at, body.reached, body.agent)
        new = await commands.record_contacts(tx, [one])
        shown = await queries.contact(tx, customer_id, contact_id)
        if shown is None:
            raise Problem(NOT_FOUND)
        return Made(shown, 201 if new else 200)

    return await write(work)


@router.get("/contacts-due", response_model=Page[schemas.ContactDue])
async def list_contacts_due(
    caller: Reader, services: ServicesOf, query: Annotated[schemas.ContactsDueQuery, Query()]
) -> Response:
    """List customers whose last real contact is longer ago than we want it to be, the longest due first."""
    company = services.settings.company
    today = company.today(services.clock.now())
    before = query.before or today + timedelta(days=1)
    name = f"contacts-due:{query.store}:{before}"
    after = services.cursors.read(name, query.cursor) if query.cursor is not None else None
    asked = Evaluation(today, company.time_zone)
    found, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: queries.due(tx, asked, store=query.store, before=before, after=after, limit=limit),
    )  # fmt: skip
    await services.reads.record(caller, "contact.list_due", [customer for _, customer, _ in found[: query.limit]])
    return _page(services, name, found, query.limit, total)


def _page(services: Services, name: str, found: list[Any], limit: int, total: int | None) -> Response:
    """A page of (time or day, id, JSON), of which one more was read than is shown."""
    shown, following = found[:limit], None
    if len(found) > limit:
        when, key, _ = shown[-1]
        following = services.cursors.write(name, [when.isoformat(), str(key)])
    return json_response(page_bytes([document for _, _, document in shown], following, total))


def _usual(services: Services) -> queries.Usual:
    return queries.Usual(services.settings.company, services.settings.contact)


async def _policy(tx: Tx, services: Services, customer_id: uuid.UUID) -> dict[str, Any] | None:
    found = await queries.policy(tx, customer_id, _usual(services))
    if found is None:
        return None
    return {**found, "updated_at": found["updated_at"] and rfc3339(found["updated_at"])}


def _reservation(row: Any) -> dict[str, Any]:
    return {
        "id": row.id, "customer_id": row.customer_id, "agent": row.agent, "channel": row.channel,
        "reserved_at": rfc3339(row.reserved_at), "expires_at": rfc3339(row.expires_at),
    }  # fmt: skip
