"""Reading records, lists of them, and the rules that make tasks."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, DateTime, Integer, Select, Uuid, bindparam, select, text, tuple_

from app.core.db import Tx
from app.customers.models import Customer
from app.customers.queries import editable, may_see, reach_values, reached, sight, visible_to
from app.customers.queries.reach import Sight
from app.engagement.kinds import Kind
from app.engagement.models import LIVE, FollowUpRule
from app.engagement.queries.documents import document, table_of

Key = tuple[datetime, uuid.UUID]
Found = tuple[Key, uuid.UUID, str]
# Parameters of the statements, which are built once.
_CUSTOMER, _RECORD = bindparam("customer", type_=Uuid), bindparam("record", type_=Uuid)
_LIMIT = bindparam("limit", type_=Integer)
_LAST = tuple_(bindparam("moment", type_=DateTime(timezone=True)), _RECORD)


async def one(tx: Tx, kind: Kind, customer_id: uuid.UUID | None, record_id: uuid.UUID) -> tuple[str, int, Any] | None:
    """(JSON with its history, version, customer) of a record; without a customer it is found by its id alone."""
    statement = _one(kind, tx.caller.field_groups, sight(tx.caller), by_id_alone=customer_id is None)
    rows = await tx.rows(statement, {"customer": customer_id, "record": record_id, **reach_values(tx.caller)})
    return (rows[0][0], rows[0][1], rows[0][2]) if rows else None


@cache
def _one(kind: Kind, groups: frozenset[str], seer: Sight, *, by_id_alone: bool) -> Select[Any]:
    table = table_of(kind)
    found = select(document(kind, groups, history=True), table.c.version, table.c.customer_id)
    found = found.where(table.c.id == _RECORD, reached(seer, table.c.customer_id))
    return found if by_id_alone else found.where(table.c.customer_id == _CUSTOMER)


async def held(tx: Tx, kind: Kind, customer_id: uuid.UUID | None, record_id: uuid.UUID) -> Mapping[str, Any] | None:
    """A record that may be changed, locked: its customer is neither merged nor erased, and stays so to the end.

    The customer is held first, as who merges or erases does: what is written of a record beside an erasure would stay.
    It is looked for twice: while the first look waited, a merge may have given it to another customer.
    """
    table = table_of(kind)
    holder = (
        select(Customer.id)
        .join_from(table, Customer, Customer.id == table.c.customer_id)
        .where(table.c.id == record_id, editable(), visible_to(tx.caller))
        .with_for_update(read=True, of=Customer.__table__)
    )
    if customer_id is not None:
        holder = holder.where(table.c.customer_id == customer_id)
    holding = holder.cte("holder")
    found = select(*table.c).join_from(holding, table, table.c.customer_id == holding.c.id)
    found = found.where(table.c.id == record_id).with_for_update(of=table)
    rows = await tx.rows(found) or await tx.rows(found)
    return rows[0]._mapping if rows else None  # noqa: SLF001  the documented way to a row's names


async def page(tx: Tx, kind: Kind, customer_id: uuid.UUID, *, after: Key | None, limit: int) -> list[Found] | None:
    """Up to `limit` of a customer's records of a kind, what happened last first; None if there is no such customer."""
    statement = _page(kind, tx.caller.field_groups, sight(tx.caller), further=after is not None)
    values = {"customer": customer_id, **_after(after), "limit": limit, **reach_values(tx.caller)}
    rows = await tx.page(statement, values)
    if not rows and not await may_see(tx, customer_id):
        return None
    return [((row[0], row[1]), row[2], row[3]) for row in rows]


@cache
def _page(kind: Kind, groups: frozenset[str], seer: Sight, *, further: bool) -> Select[Any]:
    table = table_of(kind)
    order = (table.c.occurred_at, table.c.id)
    found = select(*order, table.c.customer_id, document(kind, groups))
    found = found.where(table.c.customer_id == _CUSTOMER, reached(seer, table.c.customer_id))
    found = found.order_by(*(column.desc() for column in order)).limit(_LIMIT)
    return found.where(tuple_(*order) < _LAST) if further else found


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records of all customers to list. `state` is a state, `live` (what wants something done) or `all`."""

    state: str
    equal: tuple[tuple[str, Any], ...] = ()
    due_before: datetime | None = None


async def work_list(tx: Tx, kind: Kind, wanted: Wanted, *, after: Key | None, limit: int) -> list[Found]:
    """Up to `limit` records: what wants something done, the first due first; other lists by id, newest first."""
    form = _Form(
        wanted.state not in {"live", "all"}, wanted.state == "live" or wanted.state in kind.live,
        tuple(name for name, _ in wanted.equal), wanted.due_before is not None, after is not None,
    )  # fmt: skip
    statement = _working(kind, tx.caller.field_groups, sight(tx.caller), form)
    values = {
        "wanted_state": wanted.state, **{f"wanted_{name}": value for name, value in wanted.equal},
        "due_before": wanted.due_before, **_after(after), "limit": limit, **reach_values(tx.caller),
    }  # fmt: skip
    return [((row[0], row[1]), row[2], row[3]) for row in await tx.page(statement, values)]


class _Form(NamedTuple):
    """What the statement of a work list depends on, but for its values."""

    of_state: bool
    live: bool
    equal: tuple[str, ...]
    dated: bool
    further: bool


@lru_cache(maxsize=256)
def _working(kind: Kind, groups: frozenset[str], seer: Sight, form: _Form) -> Select[Any]:
    table = table_of(kind)
    assert kind.state is not None and kind.due is not None  # noqa: S101, PT018  only such kinds have work lists
    state, due = table.c[kind.state], table.c[kind.due]
    found: Select[Any] = select(due, table.c.id, table.c.customer_id, document(kind, groups))
    found = found.where(reached(seer, table.c.customer_id))
    if form.of_state:
        found = found.where(state == bindparam("wanted_state"))
    for name in form.equal:
        found = found.where(table.c[name] == bindparam(f"wanted_{name}"))
    if form.dated:
        found = found.where(due < bindparam("due_before"))
    if form.live:
        # Said in the words of the index, which holds just these.
        found = found.where(text(LIVE[kind.name])).order_by(due, table.c.id)
        behind: ColumnElement[bool] = tuple_(due, table.c.id) > _LAST
    else:
        found = found.order_by(table.c.id.desc())
        behind = table.c.id < _RECORD
    return (found.where(behind) if form.further else found).limit(_LIMIT)


def _after(key: Key | None) -> dict[str, Any]:
    return {} if key is None else {"moment": key[0], "record": key[1]}


async def rules(tx: Tx) -> list[Mapping[str, Any]]:
    """All follow-up rules, by code."""
    rows = await tx.rows(select(*FollowUpRule.__table__.c).order_by(FollowUpRule.code))
    return [row._mapping for row in rows]  # noqa: SLF001  the documented way to a row's names
