"""Routes of the customer record."""

import logging
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from copy import deepcopy
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Path, Query, Request, Response

from app.core.batch import Batch, BatchAnswer
from app.core.caller import Caller
from app.core.db import Made, Tx, Work
from app.core.errors import INVALID, NOT_FOUND, RETRY_SOON, UNAVAILABLE, FieldError, Problem, etag
from app.core.http import (
    GatedRoute,
    ServicesOf,
    WriteOf,
    Writer,
    documented_body,
    expected_version,
    incoming,
    json_response,
    requires,
)
from app.core.jobs import code_of
from app.core.pages import Page, page_bytes, paged
from app.core.services import Services
from app.customers import commands, queries
from app.customers.identifiers import Identifier, normalise
from app.customers.intake import check_customer_batch, identifiers_of, item_of, patch_of
from app.customers.plan import Taken
from app.customers.schemas.record import (
    CustomerAnswer,
    CustomerFields,
    CustomerPatch,
    CustomerQuery,
    ManyCustomers,
    NewCustomer,
    NewIdentifier,
    ReadMany,
)
from app.customers.streaming import BoundedStream, Slots
from app.feed import queries as feed_queries
from app.feed.cursor import write_cursor

log = logging.getLogger("clientele.customers")
router = APIRouter(prefix="/v1/customers", tags=["customers"], route_class=GatedRoute)
DOORS_RAW = frozenset({("POST", "/v1/customers/batch")})
DOORS_BULK = DOORS_RAW
# A snapshot lasts as long as its reader takes, so it must not hold a place in the bulk lane, where tills push: it has
# slots of its own.
DOORS_STREAMED = frozenset({("GET", "/v1/customers/snapshot")})
SNAPSHOTS = Slots(2)
PORTION = 500

Reader = Annotated[Caller, requires("customers:read")]
EDITOR = [requires("customers:write")]
Editor = Annotated[Caller, requires("customers:write")]
CustomerIdInPath = Annotated[uuid.UUID, Path()]
IfMatch = Annotated[str | None, Header(description='The ETag of the version that was read, as in "3".')]
CREATED: dict[int | str, dict[str, Any]] = {201: {"model": CustomerAnswer, "description": "The customer was created."}}


@router.post("", status_code=201, response_model=CustomerAnswer)
async def create_customer(caller: Editor, services: ServicesOf, write: WriteOf, body: NewCustomer) -> Response:
    """Create a customer.

    409 `identifier_taken` if another customer has one of its cards, external or chat ids (`holder` names that
    customer), `customer_exists` if `id` is in use. Phones and e-mails may be shared.
    """
    given = body.model_dump(exclude_unset=True)
    settings = services.settings.company

    async def work(tx: Tx) -> Made:
        item = item_of(deepcopy(given), await queries.regions(tx, settings.phone_region, given))
        customer = await commands.create(tx, item)
        return await _shown(tx, services, customer, 201)

    return await _noting(services, caller, write, work)


@router.post(
    "/batch", response_model=BatchAnswer, openapi_extra=documented_body(Batch[NewCustomer]), dependencies=EDITOR
)
async def batch_customers(request: Request, services: ServicesOf, write: WriteOf) -> Response:
    """Create or update up to 1000 customers.

    An item is about the customer with its `id`, or with one of its cards, external or chat ids, or a new one; then a
    field that is absent stays, `null` clears, one with an older `collected_at` changes nothing, and identifiers are
    only added. Items about the same customer apply in their order and make one new version.
    """
    seen = incoming(request)
    assert seen.caller is not None  # noqa: S101  the scope was checked
    region = services.settings.company.phone_region
    regions = await services.db.read(seen.caller, lambda tx: queries.regions(tx, region))
    checked = await services.offload.run(len(seen.body), check_customer_batch, seen.body, regions)

    async def work(tx: Tx) -> dict[str, Any]:
        items = [(index, value["item"]) for index, value in checked.valid]
        for index, outcome in (await commands.upsert_many(tx, items)).items():
            if isinstance(outcome, Problem):
                checked.fail(index, outcome)
            else:
                checked.done(index, *outcome)
        return checked.answer()

    return await write(work)


