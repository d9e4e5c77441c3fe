"""Setting rules: of the company, and others for customers of a grade, of a segment, or for one customer."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    Integer,
    Uuid,
    delete,
    exists,
    literal,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from app.access.audit import AuditEntry, record
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem
from app.core.ids import COMPANY, new_id
from app.core.jobs import enqueue, waiting
from app.core.sql import allow_loops, recordset
from app.customers.models import Customer
from app.customers.queries import editable, visible_to
from app.early_warning.models import (
    SEGMENTS_MAX,
    TOO_MANY_SEGMENTS,
    CustomerRule,
    OverrideMember,
    RuleOverride,
    WarningRule,
)
from app.early_warning.queries import hold_override, other_segments
from app.early_warning.rules import RULES, Kind, Target
from app.segments.queries.evaluate import AT_ONCE, Question, matching

Given = Mapping[str, Any]
MEMBERS = "warnings.members"


def _kept(kind: Kind, settings: Given) -> dict[str, Any]:
    """What is not as usual."""
    usual = RULES[kind]().model_dump()
    return {name: value for name, value in settings.items() if value != usual[name]}


async def set_rule(tx: Tx, kind: Kind, settings: Given) -> None:
    """Set a rule whole; what is left out is as usual. It counts from the next evaluation on."""
    kept = _kept(kind, settings)
    statement = upsert(WarningRule).values(kind=kind, version=1, updated_at=tx.now, settings=kept)
    statement = statement.on_conflict_do_update(
        index_elements=["kind"],
        set_={"version": WarningRule.version + 1, "updated_at": tx.now, "settings": statement.excluded.settings},
    )
    await tx.execute(statement)
    await tx.execute(
        record(tx, [AuditEntry("warning_rule.update", "warning_rule", uuid.UUID(int=0), fields=tuple(kept))])
    )


async def set_override(tx: Tx, kind: Kind, by: Target, key: str, settings: Given, priority: int) -> bool:
    """Set a rule for some customers whole; whether it is new. What is left out is as usual, not as for the company.

    Raises Problem: not_found, no such customer; too_many_segments. That there is the segment, the caller has seen.
    """
    kept = _kept(kind, settings)
    if by == "customer":
        return await _set_customer_rule(tx, kind, uuid.UUID(key), kept)
    if by == "segment" and await other_segments(tx, key) >= SEGMENTS_MAX:
        raise Problem(TOO_MANY_SEGMENTS, f"Rules are set for {SEGMENTS_MAX} other segments.")
    row = RuleOverride
    made = upsert(row).values(
        id=new_id(), version=1, set_at=tx.now, updated_at=tx.now, priority=priority, kind=kind, by=by, key=key,
        settings=kept,
    )  # fmt: skip
    changed = {"updated_at": tx.now, "priority": priority, "settings": kept, "version": row.version + 1}
    made = made.on_conflict_do_update(index_elements=["kind", "by", "key"], set_=changed)
    found = (await tx.rows(made.returning(row.id, row.version)))[0]
    await _audit(tx, "set", found.id, COMPANY, kept)
    if by == "segment":
        await enqueue_members(tx)
    return bool(found.version == 1)


async def _set_customer_rule(tx: Tx, kind: Kind, customer_id: uuid.UUID, kept: Given) -> bool:
    known = select(Customer.id).where(Customer.id == customer_id, editable(), visible_to(tx.caller))
    if await tx.scalar(known.with_for_update(key_share=True)) is None:
        raise Problem(NOT_FOUND)
    row = CustomerRule
    made = upsert(row).values(
        customer_id=customer_id, id=new_id(), version=1, set_at=tx.now, updated_at=tx.now, kind=kind, settings=kept
    )
    changed = {"updated_at": tx.now, "settings": kept, "version": row.version + 1}
    made = made.on_conflict_do_update(index_elements=["customer_id", "kind"], set_=changed)
    found = (await tx.rows(made.returning(row.id, row.version)))[0]
    await _audit(tx, "set", found.id, customer_id, kept)
    return bool(found.version == 1)


async def drop_override(tx: Tx, kind: Kind, by: Target, key: str) -> None:
    """Remove it: the next less specific rule applies. Raises Problem not_found."""
    found = await hold_override(tx, kind, by, key)
    if found is None:
        raise Problem(NOT_FOUND)
    if by == "customer":
        row = CustomerRule
        await tx.execute(delete(row).where(row.customer_id == found.customer_id, row.id == found.id))
    else:
        await tx.execute(delete(OverrideMember).where(OverrideMember.override_id == found.id))
        await tx.execute(delete(RuleOverride).where(RuleOverride.id == found.id))
    await _audit(tx, "delete", found.id, found.customer_id, {})


async def _audit(tx: Tx, verb: str, override: uuid.UUID, customer: uuid.UUID, kept: Given) -> None:
    entry = AuditEntry(f"warning_override.{verb}", "warning_override", override, customer, tuple(kept))
    await tx.execute(record(tx, [entry]))


async def enqueue_members(tx: Tx) -> None:
    """Have it looked up who is in the segments that rules are set for. One that has yet to begin does as well."""
    job: tuple[str, dict[str, Any], uuid.UUID] = (MEMBERS, {}, tx.caller.client_id)
    if await waiting(tx, *job) is None:
        await enqueue(tx, *job)


async def look_up_members(
    tx: Tx,
    asked: Sequence[tuple[Question, Sequence[uuid.UUID]]],
    unasked: Sequence[uuid.UUID],
    after: uuid.UUID,
    upto: uuid.UUID,
) -> None:
    """Note who of a stretch of customers is in the segment of some overrides, and who is not any more.

    `asked` are questions with the overrides that each is for. Of `unasked` overrides nobody is in the segment. A
    statement for every AT_ONCE questions, and two more, however many customers.
    """
    await tx.execute(allow_loops(allowed=False))
    for first in range(0, len(asked), AT_ONCE):
        some = asked[first : first + AT_ONCE]
        among = [matching(question, _within(after, upto)).subquery() for question, _ in some]
        each = (select(literal(place).label("place"), found.c.id) for place, found in enumerate(among))
        member = union_all(*each).cte("member")
        rows = [{"place": place, "id": str(one)} for place, (_, overrides) in enumerate(some) for one in overrides]
        given = recordset(rows, "given", place=Integer(), id=Uuid())
        row = RuleOverride
        noted = select(member.c.id.label("customer_id"), row.id.label("override_id")).select_from(member)
        noted = noted.join(given, given.c.place == member.c.place).join(row, row.id == given.c.id)
        now = noted.cte("noted").prefix_with("MATERIALIZED")
        stays = exists().where(now.c.customer_id == OverrideMember.customer_id, now.c.override_id == _OVERRIDE)
        gone = _gone([one for _, overrides in some for one in overrides], after, upto).where(~stays)
        made = upsert(OverrideMember).from_select(["customer_id", "override_id"], select(now)).on_conflict_do_nothing()
        await tx.execute(made.add_cte(gone.cte("gone")))
    if unasked:
        await tx.execute(_gone(unasked, after, upto))


_OVERRIDE = OverrideMember.override_id


def _within(after: uuid.UUID, upto: uuid.UUID) -> Callable[[ColumnElement[uuid.UUID]], ColumnElement[bool]]:
    return lambda column: (column > after) & (column <= upto)


def _gone(overrides: Sequence[uuid.UUID], after: uuid.UUID, upto: uuid.UUID) -> Delete:
    row = OverrideMember
    noted = delete(row).where(_OVERRIDE.in_(overrides))
    return noted.where(row.customer_id > after, row.customer_id <= upto)
