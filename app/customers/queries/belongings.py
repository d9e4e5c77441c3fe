"""Addresses, key people and relationships of a customer, as the caller may see them."""

import uuid
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    DateTime,
    SmallInteger,
    Text,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by

from app.core.caller import Caller
from app.core.db import Tx
from app.core.documents import json_degrees, json_object, json_time
from app.customers.belongings import ADDRESS, CONTACT, COORDINATES, RELATIONSHIP, Kind
from app.customers.models import Address, Contact, Customer, Relationship
from app.customers.queries.masks import is_masked, masked_email, masked_name, masked_phones
from app.customers.queries.reach import present, reached, sight
from app.customers.queries.reading import display_name

TABLES: dict[str, Any] = {ADDRESS.word: Address, CONTACT.word: Contact, RELATIONSHIP.word: Relationship}
_ORIGIN = ("channel", "collector", "store", "confirmed_by")


@lru_cache(maxsize=64)
def document(kind: Kind, groups: frozenset[str]) -> ColumnElement[Any]:
    """The JSON of one, over its table."""
    return json_object(**_members(kind, groups))


def _members(kind: Kind, groups: frozenset[str]) -> dict[str, Any]:
    table = TABLES[kind.word]
    shown: dict[str, Any] = {"id": table.id}
    for name, group in kind.groups.items():
        if group in groups:
            shown[name] = _birthday() if name == "birthday" else getattr(table, name)
            if name in COORDINATES:
                shown[name] = json_degrees(shown[name])
    shown |= _masked(kind, table, groups)
    if kind is not RELATIONSHIP:
        shown |= {name: getattr(table, name) for name in _ORIGIN}
        shown |= {"collected_at": json_time(table.collected_at), "confirmed_at": json_time(table.confirmed_at)}
        shown |= {"licence_end": table.licence_end, "state": _state(table), "previous": _previous(kind, groups)}
    shown |= {"version": table.version, "created_at": json_time(table.created_at)}
    return {**shown, "updated_at": json_time(table.updated_at)}


def _masked(kind: Kind, table: Any, groups: frozenset[str]) -> dict[str, Any]:
    """The fields that these groups show masked."""
    shown: dict[str, Any] = {}
    if kind is CONTACT and is_masked("personal", groups):
        shown |= {"name": masked_name(table.name), "birthday": _birthday(year=False)}
    if kind is CONTACT and is_masked("contact", groups):
        shown |= {"phones": masked_phones(table.phones), "email": masked_email(table.email)}
    if kind is ADDRESS and is_masked("contact", groups):
        shown |= {"district": table.district, "recipient": masked_name(table.recipient)}
    return shown


async def belongings(tx: Tx, kind: Kind, customer: uuid.UUID, today: date) -> str | None:
    """The JSON list of all of a kind, the oldest first; None if there is no such customer. `today` is the company's."""
    table = TABLES[kind.word]
    each = func.json_agg(aggregate_order_by(document(kind, tx.caller.field_groups), table.id), type_=JSON)
    listed = select(each).where(table.customer_id == Customer.id).correlate(Customer).scalar_subquery()
    wanted = select(func.coalesce(cast(listed, Text), "[]")).where(Customer.id == customer, *_seen(tx))
    found: str | None = await tx.scalar(wanted, _times(tx, kind, today))
    return found


async def relationships(
    tx: Tx, customer: uuid.UUID, *, after: uuid.UUID | None, limit: int
) -> list[tuple[uuid.UUID, str]] | None:
    """Up to `limit` (id, JSON) of a customer's relationships after an id; None if there is no such customer."""
    row = Relationship
    wanted = select(row.id, cast(document(RELATIONSHIP, tx.caller.field_groups), Text))
    wanted = wanted.join(Customer, Customer.id == row.customer_id).where(row.customer_id == customer, *_seen(tx))
    wanted = wanted.where(reached(tx.caller, row.other))
    if after is not None:
        wanted = wanted.where(row.id > after)
    rows = await tx.page(wanted.order_by(row.id).limit(limit))
    if not rows and await tx.scalar(select(Customer.id).where(Customer.id == customer, *_seen(tx))) is None:
        return None
    return [(row[0], row[1]) for row in rows]


