"""The statements that the commands of customers share: each takes any number of rows."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Delete,
    Integer,
    SmallInteger,
    Text,
    Update,
    Uuid,
    and_,
    any_,
    case,
    delete,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import aliased
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import TypeEngine

from app.core.db import Tx
from app.core.ids import new_id
from app.core.sql import IDS, NOW, ROWS, recordset
from app.customers.intake import Given, Item
from app.customers.models import Customer, IdentifierRow
from app.customers.provenance import Origin
from app.customers.record import BIRTH, COLUMNS, to_columns
from app.customers.suspect import made_up_identifier

Columns = dict[str, TypeEngine[Any]]
# An identifier of a customer: kind, value, customer.
Held = tuple[str, str, uuid.UUID]

_CUSTOMER: Columns = {
    "id": Uuid(),
    **{name: SmallInteger() if name in BIRTH.values() else Text() for name in COLUMNS},
    "profile": JSONB(),
    "suspect": ARRAY(Text),
    "collected": JSONB(),
}
_IDENTIFIER: Columns = {
    "kind": Text(), "value": Text(), "customer_id": Uuid(), "id": Uuid(), "typed": Text(), "exclusive": Boolean(),
    "is_primary": Boolean(), "verified_at": DateTime(timezone=True), "suspect": Boolean(), "licence_end": Date(),
    "channel": Text(), "collector": Text(), "store": Text(), "collected_at": DateTime(timezone=True),
}  # fmt: skip
_KEY: Columns = {"kind": Text(), "value": Text(), "customer_id": Uuid()}


def collected(tx: Tx, item: Item) -> datetime:
    """When what an item says was collected: never in the future."""
    return min(item.collected_at or tx.now, tx.now)


def customer_row(customer: uuid.UUID, fields: Mapping[str, Any], collected: Mapping[str, str]) -> dict[str, Any]:
    """A customer for `insert_customers` and `update_customers`."""
    return {"id": customer, **to_columns(fields), "collected": dict(collected)}


def identifier_row(
    customer: uuid.UUID, given: Given, origin: Origin, when: datetime, *, primary: bool
) -> dict[str, Any]:
    """An identifier for `claim`, collected at this moment."""
    identifier = given.identifier
    return {
        "kind": identifier.kind, "value": identifier.value, "customer_id": customer, "id": new_id(),
        "typed": identifier.typed, "exclusive": identifier.exclusive, "is_primary": primary,
        "verified_at": given.verified_at, "suspect": made_up_identifier(*identifier.key), "channel": origin.channel,
        "collector": origin.collector, "store": origin.store, "licence_end": origin.licence_end,
        "collected_at": when,
    }  # fmt: skip


async def claim(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> set[Held]:
    """Insert identifiers in the order of (kind, value), except those that this or another customer has already."""
    if not rows:
        return set()
    made = await tx.rows(_claiming(), {"rows": rows, "now": tx.now})
    return {(row.kind, row.value, row.customer_id) for row in made}


@cache
def _claiming() -> Any:
    given = recordset(ROWS, "given", **_IDENTIFIER)
    return (
        insert(IdentifierRow)
        .from_select(
            [*_IDENTIFIER, "created_at"],
            select(*given.c, NOW).order_by(given.c.kind, given.c.value, given.c.customer_id),
        )
        .on_conflict_do_nothing()
        .returning(IdentifierRow.kind, IdentifierRow.value, IdentifierRow.customer_id)
    )


async def drop(tx: Tx, held: Iterable[Held]) -> None:
    """Delete these identifiers."""
    rows = [{"kind": kind, "value": value, "customer_id": customer} for kind, value, customer in sorted(held)]
    if rows:
        await tx.execute(_dropping(), {"rows": rows})


@cache
def _dropping() -> Delete:
    return delete(IdentifierRow).where(_same(recordset(ROWS, "given", **_KEY)))


async def insert_customers(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> set[uuid.UUID]:
    """Insert customers in the order of ids; the ids that were not there yet."""
    if not rows:
        return set()
    return {row.id for row in await tx.rows(_inserting(), {"rows": rows, "now": tx.now})}


@cache
def _inserting() -> Any:
    given = recordset(ROWS, "given", **_CUSTOMER)
    constants: dict[str, ColumnElement[Any]] = {"version": literal(1), "created_at": NOW, "updated_at": NOW}
    return (
        insert(Customer)
        .from_select([*_CUSTOMER, *constants], select(*given.c, *constants.values()).order_by(given.c.id))
        .on_conflict_do_nothing()
        .returning(Customer.id)
    )


async def remove_customers(tx: Tx, customers: Iterable[uuid.UUID]) -> None:
    """Take back customers that this transaction has inserted."""
    await tx.execute(delete(Customer).where(Customer.id == any_(IDS)), {"ids": list(customers)})


async def update_customers(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write customers whose rows are locked; with `bump` 0 only the times of their values moved, which is no change."""
    if rows:
        await tx.execute(_updating(), {"rows": rows, "now": tx.now})