@router.post("/read", response_model=ManyCustomers)
async def read_customers(caller: Reader, services: ServicesOf, body: ReadMany) -> Response:
    """Read up to 1000 customers at once: what a reader of the feed does with the ids that changed."""
    ids = list(dict.fromkeys(body.ids))
    found = await services.db.read(caller, lambda tx: queries.many(tx, ids, services.sections))
    await services.reads.record(caller, "customer.read", list(found))
    documents = ",".join(found[one] for one in ids if one in found)
    missing = orjson.dumps([str(one) for one in ids if one not in found])
    return json_response(b'{"data":[%b],"missing":%b}' % (documents.encode(), missing))


@router.get(
    "/snapshot",
    response_class=Response,
    responses={200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}},
)
async def snapshot_customers(caller: Reader, services: ServicesOf) -> Response:
    """Stream every customer as NDJSON, as of one moment, with the feed cursor to go on from.

    The first line is `{"cursor": ...}`, then one customer a line, at the end `{"end": true, "count": ...}`: without
    that line the snapshot is not whole. It ends early if a reader stops reading; 503 if too many read at once.
    """
    stall = services.settings.limits.idle_transaction_seconds / 2
    return BoundedStream(_snapshot(services, caller), stall_seconds=stall)


async def _snapshot(services: Services, caller: Caller) -> AsyncGenerator[bytes]:
    count = 0
    with SNAPSHOTS.taken():
        async with services.db.reading(caller, isolation="REPEATABLE READ") as tx:
            try:
                head = await feed_queries.head(tx)
            except LookupError:
                raise Problem(UNAVAILABLE, "The change feed is not open yet.", headers=dict(RETRY_SOON)) from None
            yield orjson.dumps({"cursor": write_cursor(services.cursors, *head)}) + b"\n"
            async with aclosing(queries.everyone(tx, services.sections, size=PORTION)) as portions:
                async for portion in portions:
                    await services.reads.record(caller, "customer.snapshot", [customer for customer, _ in portion])
                    count += len(portion)
                    yield "".join(f"{document}\n" for _, document in portion).encode()
    yield orjson.dumps({"end": True, "count": count}) + b"\n"


@router.put("/by-external/{system}/{value:path}", response_model=CustomerAnswer, responses=CREATED)
async def put_customer_by_external_id(
    caller: Editor,
    services: ServicesOf,
    write: WriteOf,
    system: Annotated[str, Path(max_length=40)],
    value: Annotated[str, Path(max_length=200)],
    body: CustomerFields,
) -> Response:
    """Create (201) or update (200) the customer whom another system knows under this id.

    A field that is absent stays, `null` clears, and values collected earlier (`collected_at`) than those we hold change
    nothing. Identifiers are added, never removed; 409 `identifier_taken` if one of them is another customer's.
    """
    key = _external(system, value)
    given = body.model_dump(exclude_unset=True)
    settings = services.settings.company

    async def work(tx: Tx) -> Made:
        item = item_of(deepcopy(given), await queries.regions(tx, settings.phone_region, given))
        customer, created = await commands.upsert_external(tx, key, item)
        return await _shown(tx, services, customer, 201 if created else 200)

    return await _noting(services, caller, write, work)


@router.get("/{customer_id}", response_model=CustomerAnswer)
async def get_customer(caller: Reader, services: ServicesOf, customer_id: CustomerIdInPath) -> Response:
    """Read a customer."""
    found = await services.db.read(caller, lambda tx: queries.one(tx, customer_id, services.sections))
    if found is None:
        raise Problem(NOT_FOUND)
    await services.reads.record(caller, "customer.read", [customer_id])
    return json_response(found[0], etag(found[1]))


@router.patch("/{customer_id}", response_model=CustomerAnswer, dependencies=EDITOR)
async def patch_customer(
    services: ServicesOf,
    write: WriteOf,
    customer_id: CustomerIdInPath,
    body: CustomerPatch,
    if_match: IfMatch = None,
) -> Response:
    """Change a customer by a JSON merge patch: what is absent stays, `null` clears.

    Needs If-Match: 428 without it, 412 with the current `version` if the customer has changed since. Identifiers are
    changed by routes of their own.
    """
    version, given = expected_version(if_match), body.model_dump(exclude_unset=True)

    async def work(tx: Tx) -> Made:
        item = patch_of(deepcopy(given), await queries.declared(tx) if "profile" in given else {})
        document, now_at = await commands.patch(tx, customer_id, item, version, services.sections)
        return Made(document, headers=etag(now_at))

    return await write(work)


