"""Addresses and key people: add, merge patch, remove, each with a version of its own."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, insert, update

from app.access.audit import AuditEntry
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem, stale
from app.core.ids import new_id
from app.customers import queries
from app.customers.belongings import ADDRESS, COORDINATES, MOVES, Kind, refuse_unless_granted
from app.customers.birthday import merged
from app.customers.commands.facts import Said, confirmed
from app.customers.models import BELONGINGS_MAX, TOO_MANY_BELONGINGS
from app.customers.provenance import origin
from app.customers.queries.belongings import TABLES, count, held
from app.customers.record import BIRTH, Fields
from app.feed.outbox import Event, announce

# Lists that are never null.
_LISTS = ("phones", "likes")


async def add(tx: Tx, kind: Kind, customer: uuid.UUID, given: Fields) -> uuid.UUID:
    """Add one to a customer; its id. Raises Problem: no such customer, too many, a group that is not granted."""
    await _owner(tx, customer)
    refuse_unless_granted(kind, given, tx.caller.field_groups)
    if await count(tx, kind, customer) >= BELONGINGS_MAX:
        raise Problem(TOO_MANY_BELONGINGS)
    said, one = given.pop("provenance", None), given.pop("id", None) or new_id()
    empty: Fields = {name: [] for name in _LISTS if name in kind.groups}
    if "birthday" in kind.groups:
        empty |= dict.fromkeys(BIRTH.values())
    fixed = {"customer_id": customer, "id": one, "version": 1, "created_at": tx.now, "updated_at": tx.now}
    values = {**empty, **_columns(given), **_origin(tx, said), **fixed}
    await tx.execute(insert(TABLES[kind.word]).values(values))
    await _announce(tx, kind, customer, one, 1, "create", tuple(given))
    return one


async def change(tx: Tx, kind: Kind, customer: uuid.UUID, one: uuid.UUID, version: int, given: Fields) -> None:
    """Apply a JSON merge patch to version `version` of one. What is the same makes no new version.

    Raises Problem: no such customer or record, another version, no such day, a group that is not granted.
    """
    row = await _at(tx, kind, customer, one, version)
    refuse_unless_granted(kind, given, tx.caller.field_groups)
    said = given.pop("provenance", None)
    if given.get("birthday") is not None:
        before = {part: row[column] for part, column in BIRTH.items()}
        given["birthday"] = merged(before if before["month"] is not None else None, given["birthday"])
    values = _columns(given)
    changed = tuple(name for name in given if any(row[column] != values[column] for column in _named(name)))
    if kind is ADDRESS and MOVES.intersection(changed) and "latitude" not in given and row["latitude"] is not None:
        values |= dict.fromkeys(COORDINATES)
        changed += COORDINATES
    if not changed:
        # What was rented and is said again is ours.
        if given and row["licence_end"] is not None:
            await confirm(tx, kind, customer, one, said)
        return
    table = TABLES[kind.word]
    previous = {name: _shown(row, name) for name in changed}
    never = dict.fromkeys(("confirmed_at", "confirmed_by", "confirmed_store"))
    more = {**_origin(tx, said), **never, "previous": previous, "version": version + 1, "updated_at": tx.now}
    mine = (table.customer_id == customer, table.id == one)
    await tx.execute(update(table).where(*mine).values({**values, **more}))
    await _announce(tx, kind, customer, one, version + 1, "update", changed)


async def confirm(tx: Tx, kind: Kind, customer: uuid.UUID, one: uuid.UUID, said: Fields | None) -> None:
    """Note that one is still right; it makes no new version. Raises Problem: no such customer or record, a group."""
    owner = await _owner(tx, customer)
    refuse_unless_granted(kind, kind.groups, tx.caller.field_groups)
    table = TABLES[kind.word]
    again = Said(origin(tx.caller, said), _collected_at(tx, said))
    mine = (table.customer_id == customer, table.id == one)
    if not await tx.rows(update(table).where(*mine).values(confirmed(table, again)).returning(table.id)):
        raise Problem(NOT_FOUND)
    event = Event("customer.confirmed", customer, customer, owner["version"])
    entry = AuditEntry(f"{kind.word}.confirm", kind.word, one, customer)
    await announce(tx, [event], [entry])


async def remove(tx: Tx, kind: Kind, customer: uuid.UUID, one: uuid.UUID, version: int) -> None:
    """Remove version `version` of one. Raises Problem: no such customer or record, another version."""
    await _at(tx, kind, customer, one, version)
    refuse_unless_granted(kind, kind.groups, tx.caller.field_groups)
    table = TABLES[kind.word]
    await tx.execute(delete(table).where(table.customer_id == customer, table.id == one))
    await _announce(tx, kind, customer, one, version + 1, "delete", ())


async def _owner(tx: Tx, customer: uuid.UUID) -> Mapping[str, Any]:
    """The row of the customer, locked."""
    found = (await queries.locked(tx, [customer])).get(customer)
    if found is None:
        raise Problem(NOT_FOUND)
    return found


async def _at(tx: Tx, kind: Kind, customer: uuid.UUID, one: uuid.UUID, version: int) -> Mapping[str, Any]:
    """The row of one at a version, its customer locked."""
    await _owner(tx, customer)
    row: Mapping[str, Any] | None = await held(tx, kind, customer, one)
    if row is None:
        raise Problem(NOT_FOUND)
    if row["version"] != version:
        raise stale(row["version"])
    return row


def _origin(tx: Tx, said: Fields | None) -> Fields:
    source = origin(tx.caller, said)
    return {
        "channel": source.channel, "collector": source.collector, "store": source.store,
        "licence_end": source.licence_end, "collected_at": _collected_at(tx, said),
    }  # fmt: skip


def _collected_at(tx: Tx, said: Fields | None) -> datetime:
    return min((said or {}).get("collected_at") or tx.now, tx.now)


def _shown(row: Mapping[str, Any], field: str) -> Any:
    if field == "birthday":
        return {part: row[column] for part, column in BIRTH.items()} if row["birth_month"] is not None else None
    if field in COORDINATES and row[field] is not None:
        return f"{Decimal(repr(row[field])):f}"
    return row[field]


def _named(field: str) -> tuple[str, ...]:
    return tuple(BIRTH.values()) if field == "birthday" else (field,)


def _columns(given: Mapping[str, Any]) -> Fields:
    columns: Fields = {}
    for name, value in given.items():
        if name == "birthday":
            columns |= {column: (value or {}).get(part) for part, column in BIRTH.items()}
        else:
            columns[name] = [] if value is None and name in _LISTS else value
    return columns


async def _announce(
    tx: Tx, kind: Kind, customer: uuid.UUID, one: uuid.UUID, version: int, verb: str, fields: tuple[str, ...]
) -> None:  # fmt: skip
    event = Event(f"{kind.word}.updated", customer, one, version)
    entry = AuditEntry(f"{kind.word}.{verb}", kind.word, one, customer, fields)
    await announce(tx, [event], [entry])
