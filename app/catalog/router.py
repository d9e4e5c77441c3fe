"""Routes of the catalog: stores, products, categories."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel

from app.catalog import commands, queries
from app.catalog.schemas import (
    Category,
    CategoryItem,
    CategoryQuery,
    Place,
    PlaceFields,
    Product,
    ProductFields,
    ProductItem,
    ProductQuery,
    Store,
    StoreFields,
    StoreItem,
    StoreQuery,
)  # fmt: skip
from app.catalog.upserts import Items, Outcomes
from app.core.batch import Batch, BatchAnswer, check_batch
from app.core.caller import Caller
from app.core.db import Made, Tx
from app.core.errors import NOT_FOUND, Problem, etag, stale
from app.core.http import (  # fmt: skip
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
from app.core.pages import Page, PageQuery, page_bytes, paged
from app.core.services import Services
from app.core.types import Code

router = APIRouter(prefix="/v1", tags=["catalog"], route_class=GatedRoute)
DOORS_RAW = frozenset({("POST", f"/v1/{name}/batch") for name in ("stores", "products", "categories")})
DOORS_BULK = DOORS_RAW

Reader = Annotated[Caller, requires("catalog:read")]
EDITOR = [requires("catalog:write")]
CodeInPath = Annotated[Code, Path()]
IfMatch = Annotated[
    str | None, Header(description='The ETag of the version that was read, as in "3"; without it, any.')
]
_NEW = {201: {"description": "It was created."}}


@router.put("/stores/{code}", dependencies=EDITOR, response_model=Store, responses={201: {"model": Store, **_NEW[201]}})
async def put_store(
    services: ServicesOf, write: WriteOf, code: CodeInPath, body: StoreFields, if_match: IfMatch = None
) -> Response:
    """Create a store (201) or update it (200): a field that is absent stays as it is, `null` clears it.

    Systems that send what they know need no If-Match; with it, 412 if the store has changed since it was read.
    """
    company = services.settings.company
    put: Put = lambda tx, items: commands.put_stores(tx, items, company)  # noqa: E731
    return await _put(write, code, body, put, queries.store, if_match)


@router.post(
    "/stores/batch", dependencies=EDITOR, response_model=BatchAnswer, openapi_extra=documented_body(Batch[StoreItem])
)
async def batch_stores(request: Request, services: ServicesOf, write: WriteOf) -> Response:
    """Create or update up to 1000 stores; items of the same code apply in their order."""
    company = services.settings.company
    return await _batch(request, services, write, StoreItem, lambda tx, items: commands.put_stores(tx, items, company))


@router.get("/stores/{code}", response_model=Store)
async def get_store(caller: Reader, services: ServicesOf, code: CodeInPath) -> Response:
    """Read a store."""
    return _one(await services.db.read(caller, lambda tx: queries.store(tx, code)))


@router.get("/stores", response_model=Page[Store])
async def list_stores(caller: Reader, services: ServicesOf, query: Annotated[StoreQuery, Query()]) -> Response:
    """List stores in the order of their codes."""
    return await _list(
        services, caller, query, f"stores:{query.kind or ''}",
        lambda tx, after, limit: queries.stores(tx, kind=query.kind, after=after, limit=limit),
    )  # fmt: skip


@router.put("/places/{code}", dependencies=EDITOR, response_model=Place, responses={201: {"model": Place, **_NEW[201]}})
async def put_place(write: WriteOf, code: CodeInPath, body: PlaceFields, if_match: IfMatch = None) -> Response:
    """Create a place (201) or update it (200), to ask about customers within so many km of it.

    A question that names a code means the store of that code if it has coordinates, or else the place.
    """
    return await _put(write, code, body, commands.put_places, queries.place, if_match)


@router.get("/places/{code}", response_model=Place)
async def get_place(caller: Reader, services: ServicesOf, code: CodeInPath) -> Response:
    """Read a place."""
    return _one(await services.db.read(caller, lambda tx: queries.place(tx, code)))


@router.get("/places", response_model=Page[Place])
async def list_places(caller: Reader, services: ServicesOf, query: Annotated[PageQuery, Query()]) -> Response:
    """List places in the order of their codes."""
    return await _list(
        services, caller, query, "places", lambda tx, after, limit: queries.places(tx, after=after, limit=limit)
    )


@router.put(
    "/products/{code}", dependencies=EDITOR, response_model=Product, responses={201: {"model": Product, **_NEW[201]}}
)
async def put_product(write: WriteOf, code: CodeInPath, body: ProductFields, if_match: IfMatch = None) -> Response:
    """Create a product (201) or update it (200): a field that is absent stays as it is, `null` clears it.

    Its category, and what is above it, is created if need be. Systems that send what they know need no If-Match; with
    it, 412 if the product has changed since it was read.
    """
    return await _put(write, code, body, commands.put_products, queries.product, if_match)


@router.post(
    "/products/batch",
    dependencies=EDITOR,
    response_model=BatchAnswer,
    openapi_extra=documented_body(Batch[ProductItem]),
)
async def batch_products(request: Request, services: ServicesOf, write: WriteOf) -> Response:
    """Create or update up to 1000 products; items of the same code apply in their order."""
    return await _batch(request, services, write, ProductItem, commands.put_products)


@router.get("/products/{code}", response_model=Product)
async def get_product(caller: Reader, services: ServicesOf, code: CodeInPath) -> Response:
    """Read a product."""
    return _one(await services.db.read(caller, lambda tx: queries.product(tx, code)))


@router.get("/products", response_model=Page[Product])
async def list_products(caller: Reader, services: ServicesOf, query: Annotated[ProductQuery, Query()]) -> Response:
    """List products in the order of their codes."""
    return await _list(
        services, caller, query, f"products:{query.category or ''}",
        lambda tx, after, limit: queries.products(tx, category=query.category, after=after, limit=limit),
    )  # fmt: skip


@router.post(
    "/categories/batch",
    dependencies=EDITOR,
    response_model=BatchAnswer,
    openapi_extra=documented_body(Batch[CategoryItem]),
)
async def batch_categories(request: Request, services: ServicesOf, write: WriteOf) -> Response:
    """Create or rename up to 1000 categories by their paths; what is above them is created too."""
    return await _batch(request, services, write, CategoryItem, commands.put_categories)


@router.get("/categories", response_model=Page[Category])
async def list_categories(caller: Reader, services: ServicesOf, query: Annotated[CategoryQuery, Query()]) -> Response:
    """List categories in the order of their paths: a parent comes before what is below it."""
    return await _list(
        services, caller, query, f"categories:{query.under or ''}",
        lambda tx, after, limit: queries.categories(tx, under=query.under, after=after, limit=limit),
    )  # fmt: skip


Put = Callable[[Tx, Items], Awaitable[Outcomes]]
Found = tuple[str, int] | None


async def _put(
    write: Writer,
    code: str,
    body: BaseModel,
    put: Put,
    read: Callable[[Tx, str], Awaitable[Found]],
    if_match: str | None,
) -> Response:
    """An upsert is a batch of one, whose failure is the answer's problem."""
    item = {**body.model_dump(exclude_unset=True), "code": code}
    expected = None if if_match is None else expected_version(if_match)

    async def work(tx: Tx) -> Made:
        outcome = (await put(tx, [(0, item)]))[0]
        if isinstance(outcome, Problem):
            raise outcome
        document, version = await read(tx, code) or ("", 0)
        # The record is locked by now, so this is the version that it was changed from.
        before = version if outcome[0] == "duplicate" else version - 1
        if expected not in {None, before} or (expected is not None and outcome[0] == "created"):
            raise stale(before)
        return Made(document, 201 if outcome[0] == "created" else 200, etag(version))

    return await write(work)


async def _batch(request: Request, services: Services, write: Writer, model: type[BaseModel], put: Put) -> Response:
    body = incoming(request).body
    checked = await services.offload.run(len(body), check_batch, body, model)

    async def work(tx: Tx) -> dict[str, Any]:
        for index, outcome in (await put(tx, checked.valid)).items():
            if isinstance(outcome, Problem):
                checked.fail(index, outcome)
            else:
                checked.done(index, *outcome)
        return checked.answer()

    return await write(work)


def _one(found: Found) -> Response:
    if found is None:
        raise Problem(NOT_FOUND)
    return json_response(found[0], etag(found[1]))


async def _list(
    services: Services,
    caller: Caller,
    query: PageQuery,
    name: str,
    read: Callable[[Tx, str | None, int], Awaitable[Sequence[tuple[str, str]]]],
) -> Response:
    after = services.cursors.read(name, query.cursor)[0] if query.cursor is not None else None
    rows, total = await paged(services.db, caller, query, after, read)
    shown = rows[: query.limit]
    following = services.cursors.write(name, [shown[-1][0]]) if len(rows) > query.limit else None
    return json_response(page_bytes([document for _, document in shown], following, total))
