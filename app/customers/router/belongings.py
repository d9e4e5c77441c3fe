"""Routes of what belongs to a customer: addresses, key people, relationships."""

import uuid
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response

from app.core.caller import Caller
from app.core.db import Made, Tx
from app.core.errors import NOT_FOUND, Problem, etag
from app.core.http import GatedRoute, ServicesOf, WriteOf, expected_version, json_response, requires
from app.core.pages import Page, page_bytes, paged
from app.core.services import Services
from app.customers import commands
from app.customers.belongings import ADDRESS, CONTACT, RELATIONSHIP, Kind
from app.customers.queries import belongings as queries
from app.customers.record import Fields
from app.customers.schemas.belongings import (
    AddressAnswer,
    AddressPatch,
    ContactAnswer,
    ContactPatch,
    NewAddress,
    NewContact,
    NewRelationship,
    RelationshipAnswer,
    RelationshipPatch,
    RelationshipQuery,
    StillRight,
)

router = APIRouter(prefix="/v1/customers/{customer_id}", tags=["customers"], route_class=GatedRoute)

Reader = Annotated[Caller, requires("customers:read")]
EDITOR = [requires("customers:write")]
CustomerIdInPath = Annotated[uuid.UUID, Path()]
Id = Annotated[uuid.UUID, Path()]
# A customer and what is its.
Where = tuple[uuid.UUID, uuid.UUID]
IfMatch = Annotated[str | None, Header(description='The ETag of the version that was read, as in "3".')]


@router.get("/addresses", response_model=Page[AddressAnswer])
async def list_customer_addresses(caller: Reader, services: ServicesOf, customer_id: CustomerIdInPath) -> Response:
    """List a customer's addresses, the oldest first."""
    return await _list(services, caller, ADDRESS, customer_id)


@router.post("/addresses", status_code=201, response_model=AddressAnswer, dependencies=EDITOR)
async def add_customer_address(
    services: ServicesOf, write: WriteOf, customer_id: CustomerIdInPath, body: NewAddress
) -> Response:
    """Add an address."""
    return await _add(services, write, ADDRESS, customer_id, body.model_dump(exclude_unset=True))


@router.patch("/addresses/{address_id}", response_model=AddressAnswer, dependencies=EDITOR)
async def patch_customer_address(
    services: ServicesOf,
    write: WriteOf,
    customer_id: CustomerIdInPath,
    address_id: Id,
    body: AddressPatch,
    if_match: IfMatch = None,
) -> Response:
    """Change an address by a JSON merge patch. Needs If-Match with the address's own version."""
    return await _change(
        services, write, ADDRESS, (customer_id, address_id), body.model_dump(exclude_unset=True), if_match
    )


@router.post("/addresses/{address_id}/confirm", response_model=AddressAnswer, dependencies=EDITOR)
async def confirm_customer_address(
    services: ServicesOf,
    write: WriteOf,
    customer_id: CustomerIdInPath,
    address_id: Id,
    body: StillRight | None = None,
) -> Response:
    """Say that an address is still right. Makes no new version."""
    return await _confirm(services, write, ADDRESS, (customer_id, address_id), body)


@router.delete("/addresses/{address_id}", status_code=204, dependencies=EDITOR)
async def remove_customer_address(
    write: WriteOf, customer_id: CustomerIdInPath, address_id: Id, if_match: IfMatch = None
) -> Response:
    """Remove an address. Needs If-Match."""
    return await _remove(write, ADDRESS, (customer_id, address_id), if_match)


@router.get("/contacts", response_model=Page[ContactAnswer])
async def list_customer_contacts(caller: Reader, services: ServicesOf, customer_id: CustomerIdInPath) -> Response:
    """List the key people of a customer, the oldest first."""
    return await _list(services, caller, CONTACT, customer_id)


@router.post("/contacts", status_code=201, response_model=ContactAnswer, dependencies=EDITOR)
async def add_customer_contact(
    services: ServicesOf, write: WriteOf, customer_id: CustomerIdInPath, body: NewContact
) -> Response:
    """Add a key person."""
    return await _add(services, write, CONTACT, customer_id, body.model_dump(exclude_unset=True))


@router.patch("/contacts/{contact_id}", response_model=ContactAnswer, dependencies=EDITOR)
async def patch_customer_contact(
    services: ServicesOf,
    write: WriteOf,
    customer_id: CustomerIdInPath,
    contact_id: Id,
    body: ContactPatch,
    if_match: IfMatch = None,
) -> Response:
    """Change a key person by a JSON merge patch. Needs If-Match with the key person's own version."""
    return await _change(
        services, write, CONTACT, (customer_id, contact_id), body.model_dump(exclude_unset=True), if_match
    )


@router.post("/contacts/{contact_id}/confirm", response_model=ContactAnswer, dependencies=EDITOR)
async def confirm_customer_contact(
    services: ServicesOf,
    write: WriteOf,
    customer_id: CustomerIdInPath,
    contact_id: Id,
    body: StillRight | None = None,
) -> Response:
    """Say that what is known of a key person is still right. Makes no new version."""
    return await _confirm(services, write, CONTACT, (customer_id, contact_id), body)


