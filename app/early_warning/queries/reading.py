"""Reading warnings, what happened to them, rules and holds."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Executable,
    Select,
    Text,
    and_,
    bindparam,
    func,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by

from app.core.db import Tx
from app.core.documents import json_object, json_time
from app.core.sql import allow_loops
from app.customers.models import Customer
from app.customers.queries import editable, reached, visible_to
from app.early_warning.models import Hold, WarningEvent, WarningRow, WarningRule

_SHOWN = tuple(
    WarningRow.__table__.c[name]
    for name in (
        "id", "customer_id", "kind", "subject", "state", "severity", "status", "evidence", "owner", "due_at",
        "opened_at", "changed_at", "acknowledged_at", "acknowledged_by", "resolved_at", "resolved_by",
        "resolution", "snoozed_until", "escalated_at", "promised_amount", "promised_on", "promise_state",
        "promise_paid", "version", "severity_rank",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filter:
    """Which warnings to list. `status` is one, `live` (not resolved) or `all`; `store` the customer's home store."""

    status: str = "live"
    kind: str | None = None
    severity: str | None = None
    owner: str | None = None
    customer_id: uuid.UUID | None = None
    store: str | None = None
    due_before: datetime | None = None

    @property
    def worst_first(self) -> bool:
        """What is not resolved goes by severity; other lists go by id, newest first."""
        return self.status not in {"resolved", "all"}


async def page(tx: Tx, wanted: Filter, *, after: Sequence[Any] | None, limit: int) -> list[Mapping[str, Any]]:
    """Up to `limit` warnings after the key `after`: [severity rank, id], or [id] where it goes by id."""
    statement: Select[Any] = select(*_SHOWN).where(reached(tx.caller, WarningRow.customer_id)).limit(limit)
    if wanted.status == "live" or wanted.worst_first:
        # Said also where a status is named: the index of the board holds just these.
        statement = statement.where(WarningRow.status != "resolved")
    if wanted.status not in {"live", "all"}:
        statement = statement.where(WarningRow.status == wanted.status)
    for name in ("kind", "severity", "owner", "customer_id"):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(WarningRow.__table__.c[name] == value)
    if wanted.store is not None:
        near = select(Customer.id).where(Customer.id == WarningRow.customer_id, Customer.home_store == wanted.store)
        statement = statement.where(near.exists())
    if wanted.due_before is not None:
        statement = statement.where(WarningRow.due_at < wanted.due_before)
    if wanted.worst_first:
        key = (WarningRow.severity_rank, WarningRow.id)
        statement = statement.order_by(*(column.desc() for column in key))
        if after is not None:
            statement = statement.where(tuple_(*key) < tuple_(literal(int(after[0])), literal(uuid.UUID(after[1]))))
    else:
        statement = statement.order_by(WarningRow.id.desc())
        if after is not None:
            statement = statement.where(WarningRow.id < uuid.UUID(after[0]))
    return [row._mapping for row in await tx.page(statement)]  # noqa: SLF001  the documented way to a row's names


def live(customer: ColumnElement[Any]) -> ColumnElement[Any]:
    """A JSON list of what is not resolved of the customer in this column, the worst first; for `documents.document`."""
    table = WarningRow.__table__
    shown = {
        column.name: json_time(column) if isinstance(column.type, DateTime) else column
        for column in _SHOWN if column.name != "severity_rank"
    }  # fmt: skip
    order = (table.c.severity_rank.desc(), table.c.id.desc())
    listed = func.json_agg(aggregate_order_by(json_object(**shown), *order), type_=JSON)
    mine = select(listed).where(table.c.customer_id == customer, table.c.status != "resolved")
    return func.coalesce(mine.correlate_except(table).scalar_subquery(), literal([], JSON))


async def warning(tx: Tx, warning_id: uuid.UUID) -> Mapping[str, Any] | None:
    """A warning."""
    seen = reached(tx.caller, WarningRow.customer_id)
    rows = await tx.rows(select(*_SHOWN).where(WarningRow.id == warning_id, seen))
    return rows[0]._mapping if rows else None  # noqa: SLF001  (same)


