"""Holds: what stops sales to a customer. People and the rules place them; only people release them.

Who undoes a merge releases with it what a rule had placed because of the merge.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Executable, exists, insert, select, text, update

from app.access.audit import AuditEntry, record
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem
from app.core.ids import new_id
from app.core.settings import CompanySettings
from app.core.sql import id_from, together
from app.customers.models import Customer
from app.customers.queries import editable, reached, visible_to
from app.early_warning.models import HOLD_RELEASED, Hold, WarningRow
from app.early_warning.queries import BY_ID, Part, Parts, stands
from app.early_warning.rules import Kind
from app.feed.outbox import Event, announce, publish
from app.receipts.commands import lock_customers

_RELEASED = ("released_at", "released_by", "release_reason")
# Why a hold was released that stood on two customers' being one.
_MERGE_UNDONE = "merge_undone"


def parts_of_holds(kind: Kind) -> Parts:
    """Parts of an evaluation, behind `done`: holds are placed, and forgiven ones lose their meaning."""
    return _held(kind), _forgotten(kind), _AUDITED


def _held(kind: Kind) -> Part:
    earlier = "(SELECT count(*) FROM holds h WHERE h.customer_id = a.customer_id)"
    key = f"a.customer_id::text || '{kind}' || a.subject || {earlier}::text || 'hold'"
    # Of an action that came too late (somebody resolved the warning) nothing is held.
    return (
        "held",
        f"""
  INSERT INTO holds (customer_id, id, placed_at, rule, about, episode, rank, amount, reason)
  SELECT a.customer_id, {id_from(key)}, CAST(:now AS timestamptz), '{kind}', a.subject, a.episode, a.rank, a.amount,
         a.state
  FROM acting a WHERE a.holds AND (a.action IS NULL OR EXISTS (
    SELECT FROM done d WHERE d.customer_id = a.customer_id AND d.subject = a.subject))
  ORDER BY a.customer_id, a.subject
  RETURNING customer_id, id, about, rule, reason""",
    )


def _forgotten(kind: Kind) -> Part:
    """What was let pass is over: the next time is held anew."""
    return (
        "forgotten",
        f"""UPDATE holds h SET rank = 0 FROM acting a
    WHERE a.action IN ('resolved', 'settled') AND h.customer_id = a.customer_id AND h.rule = '{kind}'
      AND h.about = a.subject AND h.released_at IS NOT NULL AND h.rank > 0""",
    )


_AUDITED: Part = (
    "audited",
    f"""
  INSERT INTO audit_entries (customer_id, id, at, client_id, key_id, request_id, action, record_kind, record_id, fields)
  SELECT customer_id, {id_from("id::text || 'audit'")}, CAST(:now AS timestamptz), CAST(:client AS uuid),
         CAST(:key AS uuid), CAST(:request AS text), 'hold.place', 'hold', id, CAST(ARRAY['rule'] AS text[])
  FROM held""",
)


def audited(tx: Tx) -> dict[str, Any]:
    """The parameters of `parts_of_holds`: on whose behalf the rules run."""
    return {"client": tx.caller.client_id, "key": tx.caller.key_id, "request": tx.caller.request_id}


def told_of_holds() -> str:
    """A SELECT of the events of the holds that were placed, for the part that tells the feed."""
    return f"""
  SELECT h.customer_id, {id_from("h.id::text || 'event'")}, 'hold.placed', h.id::text, NULL::bigint,
         CAST(:now AS timestamptz), jsonb_build_object('customer_id', h.customer_id, 'rule', h.rule, 'about', h.about,
         'state', h.reason), h.about, 2
  FROM held h"""


async def place_hold(tx: Tx, customer_id: uuid.UUID, reason: str) -> uuid.UUID:
    """Stop sales to a customer. Raises Problem not_found."""
    hold_id = new_id()
    known = select(Customer.id).where(Customer.id == customer_id, editable(), visible_to(tx.caller))
    if await tx.scalar(known.with_for_update(key_share=True)) is None:
        raise Problem(NOT_FOUND)
    made = insert(Hold).values(
        customer_id=customer_id, id=hold_id, placed_at=tx.now, placed_by=tx.caller.client_id, reason=reason
    )
    event = Event("hold.placed", customer_id, hold_id, data={"customer_id": str(customer_id)})
    entry = AuditEntry("hold.place", "hold", hold_id, customer_id, ("reason",))
    await tx.execute(together(made, publish(tx, [event]), record(tx, [entry])))
    return hold_id


async def release_hold(tx: Tx, hold_id: uuid.UUID, reason: str, company: CompanySettings) -> None:
    """Let sales go on, as far as this hold is concerned. Raises Problem: not found, released already.

    Of a hold that a rule has placed it is kept how bad it is now: the rule places another one only if it gets worse.
    """
    mine = (Hold.id == hold_id, reached(tx.caller, Hold.customer_id))
    found = select(Hold.customer_id, Hold.released_at, Hold.rule, Hold.about).where(*mine)
    for _ in range(2):
        # Twice: while the first look waited, a merge may have given it to another customer.
        seen = await tx.rows(found)
        if not seen:
            raise Problem(NOT_FOUND)
        if seen[0].rule is not None:
            await lock_customers(tx, [seen[0].customer_id])
        rows = await tx.rows(found.with_for_update())
        if rows and rows[0].customer_id == seen[0].customer_id:
            break
    else:
        raise Problem(NOT_FOUND)
    if rows[0].released_at is not None:
        raise Problem(HOLD_RELEASED)
    customer_id = rows[0].customer_id
    now = {} if rows[0].rule is None else await _standing(tx, rows[0], company)
    changed = (
        update(Hold).where(Hold.customer_id == customer_id, Hold.id == hold_id).values(**_released(tx, reason), **now)
    )
    event = Event("hold.released", customer_id, hold_id, data={"customer_id": str(customer_id)})
    entry = AuditEntry("hold.release", "hold", hold_id, customer_id, _RELEASED)
    await tx.execute(changed)
    await announce(tx, [event], [entry])


def _released(tx: Tx, reason: str) -> dict[str, Any]:
    return dict(zip(_RELEASED, (tx.now, tx.caller.client_id, reason), strict=True))


async def release_parted(
    tx: Tx, customers: Sequence[uuid.UUID], since: datetime | None, brought: Sequence[uuid.UUID]
) -> None:
    """Release what a rule has placed on these customers `since` they were one, where its warning has just ended.

    The customers are parted, locked, and judged. What somebody else had resolved before, and the holds that one of them
    `brought`, are for people to release.
    """
    ended = exists().where(
        WarningRow.customer_id == Hold.customer_id, WarningRow.kind == Hold.rule, WarningRow.subject == Hold.about,
        WarningRow.resolved_at == tx.now, WarningRow.resolved_by.is_(None),
    )  # fmt: skip
    statement = (
        update(Hold)
        .where(
            Hold.customer_id.in_(customers),
            Hold.released_at.is_(None),
            Hold.placed_at >= since,
            Hold.id.not_in(brought),
            ended,
        )
        .values(**_released(tx, _MERGE_UNDONE), rank=0)
        .returning(Hold.customer_id, Hold.id)
    )
    rows: Any = await tx.execute(statement)
    found = [(row[0], row[1]) for row in rows]
    if found:
        events = [Event("hold.released", one, hold, data={"customer_id": str(one)}) for one, hold in found]
        await announce(tx, events, [AuditEntry("hold.release", "hold", hold, one, _RELEASED) for one, hold in found])


@cache
def _stands(kind: Kind) -> Executable:
    return text(stands(kind, BY_ID))


async def _standing(tx: Tx, hold: Any, company: CompanySettings) -> dict[str, Any]:
    """Episode, rank and amount of what a rule's hold is about, as they are now. The customer is locked."""
    values = {"customers": f"{{{hold.customer_id}}}", "today": company.today(tx.now)}
    if hold.rule == "sales_expense":
        values["zone"] = company.time_zone
    for row in await tx.rows(_stands(hold.rule), values):
        if row.subject == hold.about:
            return {"episode": row.episode, "rank": row.rank, "amount": row.amount}
    return {"rank": 0}