@router.delete("/contacts/{contact_id}", status_code=204, dependencies=EDITOR)
async def remove_customer_contact(
    write: WriteOf, customer_id: CustomerIdInPath, contact_id: Id, if_match: IfMatch = None
) -> Response:
    """Remove a key person. Needs If-Match."""
    return await _remove(write, CONTACT, (customer_id, contact_id), if_match)


@router.get("/relationships", response_model=Page[RelationshipAnswer])
async def list_customer_relationships(
    caller: Reader, services: ServicesOf, customer_id: CustomerIdInPath, query: Annotated[RelationshipQuery, Query()]
) -> Response:
    """List a customer's relationships with other customers, from either side, the oldest first."""
    name = f"relationships:{customer_id}"
    after = uuid.UUID(services.cursors.read(name, query.cursor)[0]) if query.cursor is not None else None
    found, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: queries.relationships(tx, customer_id, after=after, limit=limit),
    )  # fmt: skip
    if found is None:
        raise Problem(NOT_FOUND)
    shown = found[: query.limit]
    following = services.cursors.write(name, [str(shown[-1][0])]) if len(found) > query.limit else None
    await services.reads.record(caller, "relationship.list", [customer_id])
    return json_response(page_bytes([document for _, document in shown], following, total))


@router.post("/relationships", status_code=201, response_model=RelationshipAnswer, dependencies=EDITOR)
async def add_customer_relationship(
    services: ServicesOf, write: WriteOf, customer_id: CustomerIdInPath, body: NewRelationship
) -> Response:
    """Say what another customer is to this one; the other side reads the inverse.

    422 `unknown_customer` or `same_customer`; 409 `already_related`.
    """
    given = body.model_dump(exclude_unset=True)

    async def work(tx: Tx) -> Made:
        one = await commands.relate(tx, customer_id, dict(given))
        return await _shown(tx, services, RELATIONSHIP, (customer_id, one), 201)

    return await write(work)


@router.patch("/relationships/{relationship_id}", response_model=RelationshipAnswer, dependencies=EDITOR)
async def patch_customer_relationship(
    services: ServicesOf,
    write: WriteOf,
    customer_id: CustomerIdInPath,
    relationship_id: Id,
    body: RelationshipPatch,
    if_match: IfMatch = None,
) -> Response:
    """Change a relationship, on both sides, by a JSON merge patch. Needs If-Match with the relationship's version."""
    version, given = expected_version(if_match), body.model_dump(exclude_unset=True)

    async def work(tx: Tx) -> Made:
        await commands.change_relationship(tx, customer_id, relationship_id, version, dict(given))
        return await _shown(tx, services, RELATIONSHIP, (customer_id, relationship_id))

    return await write(work)


@router.delete("/relationships/{relationship_id}", status_code=204, dependencies=EDITOR)
async def remove_customer_relationship(
    write: WriteOf, customer_id: CustomerIdInPath, relationship_id: Id, if_match: IfMatch = None
) -> Response:
    """Remove a relationship, on both sides. Needs If-Match."""
    version = expected_version(if_match)

    async def work(tx: Tx) -> None:
        await commands.part(tx, customer_id, relationship_id, version)

    return await write(work)


async def _list(services: Services, caller: Caller, kind: Kind, customer: uuid.UUID) -> Response:
    found = await services.db.read(caller, lambda tx: queries.belongings(tx, kind, customer, _today(services)))
    if found is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, f"{kind.word}.list", [customer])
    return json_response(f'{{"data":{found},"next_cursor":null,"has_more":false}}')


async def _add(services: Services, write: Any, kind: Kind, customer: uuid.UUID, given: Fields) -> Response:
    async def work(tx: Tx) -> Made:
        one = await commands.add_belonging(tx, kind, customer, dict(given))
        return await _shown(tx, services, kind, (customer, one), 201)

    found: Response = await write(work)
    return found


async def _change(
    services: Services, write: Any, kind: Kind, where: Where, given: Fields, if_match: str | None
) -> Response:
    version = expected_version(if_match)

    async def work(tx: Tx) -> Made:
        await commands.change_belonging(tx, kind, *where, version, dict(given))
        return await _shown(tx, services, kind, where)

    found: Response = await write(work)
    return found


async def _confirm(services: Services, write: Any, kind: Kind, where: Where, body: StillRight | None) -> Response:
    said = None if body is None else body.model_dump(exclude_unset=True).get("provenance")

    async def work(tx: Tx) -> Made:
        await commands.confirm_belonging(tx, kind, *where, said)
        return await _shown(tx, services, kind, where)

    found: Response = await write(work)
    return found


async def _remove(write: Any, kind: Kind, where: Where, if_match: str | None) -> Response:
    version = expected_version(if_match)

    async def work(tx: Tx) -> None:
        await commands.remove_belonging(tx, kind, *where, version)

    found: Response = await write(work)
    return found


def _today(services: Services) -> date:
    return services.settings.company.today(services.clock.now())


async def _shown(tx: Tx, services: Services, kind: Kind, where: Where, status: int = 200) -> Made:
    document, version = await queries.belonging(tx, kind, *where, _today(services))
    return Made(document, status, etag(version))
