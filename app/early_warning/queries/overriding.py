"""Reading the rules that are set for some customers only."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Text, cast, func, literal, select, tuple_, union_all

from app.core.db import Tx
from app.core.ids import COMPANY
from app.customers.queries import reached
from app.early_warning.models import CustomerRule, RuleOverride
from app.early_warning.rules import Kind, Target


def _all(tx: Tx, kind: Kind) -> Any:
    """(id, customer_id, by, key, priority, settings, version, set_at, updated_at) of every override of a kind."""
    own, some = CustomerRule, RuleOverride
    company = literal(COMPANY)
    return union_all(
        select(
            some.id, company.label("customer_id"), some.by, some.key, some.priority, some.settings, some.version,
            some.set_at, some.updated_at,
        ).where(some.kind == kind),
        select(
            own.id, own.customer_id, literal("customer", Text), cast(own.customer_id, Text), literal(0), own.settings,
            own.version, own.set_at, own.updated_at,
        ).where(own.kind == kind, reached(tx.caller, own.customer_id)),
    ).subquery("found")  # fmt: skip


async def overrides(tx: Tx, kind: Kind, by: Target | None, *, after: Sequence[str] | None, limit: int) -> list[Any]:
    """Up to `limit` of them in the order of `by` and `key`, after such a pair."""
    found = _all(tx, kind)
    wanted = select(found).order_by(found.c.by, found.c.key).limit(limit)
    if by is not None:
        wanted = wanted.where(found.c.by == by)
    if after is not None:
        wanted = wanted.where(tuple_(found.c.by, found.c.key) > tuple_(literal(after[0]), literal(after[1])))
    return [row._mapping for row in await tx.page(wanted)]  # noqa: SLF001  the documented way to a row's names


async def override(tx: Tx, kind: Kind, by: Target, key: str) -> Any:
    """One of them, or None."""
    found = _all(tx, kind)
    rows = await tx.rows(select(found).where(found.c.by == by, found.c.key == key))
    return rows[0]._mapping if rows else None  # noqa: SLF001  (same)


async def hold_override(tx: Tx, kind: Kind, by: Target, key: str) -> Any:
    """(id, customer_id) of one of them, locked; None if there is none."""
    own, some = CustomerRule, RuleOverride
    if by == "customer":
        mine = (own.kind == kind, own.customer_id == uuid.UUID(key), reached(tx.caller, own.customer_id))
        wanted = select(own.id, own.customer_id).where(*mine)
    else:
        wanted = select(some.id, literal(COMPANY).label("customer_id")).where(
            some.kind == kind, some.by == by, some.key == key
        )
    rows = await tx.rows(wanted.with_for_update())
    return rows[0] if rows else None


async def by_segment(tx: Tx) -> dict[uuid.UUID, list[uuid.UUID]]:
    """The overrides for segments, by segment, all in the order of ids."""
    row, found = RuleOverride, dict[uuid.UUID, list[uuid.UUID]]()
    for one in await tx.rows(select(row.id, row.key).where(row.by == "segment").order_by(row.key, row.id)):
        found.setdefault(uuid.UUID(one.key), []).append(one.id)
    return found


async def other_segments(tx: Tx, key: str) -> int:
    """For how many other segments rules are set, which stays so: whoever sets one for a segment waits for the other."""
    row = RuleOverride
    await tx.execute(select(row.id).where(row.by == "segment").order_by(row.id).with_for_update(key_share=True))
    # Asked anew, as somebody may have set another one while we waited.
    others = select(func.count(row.key.distinct())).where(row.by == "segment", row.key != key)
    return int(await tx.scalar(others))
