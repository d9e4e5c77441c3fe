"""Setting rules: of the company, and others for customers of a grade, of a segment, or for one customer."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Uuid, bindparam, delete, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert

from app.access.audit import AuditEntry, record
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem
from app.core.ids import COMPANY, new_id
from app.core.jobs import enqueue, waiting
from app.customers.models import Customer
from app.customers.queries import editable, visible_to
from app.early_warning.models import CustomerRule, OverrideMember, RuleOverride, WarningRule
from app.early_warning.queries import hold_override
from app.early_warning.rules import RULES, Kind, Target
from app.segments.queries.evaluate import Question, matching

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

    Raises Problem not_found: no such customer. That there is the segment, the caller has seen.
    """
    kept = _kept(kind, settings)
    if by == "customer":
        return await _set_customer_rule(tx, kind, uuid.UUID(key), kept)
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


_LEFT = text(
    """
DELETE FROM warning_override_members m
WHERE m.override_id = :override AND m.customer_id > :after AND m.customer_id <= :upto
  AND NOT m.customer_id = ANY (:members)
"""
).bindparams(bindparam("members", type_=ARRAY(Uuid)))


async def look_up_members(
    tx: Tx, overrides: Sequence[tuple[uuid.UUID, Question | None]], after: uuid.UUID, upto: uuid.UUID
) -> None:
    """Note who of a stretch of customers is in the segment of each override, and who is not any more."""
    stretch = {"after": after, "upto": upto}
    for override, question in overrides:
        members = []
        if question is not None:
            found = matching(question, lambda column: (column > after) & (column <= upto)).order_by("id")
            members = [row.id for row in await tx.rows(found)]
        await tx.execute(_LEFT, {"override": override, "members": members, **stretch})
        if members:
            await tx.execute(_JOINED, {"override": override, "members": members})


_JOINED = text(
    """
INSERT INTO warning_override_members (customer_id, override_id)
SELECT one, :override FROM unnest(CAST(:members AS uuid[])) AS one
WHERE EXISTS (SELECT FROM warning_overrides o WHERE o.id = :override)
ON CONFLICT DO NOTHING
"""
).bindparams(bindparam("members", type_=ARRAY(Uuid)))
