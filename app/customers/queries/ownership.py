"""Who looks after customers, who did before, and what was handed over."""

import uuid
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, Uuid, case, cast, func, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.core.db import Tx
from app.core.documents import json_object, json_time
from app.core.models import Job
from app.customers.models import Assignment, Customer, Handover
from app.customers.queries.reach import present, reached, visible_to
from app.customers.queries.reading import editable

SAMPLE = 20


async def held(tx: Tx, customer: uuid.UUID) -> dict[str, Any] | None:
    """Who looks after a customer, and its version; None if there is no such customer for the caller."""
    found = select(Customer.id.label("customer_id"), Customer.account_manager, Customer.sponsor, Customer.version)
    rows = await tx.rows(found.where(Customer.id == customer, present(tx.caller)))
    return dict(rows[0]._mapping) if rows else None  # noqa: SLF001  the documented way to a row's names


async def assignments(
    tx: Tx, customer: uuid.UUID, *, after: uuid.UUID | None, limit: int
) -> list[tuple[uuid.UUID, str]] | None:
    """Up to `limit` (id, JSON) of who looked after a customer, the newest first; None if there is no such customer."""
    row = Assignment
    shown = json_object(
        id=row.id, part=row.part, staff=row.staff, since=json_time(row.since), until=json_time(row.until),
        reason=row.reason, ended_reason=row.ended_reason, assigned_by=row.assigned_by, ended_by=row.ended_by,
        handover_id=row.handover_id,
    )  # fmt: skip
    found = select(row.id, cast(shown, Text)).where(row.customer_id == customer, reached(tx.caller, row.customer_id))
    if after is not None:
        found = found.where(row.id < after)
    rows = await tx.page(found.order_by(row.id.desc()).limit(limit))
    if not rows and await tx.scalar(select(Customer.id).where(Customer.id == customer, present(tx.caller))) is None:
        return None
    return [(row[0], row[1]) for row in rows]


# --- handing over -----------------------------------------------------------------------------------------------------


async def preview(tx: Tx, ids: Select[Any], wanted: dict[str, str | None]) -> tuple[int, int, list[uuid.UUID]]:
    """(found, of these to change, some of them) of a SELECT of customer ids, if they were to be assigned like this."""
    chosen = ids.subquery("chosen")
    differs = or_(*(Customer.__table__.c[part].is_distinct_from(staff) for part, staff in wanted.items()))
    mine = (Customer.id.in_(select(chosen.c.id)), editable(), visible_to(tx.caller))
    found = select(Customer.id, differs.label("differs")).where(*mine).cte("found")
    first = select(found.c.id).where(found.c.differs).order_by(found.c.id).limit(SAMPLE).subquery()
    some = select(func.array_agg(first.c.id, type_=ARRAY(Uuid))).scalar_subquery()
    row = (await tx.rows(select(func.count(), func.count().filter(found.c.differs), some).select_from(found)))[0]
    return row[0], row[1], list(row[2] or ())


def named(customers: list[uuid.UUID]) -> Select[Any]:
    """A SELECT of these ids."""
    return select(func.unnest(literal(sorted(set(customers)), ARRAY(Uuid))).label("id"))


def managed(tx: Tx, staff: str) -> Select[Any]:
    """A SELECT of the ids of whom somebody is the account manager, of those whom the caller may know."""
    return select(Customer.id.label("id")).where(Customer.account_manager == staff, visible_to(tx.caller))


def handed(handover_id: uuid.UUID) -> Select[Any]:
    """A SELECT of the ids of whom a handover has assigned and nobody since."""
    row = Assignment
    return select(row.customer_id.label("id")).where(row.handover_id == handover_id, row.until.is_(None)).distinct()


async def order_of(tx: Tx, handover_id: uuid.UUID) -> Any:
    """What was `wanted` with a handover, and its `reason`."""
    return (await tx.rows(select(Handover.wanted, Handover.reason).where(Handover.id == handover_id)))[0]


async def left_out(tx: Tx, ids: Select[Any]) -> dict[str, int]:
    """How many of a SELECT of customer ids cannot be handed over, by reason; whom the caller may not know is absent."""
    chosen = ids.subquery("chosen")
    seen = (Customer.id == chosen.c.id, visible_to(tx.caller))
    reason = case(
        (Customer.id.is_(None), "absent"),
        (Customer.kind == "walk_in", "walk_in"),
        (Customer.status.in_(("merged", "erased")), Customer.status),
        else_=None,
    ).label("reason")
    each = select(reason).select_from(chosen.outerjoin(Customer.__table__, _all(seen))).subquery("each")
    found = select(each.c.reason, func.count()).where(each.c.reason.is_not(None)).group_by(each.c.reason)
    return {row[0]: row[1] for row in await tx.rows(found.order_by(each.c.reason))}


def _all(conditions: tuple[ColumnElement[bool], ...]) -> ColumnElement[bool]:
    first, second = conditions
    return first & second


async def portion(tx: Tx, ids: Select[Any], after: uuid.UUID | None, size: int) -> list[uuid.UUID]:
    """The next ids of a SELECT of customer ids, in their order."""
    chosen = ids.subquery("chosen")
    found = select(chosen.c.id).order_by(chosen.c.id).limit(size)
    return [row[0] for row in await tx.rows(found if after is None else found.where(chosen.c.id > after))]


def _handover() -> Any:
    row = Handover
    status = case(
        (row.finished_at.is_not(None), "done"),
        else_=func.coalesce(Job.status, literal("failed")),
    )
    shown = json_object(
        id=row.id, status=status, selection=row.selection, source=row.source, to=row.wanted, reason=row.reason,
        found=row.found, changed=row.changed, left_out=row.left_out, created_by=row.client_id,
        created_at=json_time(row.created_at), finished_at=json_time(row.finished_at),
    )  # fmt: skip
    return select(row.id, cast(shown, Text)).join_from(row, Job, Job.id == row.id, isouter=True)


async def handovers(tx: Tx, *, after: uuid.UUID | None, limit: int) -> list[tuple[uuid.UUID, str]]:
    """Up to `limit` (id, JSON) of the handovers that the caller may see, the newest first."""
    found = _seen(tx, _handover())
    if after is not None:
        found = found.where(Handover.id < after)
    return [(row[0], row[1]) for row in await tx.page(found.order_by(Handover.id.desc()).limit(limit))]


async def handover(tx: Tx, handover_id: uuid.UUID) -> str | None:
    """The JSON of a handover."""
    rows = await tx.rows(_seen(tx, _handover()).where(Handover.id == handover_id))
    return rows[0][1] if rows else None


def _seen(tx: Tx, found: Any) -> Any:
    """Who reaches only some customers sees what it has handed over itself."""
    return found.where(Handover.client_id == tx.caller.client_id) if tx.caller.limited else found
