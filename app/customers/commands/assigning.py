"""Whose customers they are: account manager and sponsor, of one customer or of any number in a fixed few statements."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, DateTime, Text, Uuid, any_, delete, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from app.access.audit import AuditEntry, record
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem, stale
from app.core.ids import new_id_text
from app.core.sql import recordset, together
from app.customers import queries
from app.customers.models import Assignment, Customer
from app.customers.record import PARTS
from app.feed.outbox import Event, publish

# Some of `models.PARTS`, each with a staff id or, for nobody, None. What is absent stays as it is.
Wanted = Mapping[str, str | None]


async def assign_one(tx: Tx, customer: uuid.UUID, wanted: Wanted, reason: str | None, version: int) -> int:
    """Set who looks after version `version` of a customer; the version after it. What is the same makes no new one.

    Raises Problem: no such customer, another version.
    """
    held = await _held(tx, [customer])
    if not held:
        raise Problem(NOT_FOUND)
    if held[0].version != version:
        raise stale(held[0].version)
    changed = await _assign(tx, held, wanted, reason, None)
    return version + len(changed)


async def assign(
    tx: Tx, customers: Iterable[uuid.UUID], wanted: Wanted, reason: str | None, handover: uuid.UUID | None = None
) -> tuple[int, list[uuid.UUID]]:
    """Set who looks after these customers: (how many were found, those of them that changed).

    Whom the caller may not know of, and who is no record any more (walk-ins, merged, erased), is not found.
    """
    held = await _held(tx, customers)
    return len(held), await _assign(tx, held, wanted, reason, handover)


async def take(tx: Tx, customers: Iterable[uuid.UUID], staff: str) -> None:
    """Make customers somebody's own whom the caller has created just now, and who are nobody's yet."""
    await _assign(tx, await _held(tx, customers, new=True), {PARTS[0]: staff}, None, None)


async def follow_merge(tx: Tx, winner: uuid.UUID, fields: Mapping[str, Any]) -> dict[str, list[str]]:
    """After the loser's history has moved: who looks after the winner is who its record says, from now on.

    Answers what was ended and begun for that, for `follow_undo`.
    """
    row = Assignment
    now = await tx.rows(select(row.id, row.part, row.staff).where(row.customer_id == winner, row.until.is_(None)))
    ended = [one.id for one in now if one.staff != fields.get(one.part)]
    kept = {one.part for one in now if one.id not in ended}
    await _set_end(tx, winner, ended, {"until": tx.now, "ended_by": tx.caller.client_id})
    rows = [
        {"customer_id": str(winner), "id": new_id_text(), "part": part, "staff": fields[part]}
        for part in PARTS
        if part not in kept and fields.get(part) is not None
    ]
    if rows:
        await tx.execute(_begun(tx, rows, None, None))
    return {"ended": [str(one) for one in ended], "begun": [one["id"] for one in rows]}


async def follow_undo(
    tx: Tx, winner: uuid.UUID, fields: Mapping[str, Any], followed: Mapping[str, Sequence[str]]
) -> None:
    """Take back what `follow_merge` did, as far as the winner's record says again what it did then (`fields`)."""
    row, begun = Assignment, [uuid.UUID(one) for one in followed["begun"]]
    now = await tx.rows(select(row.id, row.part, row.staff).where(row.customer_id == winner, row.until.is_(None)))
    wrong = [one.id for one in now if one.id in begun and one.staff != fields.get(one.part)]
    mine = (row.customer_id == winner, row.id == any_(literal(wrong, ARRAY(Uuid))))
    await tx.execute(delete(row).where(*mine))
    held = {one.part for one in now if one.id not in wrong}
    before = await tx.rows(
        select(row.id, row.part, row.staff).where(
            row.customer_id == winner,
            row.id == any_(literal([uuid.UUID(one) for one in followed["ended"]], ARRAY(Uuid))),
        )
    )
    again = [one.id for one in before if one.part not in held and one.staff == fields.get(one.part)]
    await _set_end(tx, winner, again, {"until": None, "ended_by": None, "ended_reason": None})


async def _set_end(tx: Tx, customer: uuid.UUID, ids: Sequence[uuid.UUID], values: Mapping[str, Any]) -> None:
    if ids:
        mine = (Assignment.customer_id == customer, Assignment.id == any_(literal(list(ids), ARRAY(Uuid))))
        await tx.execute(update(Assignment).where(*mine).values(**values))


async def _held(tx: Tx, customers: Iterable[uuid.UUID], *, new: bool = False) -> list[Any]:
    """The rows of those who are there, locked in the order of ids; `new` ones are not within their creator's reach."""
    wanted = Customer.id == any_(literal(sorted(set(customers)), ARRAY(Uuid)))
    seen = (wanted, queries.editable(), *(() if new else (queries.visible_to(tx.caller),)))
    found = select(Customer.id, Customer.version, Customer.account_manager, Customer.sponsor).where(*seen)
    return await tx.rows(found.order_by(Customer.id).with_for_update(key_share=True))


async def _assign(
    tx: Tx, held: Sequence[Any], wanted: Wanted, reason: str | None, handover: uuid.UUID | None
) -> list[uuid.UUID]:
    changes = {row.id: [part for part, staff in wanted.items() if getattr(row, part) != staff] for row in held}
    changed = [row for row in held if changes[row.id]]
    ids = [row.id for row in changed]
    if not changed:
        return []
    values = {**wanted, "version": Customer.version + 1, "updated_at": tx.now}
    await tx.execute(update(Customer).where(Customer.id == any_(literal(ids, ARRAY(Uuid)))).values(**values))
    for part in wanted:
        await _end(tx, [one for one in ids if part in changes[one]], part, reason)
    rows = [
        {"customer_id": str(one), "id": new_id_text(), "part": part, "staff": wanted[part]}
        for one in ids
        for part in changes[one]
        if wanted[part] is not None
    ]
    events = [Event("customer.assigned", row.id, row.id, row.version + 1) for row in changed]
    entries = [AuditEntry("customer.assign", "customer", one, one, tuple(changes[one])) for one in ids]
    begun = [_begun(tx, rows, reason, handover)] if rows else []
    await tx.execute(together(publish(tx, events), record(tx, entries), *begun))
    return ids


async def _end(tx: Tx, customers: Sequence[uuid.UUID], part: str, reason: str | None) -> None:
    """End what a part of these customers was until now."""
    row = Assignment
    mine = (row.customer_id == any_(literal(list(customers), ARRAY(Uuid))), row.part == part, row.until.is_(None))
    ended = {"until": tx.now, "ended_by": tx.caller.client_id, "ended_reason": reason}
    if customers:
        await tx.execute(update(row).where(*mine).values(**ended))


def _begun(tx: Tx, rows: Sequence[Mapping[str, Any]], reason: str | None, handover: uuid.UUID | None) -> Any:
    given = recordset(list(rows), "given", customer_id=Uuid(), id=Uuid(), part=Text(), staff=Text())
    same: dict[str, Any] = {
        "since": literal(tx.now, DateTime(timezone=True)),
        "assigned_by": literal(tx.caller.client_id, Uuid),
        "reason": literal(reason, Text),
        "handover_id": literal(handover, Uuid),
    }
    return insert(Assignment).from_select(
        [*(column.name for column in given.c), *same], select(*given.c, *same.values())
    )
