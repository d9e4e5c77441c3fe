"""Reading records, lists of them, and the rules that make tasks."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Select, literal, select, text, tuple_

from app.core.db import Tx
from app.customers.models import Customer
from app.customers.queries import editable, present, reached, visible_to
from app.engagement.kinds import Kind
from app.engagement.models import LIVE, FollowUpRule
from app.engagement.queries.documents import document, table_of

Key = tuple[datetime, uuid.UUID]
Found = tuple[Key, uuid.UUID, str]


async def one(tx: Tx, kind: Kind, customer_id: uuid.UUID | None, record_id: uuid.UUID) -> tuple[str, int, Any] | None:
    """(JSON with its history, version, customer) of a record; without a customer it is found by its id alone."""
    table = table_of(kind)
    shown = document(kind, tx.caller.field_groups, history=True)
    found = select(shown, table.c.version, table.c.customer_id).where(table.c.id == record_id)
    found = found.where(reached(tx.caller, table.c.customer_id))
    if customer_id is not None:
        found = found.where(table.c.customer_id == customer_id)
    rows = await tx.rows(found)
    return (rows[0][0], rows[0][1], rows[0][2]) if rows else None


async def held(tx: Tx, kind: Kind, customer_id: uuid.UUID | None, record_id: uuid.UUID) -> Mapping[str, Any] | None:
    """A record that may be changed, locked: its customer is neither merged nor erased.

    It is looked for twice: while the first look waited, a merge may have given it to another customer.
    """
    table = table_of(kind)
    found = (
        select(*table.c)
        .join_from(table, Customer, Customer.id == table.c.customer_id)
        .where(table.c.id == record_id, editable(), visible_to(tx.caller))
        .with_for_update(of=table)
    )
    if customer_id is not None:
        found = found.where(table.c.customer_id == customer_id)
    rows = await tx.rows(found) or await tx.rows(found)
    return rows[0]._mapping if rows else None  # noqa: SLF001  the documented way to a row's names


async def page(tx: Tx, kind: Kind, customer_id: uuid.UUID, *, after: Key | None, limit: int) -> list[Found] | None:
    """Up to `limit` of a customer's records of a kind, what happened last first; None if there is no such customer."""
    table = table_of(kind)
    order = (table.c.occurred_at, table.c.id)
    found = select(*order, table.c.customer_id, document(kind, tx.caller.field_groups))
    found = found.where(table.c.customer_id == customer_id, reached(tx.caller, table.c.customer_id))
    found = found.order_by(*(column.desc() for column in order)).limit(limit)
    if after is not None:
        found = found.where(tuple_(*order) < _key(after))
    rows = await tx.rows(found)
    if not rows and await tx.scalar(select(Customer.id).where(Customer.id == customer_id, present(tx.caller))) is None:
        return None
    return [((row[0], row[1]), row[2], row[3]) for row in rows]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records of all customers to list. `state` is a state, `live` (what wants something done) or `all`."""

    state: str
    equal: tuple[tuple[str, Any], ...] = ()
    due_before: datetime | None = None


async def work_list(tx: Tx, kind: Kind, wanted: Wanted, *, after: Key | None, limit: int) -> list[Found]:
    """Up to `limit` records: what wants something done, the first due first; other lists by id, newest first."""
    table = table_of(kind)
    assert kind.state is not None and kind.due is not None  # noqa: S101, PT018  only such kinds have work lists
    state, due = table.c[kind.state], table.c[kind.due]
    found: Select[Any] = select(due, table.c.id, table.c.customer_id, document(kind, tx.caller.field_groups))
    found = found.where(reached(tx.caller, table.c.customer_id))
    if wanted.state not in {"live", "all"}:
        found = found.where(state == wanted.state)
    for name, value in wanted.equal:
        found = found.where(table.c[name] == value)
    if wanted.due_before is not None:
        found = found.where(due < wanted.due_before)
    if wanted.state == "live" or wanted.state in kind.live:
        # Said in the words of the index, which holds just these.
        found = found.where(text(LIVE[kind.name])).order_by(due, table.c.id)
        if after is not None:
            found = found.where(tuple_(due, table.c.id) > _key(after))
    else:
        found = found.order_by(table.c.id.desc())
        if after is not None:
            found = found.where(table.c.id < after[1])
    return [((row[0], row[1]), row[2], row[3]) for row in await tx.rows(found.limit(limit))]


def _key(after: Key) -> Any:
    return tuple_(literal(after[0], DateTime(timezone=True)), literal(after[1]))


async def rules(tx: Tx) -> list[Mapping[str, Any]]:
    """All follow-up rules, by code."""
    rows = await tx.rows(select(*FollowUpRule.__table__.c).order_by(FollowUpRule.code))
    return [row._mapping for row in rows]  # noqa: SLF001  the documented way to a row's names
