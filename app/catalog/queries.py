"""Every SELECT of the catalog."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Select,
    Text,
    any_,
    bindparam,
    cast,
    func,
    literal,
    select,
    true,
    union,
)
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute

from app.catalog.models import Category, Place, Product, Store, Till
from app.core.db import Tx
from app.core.documents import json_degrees, json_object, json_time


def _tills() -> ColumnElement[object]:
    codes = func.json_agg(aggregate_order_by(Till.code, Till.code.asc()))
    found = select(codes).where(Till.store == Store.code).correlate(Store).scalar_subquery()
    return func.coalesce(found, literal([], JSON))


def _store() -> ColumnElement[str]:
    return cast(
        json_object(
            code=Store.code, name=Store.name, kind=Store.kind, region=Store.region, city=Store.city,
            time_zone=Store.time_zone, currency=Store.currency, phone_region=Store.phone_region,
            tills=_tills(), latitude=json_degrees(Store.latitude), longitude=json_degrees(Store.longitude),
            version=Store.version, created_at=json_time(Store.created_at), updated_at=json_time(Store.updated_at),
        ),
        Text,
    )  # fmt: skip


def _product() -> ColumnElement[str]:
    return cast(
        json_object(
            code=Product.code, name=Product.name, category=Product.category, brand=Product.brand,
            list_price=Product.list_price, cost=Product.cost, replaces_after_days=Product.replaces_after_days,
            upgrade_of=Product.upgrade_of, version=Product.version, created_at=json_time(Product.created_at),
            updated_at=json_time(Product.updated_at),
        ),
        Text,
    )  # fmt: skip


def _place() -> ColumnElement[str]:
    return cast(
        json_object(
            code=Place.code, name=Place.name, latitude=json_degrees(Place.latitude),
            longitude=json_degrees(Place.longitude), version=Place.version,
            created_at=json_time(Place.created_at), updated_at=json_time(Place.updated_at),
        ),
        Text,
    )  # fmt: skip


STORE = _store()
PLACE = _place()
PRODUCT = _product()
CATEGORY = cast(json_object(path=Category.path, name=Category.name, parent=Category.parent), Text)

# Statements that are built once, and their parameters.
_ASKED, _WITHIN, _BELOW = (bindparam(name, type_=Text) for name in ("code", "within", "below"))
_STORE = select(STORE, Store.version).where(Store.code == _ASKED)
_PRODUCT = select(PRODUCT, Product.version).where(Product.code == _ASKED)
_PLACE = select(PLACE, Place.version).where(Place.code == _ASKED)


async def store(tx: Tx, code: str) -> tuple[str, int] | None:
    """(JSON, version) of a store."""
    return await _one(tx, _STORE, code)


async def product(tx: Tx, code: str) -> tuple[str, int] | None:
    """(JSON, version) of a product."""
    return await _one(tx, _PRODUCT, code)


async def _one(tx: Tx, statement: Select[str, int], code: str) -> tuple[str, int] | None:
    rows = await tx.rows(statement, {"code": code})
    return (rows[0][0], rows[0][1]) if rows else None


async def stores(tx: Tx, *, kind: str | None, after: str | None, limit: int) -> list[tuple[str, str]]:
    """Up to `limit` (code, JSON) in the order of codes."""
    return await _list(tx, "/v1/stores", kind, after, limit)


async def place(tx: Tx, code: str) -> tuple[str, int] | None:
    """(JSON, version) of a place."""
    return await _one(tx, _PLACE, code)


async def places(tx: Tx, *, after: str | None, limit: int) -> list[tuple[str, str]]:
    """Up to `limit` (code, JSON) in the order of codes."""
    return await _list(tx, "/v1/places", None, after, limit)


async def located(tx: Tx, limit: int) -> list[str]:
    """Up to `limit` codes of stores and places that have coordinates: what `within ... km of` can name."""
    stores = select(Store.code).where(Store.latitude.is_not(None))
    found = union(stores, select(Place.code)).subquery()
    return [row[0] for row in await tx.rows(select(found.c.code).order_by(found.c.code).limit(limit))]


_LISTED = {"/v1/stores": Store.code, "/v1/products": Product.code, "/v1/categories": Category.path}


async def unlisted(tx: Tx, where: str, values: Sequence[tuple[str, bool]]) -> set[str]:
    """Which of these codes or paths are not in the list that `where` reads; with True, what is below one counts too."""
    if not values:
        return set()
    key = _LISTED[where]
    wanted = any_(literal([value for value, _ in values], ARRAY(Text)))
    known = {row[0] for row in await tx.rows(select(key).where(key == wanted))}
    absent = {value for value, _ in values} - known
    asked = [value for value, also in values if also and value in absent]
    if asked:
        below = [select(key).where(key.like(_pattern(value))).exists() for value in asked]
        row = (await tx.rows(select(*below)))[0]
        absent -= {value for value, there in zip(asked, row, strict=True) if there}
    return absent


async def listed(tx: Tx, where: str, limit: int) -> list[str]:
    """Up to `limit` codes or paths of the list that `where` reads."""
    key = _LISTED[where]
    return [row[0] for row in await tx.rows(select(key).order_by(key).limit(limit))]


async def products(tx: Tx, *, category: str | None, after: str | None, limit: int) -> list[tuple[str, str]]:
    """Up to `limit` (code, JSON) in the order of codes, of one category and all below it if given."""
    return await _list(tx, "/v1/products", category, after, limit)


async def categories(tx: Tx, *, under: str | None, after: str | None, limit: int) -> list[tuple[str, str]]:
    """Up to `limit` (path, JSON) in the order of paths, of one category and all below it if given."""
    return await _list(tx, "/v1/categories", under, after, limit)


async def _list(tx: Tx, where: str, within: str | None, after: str | None, limit: int) -> list[tuple[str, str]]:
    statement = _listing(where, narrowed=within is not None, further=after is not None)
    values = {"within": within, "below": within and _pattern(within), "after": after, "limit": limit}
    return [(row[0], row[1]) for row in await tx.page(statement, values)]


@cache
def _listing(where: str, *, narrowed: bool, further: bool) -> Select[Any]:
    key, shown, within = _LISTS[where]
    statement = select(key, shown).order_by(key).limit(bindparam("limit", type_=Integer))
    if narrowed:
        statement = statement.where(within)
    return statement.where(key > bindparam("after", type_=Text)) if further else statement


def _under(column: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    return (column == _WITHIN) | column.like(_BELOW)


def _pattern(path: str) -> str:
    """What all below a path is like."""
    return re.sub(r"([\\%_])", r"\\\1", path) + "/%"


# Key, document, and what a list may be narrowed by.
_LISTS: dict[str, tuple[Any, ColumnElement[str], ColumnElement[bool]]] = {
    "/v1/stores": (Store.code, STORE, Store.kind == _WITHIN),
    "/v1/places": (Place.code, PLACE, true()),
    "/v1/products": (Product.code, PRODUCT, _under(Product.category)),
    "/v1/categories": (Category.path, CATEGORY, _under(Category.path)),
}


async def phone_regions(tx: Tx, codes: Sequence[str] | None = None) -> dict[str, str]:
    """The phone region of each store of `codes` that exists, or of every store."""
    statement = select(Store.code, Store.phone_region)
    if codes is not None:
        statement = statement.where(Store.code == any_(literal(sorted(set(codes)), ARRAY(Text))))
    return {row[0]: row[1] for row in await tx.rows(statement)}