@router.get("", response_model=Page[CustomerAnswer])
async def list_customers(caller: Reader, services: ServicesOf, query: Annotated[CustomerQuery, Query()]) -> Response:
    """List customers: by id, or with `created_since` or `updated_since` by the time of their last change."""
    wanted = queries.Filter(**query.wanted())
    name = f"customers:{wanted}"
    after = services.cursors.read(name, query.cursor) if query.cursor is not None else None
    rows, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: queries.page(tx, wanted, services.sections, after=after, limit=limit),
    )  # fmt: skip
    shown, following = rows[: query.limit], None
    if len(rows) > query.limit:
        last, changed, _ = shown[-1]
        following = services.cursors.write(name, [changed.isoformat(), str(last)] if wanted.by_time else [str(last)])
    await services.reads.record(caller, "customer.list", [customer for customer, _, _ in shown])
    return json_response(page_bytes([document for _, _, document in shown], following, total))


@router.post("/{customer_id}/identifiers", response_model=CustomerAnswer)
async def add_customer_identifier(
    caller: Editor, services: ServicesOf, write: WriteOf, customer_id: CustomerIdInPath, body: NewIdentifier
) -> Response:
    """Add an identifier, or send one again to make it primary or to say when it was verified; the customer is answered.

    409 `identifier_taken` if it is a card, external or chat id of another customer.
    """
    region, given = services.settings.company.phone_region, body.model_dump(exclude_unset=True)

    async def work(tx: Tx) -> Made:
        row = await queries.current(tx, customer_id)
        if row is None:
            raise Problem(NOT_FOUND)
        regions = await queries.regions(tx, region, {"home_store": row["home_store"]})
        (identifier,) = identifiers_of([given], regions.of(row["home_store"]), "/{1}")
        await commands.add_identifier(tx, customer_id, identifier, given.get("provenance"))
        return await _shown(tx, services, customer_id)

    return await _noting(services, caller, write, work)


@router.delete("/{customer_id}/identifiers/{identifier_id}", response_model=CustomerAnswer, dependencies=EDITOR)
async def remove_customer_identifier(
    services: ServicesOf,
    write: WriteOf,
    customer_id: CustomerIdInPath,
    identifier_id: Annotated[uuid.UUID, Path()],
    if_match: IfMatch = None,
) -> Response:
    """Take an identifier from a customer, by the identifier's `id`; the customer is answered. Needs If-Match."""
    version = expected_version(if_match)

    async def work(tx: Tx) -> Made:
        await commands.remove_identifier(tx, customer_id, identifier_id, version)
        return await _shown(tx, services, customer_id)

    return await write(work)


async def _noting(services: Services, caller: Caller, write: Writer, work: Work) -> Response:
    """Write; and if an identifier is another record's, note that the two may be one: the refusal rolled all back."""
    try:
        return await write(work)
    except Taken as refusal:
        found = refusal.refusal
        try:
            await services.db.run(lambda tx: commands.note_refused(tx, [found]), caller)
        except Exception as error:  # whatever becomes of the note, the caller is told of the refusal
            log.warning("a refused identifier was not noted", extra={"code": code_of(error)}, exc_info=True)
        raise


async def _shown(tx: Tx, services: Services, customer: uuid.UUID, status: int = 200) -> Made:
    document, version = await queries.one(tx, customer, services.sections) or ("", 0)
    return Made(document, status, etag(version))


def _external(system: str, value: str) -> Identifier:
    try:
        return normalise("external", value, system, "")
    except ValueError as error:
        name = "system" if str(getattr(error, "type", "")).endswith("_system") else "value"
        raise Problem(INVALID, errors=[FieldError(f"path:{name}", "invalid_external_id", str(error))]) from None