async def history(tx: Tx, found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What happened to a warning, from the first on."""
    names = ("at", "action", "state", "severity", "status", "evidence", "actor", "note", "details")
    columns = (WarningEvent.__table__.c[name] for name in names)
    mine = (WarningEvent.customer_id == found["customer_id"], WarningEvent.warning_id == found["id"])
    rows = await tx.rows(select(*columns).where(*mine).order_by(WarningEvent.version))
    return [row._mapping for row in rows]  # noqa: SLF001  (same)


async def comments(
    tx: Tx, warning_id: uuid.UUID, *, after: int | None, limit: int
) -> tuple[uuid.UUID, list[Mapping[str, Any]]] | None:
    """Up to `limit` comments on a warning after version `after` of it, with its customer; None if there is no such."""
    found = await warning(tx, warning_id)
    if found is None:
        return None
    e = WarningEvent
    wanted = select(e.id, e.warning_id, e.at, e.actor, e.note, e.details, e.version)
    wanted = wanted.where(e.customer_id == found["customer_id"], e.warning_id == warning_id, e.action == "commented")
    if after is not None:
        wanted = wanted.where(e.version > after)
    rows = await tx.page(wanted.order_by(e.version).limit(limit))
    return found["customer_id"], [row._mapping for row in rows]  # noqa: SLF001  (same)


async def rules(tx: Tx) -> dict[str, tuple[dict[str, Any], int, datetime]]:
    """(what was set, version, when) of the rules that are not wholly as usual, by kind."""
    return {
        row.kind: (row.settings, row.version, row.updated_at) for row in await tx.rows(select(*WarningRule.__table__.c))
    }


async def hold(tx: Tx, hold_id: uuid.UUID) -> Mapping[str, Any] | None:
    """A hold."""
    rows = await tx.rows(select(*Hold.__table__.c).where(Hold.id == hold_id))
    return rows[0]._mapping if rows else None  # noqa: SLF001  (same)


async def stretch_end(tx: Tx, after: uuid.UUID, size: int) -> uuid.UUID | None:
    """The id of the last of the next `size` customers after an id; None if there are none."""
    following = select(Customer.id).where(Customer.id > after).order_by(Customer.id).limit(size).subquery()
    found: uuid.UUID | None = await tx.scalar(select(following.c.id).order_by(following.c.id.desc()).limit(1))
    return found


# The plan of a stretch is the same for all stretches.
_IN_RANGES, _AS_USUAL = (
    select(func.set_config("plan_cache_mode", mode, literal(True))) for mode in ("force_generic_plan", "auto")
)


async def in_stretch(tx: Tx, statement: Executable, values: Mapping[str, Any]) -> list[Any]:
    """The rows of a statement about a stretch of all customers (`parts.STRETCH`)."""
    await tx.execute(_IN_RANGES)
    await tx.execute(allow_loops(allowed=False))
    rows = list(await tx.rows(statement, values))
    await tx.execute(_AS_USUAL)
    await tx.execute(allow_loops(allowed=True))
    return rows


async def live_holds(tx: Tx, customer_id: uuid.UUID) -> list[tuple[str | None, str]] | None:
    """What stops sales to a customer, the oldest first: the rule, and the reason; None if there is no such customer."""
    h = Hold
    live = and_(h.customer_id == Customer.id, h.released_at.is_(None))
    found = select(h.rule, h.reason).select_from(Customer).outerjoin(h, live)
    found = found.where(Customer.id == customer_id, editable(), visible_to(tx.caller)).order_by(h.placed_at, h.id)
    rows = await tx.rows(found)
    return [(row.rule, row.reason) for row in rows if row.reason is not None] if rows else None


_HAPPENED = text(
    """
SELECT e.type, array_agg(DISTINCT c.id) AS customers FROM events e
CROSS JOIN LATERAL (
  SELECT e.customer_id AS id
  UNION SELECT CAST(e.data->>'previous_customer_id' AS uuid) WHERE e.type = 'receipt.attributed'
  UNION SELECT CAST(e.data->>'loser' AS uuid) WHERE e.type = 'customer.unmerged'
) c
WHERE e.sequence > :after AND e.sequence <= :upto AND e.type = ANY (:types) AND c.id IS NOT NULL
GROUP BY e.type
"""
).bindparams(bindparam("types", type_=ARRAY(Text)))


async def happened(tx: Tx, after: int, upto: int, types: list[str]) -> dict[str, list[uuid.UUID]]:
    """By type the customers whom the events of these types in a stretch of the feed are about."""
    rows = await tx.rows(_HAPPENED, {"after": after, "upto": upto, "types": types})
    return {row.type: row.customers for row in rows}