@cache
def _updating() -> Update:
    given = recordset(ROWS, "given", **_CUSTOMER, bump=Integer())
    values: dict[str, Any] = {name: given.c[name] for name in _CUSTOMER if name != "id"}
    values["version"] = Customer.version + given.c.bump
    values["updated_at"] = case((given.c.bump > 0, NOW), else_=Customer.updated_at)
    return update(Customer).where(Customer.id == given.c.id).values(values)


async def set_primaries(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> set[uuid.UUID]:
    """Make one identifier of its kind the primary one; the customers that this changed. Lock them first.

    A row is `customer_id`, `kind`, `value` and `force`: without it, only if there is no primary of the kind yet.
    """
    if not rows:
        return set()
    return {row.customer_id for row in await tx.rows(_leading(), {"rows": rows})}


@cache
def _leading() -> Any:
    given, other = recordset(ROWS, "given", **_KEY, force=Boolean()), aliased(IdentifierRow)
    chosen = IdentifierRow.value == given.c.value
    has_one = (
        select(other.id)
        .where(other.customer_id == given.c.customer_id, other.kind == given.c.kind, other.is_primary)
        .exists()
    )
    return (
        update(IdentifierRow)
        .where(
            IdentifierRow.customer_id == given.c.customer_id,
            IdentifierRow.kind == given.c.kind,
            IdentifierRow.is_primary != chosen,
            or_(given.c.force, ~has_one),
        )
        .values(is_primary=chosen)
        .returning(IdentifierRow.customer_id)
    )


async def set_verified(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> set[uuid.UUID]:
    """Note when identifiers (`customer_id`, `kind`, `value`, `verified_at`) were verified; whom this changed."""
    if not rows:
        return set()
    return {row.customer_id for row in await tx.rows(_verifying(), {"rows": rows})}


@cache
def _verifying() -> Any:
    given = recordset(ROWS, "given", **_KEY, verified_at=DateTime(timezone=True))
    newer = IdentifierRow.verified_at.is_distinct_from(given.c.verified_at)
    changed = update(IdentifierRow).where(_same(given), newer).values(verified_at=given.c.verified_at)
    return changed.returning(IdentifierRow.customer_id)


async def remove_identifier(tx: Tx, customer: uuid.UUID, identifier: uuid.UUID) -> Any:
    """Delete an identifier of a customer; its row's kind and is_primary, or None if there is no such one."""
    row = IdentifierRow
    gone = delete(row).where(row.customer_id == customer, row.id == identifier)
    found = await tx.rows(gone.returning(row.kind, row.is_primary))
    return found[0] if found else None


def _same(given: TableValuedAlias) -> ColumnElement[bool]:
    row = IdentifierRow
    return and_(row.kind == given.c.kind, row.value == given.c.value, row.customer_id == given.c.customer_id)