def related(customer: ColumnElement[Any], caller: Caller, most: int) -> ColumnElement[Any]:
    """A JSON list of the first relationships of the customer in this column, with the displayed name of each other.

    For a statement that is built once: see `visible_to`. Of customers whom the caller may not know of nothing is told.
    """
    row = Relationship
    shown = _members(RELATIONSHIP, caller.field_groups)
    if "basic" in caller.field_groups:
        name = select(display_name(caller.field_groups)).where(Customer.id == row.other).correlate(row)
        shown["other_name"] = name.scalar_subquery()
    first = select(row.id, json_object(**shown).label("document")).where(row.customer_id == customer)
    first = first.where(reached(sight(caller), row.other))
    each = first.order_by(row.id).limit(most).correlate_except(row).lateral("related")
    listed = select(func.json_agg(aggregate_order_by(each.c.document, each.c.id), type_=JSON))
    return func.coalesce(listed.scalar_subquery(), literal([], JSON))


async def belonging(tx: Tx, kind: Kind, customer: uuid.UUID, one: uuid.UUID, today: date) -> tuple[str, int]:
    """(JSON, version) of one that exists."""
    table = TABLES[kind.word]
    shown = cast(document(kind, tx.caller.field_groups), Text)
    wanted = select(shown, table.version).where(table.customer_id == customer, table.id == one)
    found = await tx.rows(wanted, _times(tx, kind, today))
    return found[0][0], found[0][1]


async def held(tx: Tx, kind: Kind, customer: uuid.UUID, one: uuid.UUID) -> Any:
    """The row of one, by its columns' names, or None. Its customer is locked."""
    table = TABLES[kind.word].__table__
    rows = await tx.rows(select(*table.c).where(table.c.customer_id == customer, table.c.id == one))
    return rows[0]._mapping if rows else None  # noqa: SLF001  the documented way to a row's names


async def count(tx: Tx, kind: Kind, customer: uuid.UUID) -> int:
    """How many of a kind a customer has."""
    table = TABLES[kind.word]
    found: int = await tx.scalar(select(func.count()).where(table.customer_id == customer))
    return found


def _seen(tx: Tx) -> tuple[ColumnElement[bool], ...]:
    return (Customer.kind != "walk_in", present(tx.caller))


def _state(table: Any) -> ColumnElement[Any]:
    """As `provenance.state`, and retired when the licence has ended. Parameters: those of `_times`."""
    latest = func.greatest(table.collected_at, table.confirmed_at)
    return case(
        (table.licence_end < bindparam("today", type_=Date), literal("retired")),
        (latest <= bindparam("stale_since", type_=DateTime(timezone=True)), literal("stale")),
        else_=literal("current"),
    )


def _previous(kind: Kind, groups: frozenset[str]) -> ColumnElement[Any]:
    """What the last change replaced, of the fields that these groups show."""
    hidden = [name for name, group in kind.groups.items() if group not in groups]
    previous: ColumnElement[Any] = TABLES[kind.word].previous
    return previous.op("-")(literal(hidden, ARRAY(Text))) if hidden else previous


def _times(tx: Tx, kind: Kind, today: date) -> dict[str, Any]:
    if kind.fresh_days is None:
        return {}
    return {"today": today, "stale_since": tx.now - timedelta(days=kind.fresh_days)}


def _birthday(*, year: bool = True) -> ColumnElement[Any]:
    known = Contact.birth_year if year else cast(null(), SmallInteger)
    parts = json_object(month=Contact.birth_month, day=Contact.birth_day, year=known)
    return case((Contact.birth_month.is_not(None), parts))
