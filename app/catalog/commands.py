"""Every write of the catalog, with its audit rows and events. A batch is a fixed few statements, however long it is.

New rows are inserted in the order of codes, then the known ones are locked in the order of codes, so that two batches
never wait for each other in a circle. Locks leave foreign keys free (FOR NO KEY UPDATE): a till that sells while its
store is edited does not wait.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Double,
    Insert,
    Integer,
    Text,
    any_,
    delete,
    literal,
    select,
    update,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.types import TypeEngine

from app.access.audit import AuditEntry, record
from app.catalog.models import Category, Place, Product, Store, Till
from app.catalog.paths import parent_of, with_ancestors
from app.catalog.upserts import Fields, Folded, Items, Outcomes, by_code, changes_of, fold
from app.core.db import Tx
from app.core.errors import INVALID, FieldError, Problem
from app.core.ids import COMPANY
from app.core.settings import CompanySettings
from app.core.sql import recordset
from app.feed.outbox import Event, announce

# Audit rows name records by UUID; what has a code has this one, always the same.
_NAMES = uuid.UUID("6f1c7f0e-6c0f-5c43-9d0b-6b3f5c0a7e11")

_STORE: dict[str, TypeEngine[Any]] = {
    "code": Text(), "name": Text(), "kind": Text(), "region": Text(), "city": Text(), "time_zone": Text(),
    "currency": Text(), "phone_region": Text(), "latitude": Double(), "longitude": Double(),
}  # fmt: skip
_PRODUCT: dict[str, TypeEngine[Any]] = {
    "code": Text(), "name": Text(), "category": Text(), "brand": Text(), "list_price": BigInteger(),
    "cost": BigInteger(), "replaces_after_days": Integer(), "upgrade_of": Text(),
}  # fmt: skip

_PLACE: dict[str, TypeEngine[Any]] = {
    "code": Text(), "name": Text(), "latitude": Double(), "longitude": Double(),
}  # fmt: skip
_Coded = type[Store | Product | Place]


def record_id(kind: str, code: str) -> uuid.UUID:
    """The id under which the audit trail knows a store, product or category."""
    return uuid.uuid5(_NAMES, f"{kind}:{code}")


async def put_stores(tx: Tx, items: Items, company: CompanySettings) -> Outcomes:
    """Create or update stores (`code` and fields of `StoreFields`).

    An item that lacks `name` or `kind` and names an unknown store fails.
    """
    defaults: Fields = {
        **dict.fromkeys(_STORE), "tills": [], "time_zone": company.time_zone, "currency": company.currency,
        "phone_region": company.phone_region,
    }  # fmt: skip
    grouped = by_code(items)
    fresh = {code: fold(None, defaults, changes) for code, changes in changes_of(grouped)}
    whole = [code for code, one in fresh.items() if one.after["name"] and one.after["kind"]]
    created = await _insert_new(tx, Store, {code: fresh[code].after for code in whole}, _STORE)
    known = await _locked(tx, Store, [code for code in grouped if code not in created], _STORE)
    tills = await _tills(tx, known)
    results: dict[str, Folded] = {}
    for code, changes in changes_of(grouped):
        if code in created:
            results[code] = fresh[code]
        elif code in known:
            version, fields = known[code]
            results[code] = fold({**fields, "tills": tills.get(code, [])}, defaults, changes, version)
    await _update(tx, Store, results, _STORE)
    await _replace_tills(tx, {code: one.after["tills"] for code, one in results.items() if "tills" in one.changed})
    await _announce(tx, "store", results)
    return _outcomes(grouped, results)


async def put_products(tx: Tx, items: Items) -> Outcomes:
    """Create or update products (`code` and fields of `ProductFields`)."""
    defaults: Fields = dict.fromkeys(_PRODUCT)
    grouped = by_code(items)
    fresh = {code: fold(None, defaults, changes) for code, changes in changes_of(grouped)}
    categories = _missing_categories(with_ancestors(item.get("category") for _, item in items))
    created = await _insert_new(tx, Product, {code: one.after for code, one in fresh.items()}, _PRODUCT, categories)
    known = await _locked(tx, Product, [code for code in grouped if code not in created], _PRODUCT)
    results: dict[str, Folded] = {}
    for code, changes in changes_of(grouped):
        version, fields = known.get(code, (0, None))
        results[code] = fresh[code] if code in created else fold(fields, defaults, changes, version)
    await _update(tx, Product, results, _PRODUCT)
    await _announce(tx, "product", results)
    return _outcomes(grouped, results)


async def put_places(tx: Tx, items: Items) -> Outcomes:
    """Create or update places (`code` and fields of `PlaceFields`). A new one without coordinates fails."""
    defaults: Fields = dict.fromkeys(_PLACE)
    grouped = by_code(items)
    fresh = {code: fold(None, defaults, changes) for code, changes in changes_of(grouped)}
    whole = {code: one.after for code, one in fresh.items() if one.after["latitude"] is not None}
    created = await _insert_new(tx, Place, whole, _PLACE)
    known = await _locked(tx, Place, [code for code in grouped if code not in created], _PLACE)
    results: dict[str, Folded] = {}
    for code, changes in changes_of(grouped):
        if code in created:
            results[code] = fresh[code]
        elif code in known:
            version, fields = known[code]
            results[code] = fold(fields, defaults, changes, version)
    await _update(tx, Place, results, _PLACE)
    await _announce(tx, "place", results)
    return _outcomes(grouped, results, "place", ("latitude", "longitude"))


async def put_categories(tx: Tx, items: Items) -> Outcomes:
    """Create or rename categories (`path`, `name`), with all that is above them."""
    grouped = by_code(items, key="path")
    added = _missing_categories(with_ancestors(grouped)).returning(Category.path)
    created = {row.path for row in await tx.rows(added)}
    locked = select(Category.path, Category.name).where(_any_of(Category.path, grouped)).order_by(Category.path)
    names = {row.path: row.name for row in await tx.rows(locked.with_for_update(key_share=True))}
    results: dict[str, Folded] = {}
    for path, changes in changes_of(grouped):
        results[path] = fold(None if path in created else {"name": names[path]}, {"name": None}, changes)
    renamed = [{"path": path, **one.after} for path, one in results.items() if one.after["name"] != names[path]]
    if renamed:
        given = recordset(renamed, "given", path=Text(), name=Text())
        await tx.execute(update(Category).where(Category.path == given.c.path).values(name=given.c.name))
    entries = [
        AuditEntry(f"category.{one.verb}", "category", record_id("category", path), fields=one.changed)
        for path, one in results.items()
        if one.changed
    ]
    if entries:
        await tx.execute(record(tx, entries))
    return _outcomes(grouped, results)


async def ensure_products(tx: Tx, wanted: Mapping[str, str | None]) -> list[str]:
    """Create the products (code -> category path, or None) that do not exist, with their categories; the codes created.

    Known products are never touched. One statement; `announced` gives the events and audit entries of what it created.
    """
    rows = [{"code": code, "category": wanted[code]} for code in sorted(wanted)]
    given = recordset(rows, "given", code=Text(), category=Text())
    known = select(Product.code).where(Product.code == given.c.code)
    constants = _constants(tx)
    made = (
        insert(Product)
        .from_select(
            ["code", "category", *constants],
            select(given.c.code, given.c.category, *constants.values()).where(~known.exists()).order_by(given.c.code),
        )
        .on_conflict_do_nothing()
        .returning(Product.code)
        .add_cte(_missing_categories(with_ancestors(wanted.values())).cte("new_categories"))
    )
    return [row.code for row in await tx.rows(made)]


def announced(created: Iterable[str]) -> tuple[list[Event], list[AuditEntry]]:
    """Events and audit entries of products that `ensure_products` has created."""
    codes = sorted(created)
    events = [Event("product.updated", COMPANY, code, 1) for code in codes]
    return events, [AuditEntry("product.create", "product", record_id("product", code)) for code in codes]


def _missing_categories(paths: Sequence[str]) -> Insert:
    """Insert those of `paths` (parents included, sorted) that do not exist."""
    rows = [{"path": path, "parent": parent_of(path)} for path in paths]
    given = recordset(rows, "category", path=Text(), parent=Text())
    known = select(Category.path).where(Category.path == given.c.path)
    source = select(given.c.path, given.c.parent).where(~known.exists()).order_by(given.c.path)
    return insert(Category).from_select(["path", "parent"], source).on_conflict_do_nothing()


def _constants(tx: Tx) -> dict[str, Any]:
    now = literal(tx.now, DateTime(timezone=True))
    return {"version": literal(1, BigInteger), "created_at": now, "updated_at": now}


async def _insert_new(
    tx: Tx,
    table: _Coded,
    rows: Mapping[str, Fields],
    columns: Mapping[str, TypeEngine[Any]],
    first: Insert | None = None,
) -> set[str]:
    """Insert the rows whose code is new, in the order of codes; the codes that were."""
    given = recordset([{**fields, "code": code} for code, fields in rows.items()], "given", **columns)
    constants = _constants(tx)
    made = (
        insert(table)
        .from_select([*columns, *constants], select(*given.c, *constants.values()).order_by(given.c.code))
        .on_conflict_do_nothing()
        .returning(table.code)
    )
    if first is not None:
        made = made.add_cte(first.cte("first"))
    return {row.code for row in await tx.rows(made)}


async def _locked(
    tx: Tx, table: _Coded, codes: list[str], columns: Mapping[str, TypeEngine[Any]]
) -> dict[str, tuple[int, Fields]]:
    """(version, fields) of the rows of these codes, locked in their order."""
    wanted = [table.__table__.c[name] for name in columns]
    locked = select(table.version, *wanted).where(_any_of(table.code, codes)).order_by(table.code)
    rows = await tx.rows(locked.with_for_update(key_share=True))
    return {row.code: (row[0], dict(zip(columns, row[1:], strict=True))) for row in rows}


async def _tills(tx: Tx, codes: Iterable[str]) -> dict[str, list[str]]:
    """The sorted tills per store; read after the stores are locked, since a locking statement shows an older state."""
    found: dict[str, list[str]] = {}
    for row in await tx.rows(select(Till.store, Till.code).where(_any_of(Till.store, codes))):
        found.setdefault(row.store, []).append(row.code)
    return {code: sorted(tills) for code, tills in found.items()}


async def _update(tx: Tx, table: _Coded, results: Mapping[str, Folded], columns: Mapping[str, TypeEngine[Any]]) -> None:
    rows = [{**one.after, "code": code} for code, one in results.items() if one.before is not None and one.changed]
    if rows:
        given = recordset(rows, "given", **columns)
        values = {name: given.c[name] for name in columns if name != "code"}
        changed = update(table).where(table.code == given.c.code)
        await tx.execute(changed.values(**values, version=table.version + 1, updated_at=tx.now))


async def _replace_tills(tx: Tx, tills: Mapping[str, list[str]]) -> None:
    if not tills:
        return
    await tx.execute(delete(Till).where(_any_of(Till.store, tills)))
    rows = [{"store": store, "code": code} for store in sorted(tills) for code in tills[store]]
    given = recordset(rows, "given", store=Text(), code=Text())
    await tx.execute(insert(Till).from_select(["store", "code"], select(given.c.store, given.c.code)))


async def _announce(tx: Tx, kind: str, results: Mapping[str, Folded]) -> None:
    touched = {code: one for code, one in results.items() if one.changed}
    if not touched:
        return
    events = [Event(f"{kind}.updated", COMPANY, code, one.version + 1) for code, one in touched.items()]
    entries = [
        AuditEntry(f"{kind}.{one.verb}", kind, record_id(kind, code), fields=one.changed)
        for code, one in touched.items()
    ]
    await announce(tx, events, entries)


def _outcomes(
    grouped: Mapping[str, list[tuple[int, Fields]]],
    results: Mapping[str, Folded],
    what: str = "store",
    needed: tuple[str, ...] = ("name", "kind"),
) -> Outcomes:
    outcomes: Outcomes = {}
    for code, items in grouped.items():
        for place, (index, fields) in enumerate(items):
            if code in results:
                outcomes[index] = (results[code].statuses[place], code)
            else:
                missing = [name for name in needed if name not in fields]
                errors = [FieldError(f"/{name}", "missing", f"A new {what} needs it.") for name in missing]
                detail = f"A {what} that is not known yet needs {' and '.join(needed)}."
                outcomes[index] = Problem(INVALID, detail, errors)
    return outcomes


def _any_of(column: Any, codes: Iterable[str]) -> ColumnElement[bool]:
    return column == any_(literal(sorted(codes), ARRAY(Text)))  # type: ignore[no-any-return]
