"""Relationships: each is two rows with one id, written together, so that the two sides always agree."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import case, delete, insert, update

from app.access.audit import AuditEntry
from app.core.db import Tx
from app.core.errors import INVALID, NOT_FOUND, FieldError, Problem, stale
from app.core.ids import new_id
from app.customers import queries
from app.customers.belongings import RELATIONSHIP, refuse_unless_granted
from app.customers.models import INVERSE, Relationship
from app.customers.queries.belongings import held
from app.customers.record import Fields
from app.feed.outbox import Event, announce


async def relate(tx: Tx, customer: uuid.UUID, given: Fields) -> uuid.UUID:
    """Say that `other` is `kind` of a customer; the id that both sides have.

    Raises Problem: one of the two does not exist, it is the same customer, they are in this relationship already.
    """
    other = given["other"]
    if other == customer:
        detail = "A customer is in no relationship with itself."
        raise Problem(INVALID, detail, [FieldError("/other", "same_customer", detail)])
    refuse_unless_granted(RELATIONSHIP, given, tx.caller.field_groups)
    found = await queries.locked(tx, [customer, other])
    if customer not in found:
        raise Problem(NOT_FOUND)
    if other not in found:
        detail = "There is no such customer."
        raise Problem(INVALID, detail, [FieldError("/other", "unknown_customer", detail)])
    one = new_id()
    same = {"id": one, "version": 1, "created_at": tx.now, "updated_at": tx.now, "since": given.get("since")}
    same["note"] = given.get("note")
    sides = [(customer, other, given["kind"]), (other, customer, INVERSE[given["kind"]])]
    rows = [{**same, "customer_id": mine, "other": theirs, "kind": kind} for mine, theirs, kind in sorted(sides)]
    await tx.execute(insert(Relationship).values(rows))
    await _announce(tx, one, (customer, other), 1, "create", tuple(given))
    return one


async def change(tx: Tx, customer: uuid.UUID, one: uuid.UUID, version: int, given: Fields) -> None:
    """Apply a JSON merge patch to version `version` of a relationship, on both sides.

    Raises Problem: no such customer or relationship, another version, they are in such a relationship already.
    """
    row = await _at(tx, customer, one, version)
    refuse_unless_granted(RELATIONSHIP, given, tx.caller.field_groups)
    changed = tuple(name for name in given if row[name] != given[name])
    if not changed:
        return
    table = Relationship
    values: dict[str, Any] = {name: given[name] for name in changed if name != "kind"}
    if "kind" in changed:
        values["kind"] = case((table.customer_id == customer, given["kind"]), else_=INVERSE[given["kind"]])
    sides = (customer, row["other"])
    values |= {"version": version + 1, "updated_at": tx.now}
    await tx.execute(update(table).where(table.customer_id.in_(sorted(sides)), table.id == one).values(values))
    await _announce(tx, one, sides, version + 1, "update", changed)


async def part(tx: Tx, customer: uuid.UUID, one: uuid.UUID, version: int) -> None:
    """Remove version `version` of a relationship, both sides. Raises Problem: no such one, another version."""
    row = await _at(tx, customer, one, version)
    refuse_unless_granted(RELATIONSHIP, RELATIONSHIP.groups, tx.caller.field_groups)
    sides = (customer, row["other"])
    table = Relationship
    await tx.execute(delete(table).where(table.customer_id.in_(sorted(sides)), table.id == one))
    await _announce(tx, one, sides, version + 1, "delete", ())


async def _at(tx: Tx, customer: uuid.UUID, one: uuid.UUID, version: int) -> Mapping[str, Any]:
    """The row of a side at a version, both customers locked in the order of ids."""
    row: Mapping[str, Any] | None = await held(tx, RELATIONSHIP, customer, one)
    if row is None:
        raise Problem(NOT_FOUND)
    if customer not in await queries.locked(tx, [customer, row["other"]]):
        raise Problem(NOT_FOUND)
    if await queries.hidden(tx, [row["other"]]):
        raise Problem(NOT_FOUND)
    # Read again under the lock: somebody may have changed it since.
    row = await held(tx, RELATIONSHIP, customer, one)
    if row is None:
        raise Problem(NOT_FOUND)
    if row["version"] != version:
        raise stale(row["version"])
    return row


async def _announce(
    tx: Tx, one: uuid.UUID, sides: tuple[uuid.UUID, uuid.UUID], version: int, verb: str, fields: tuple[str, ...]
) -> None:  # fmt: skip
    word = RELATIONSHIP.word
    events = [Event(f"{word}.updated", side, one, version) for side in sides]
    entries = [AuditEntry(f"{word}.{verb}", word, one, side, fields) for side in sides]
    await announce(tx, events, entries)
