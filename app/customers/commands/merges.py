"""Holding the two records of a merge, and remembering what it takes to undo it."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, Uuid, any_, delete, func, insert, literal, select, update

from app.core.db import Tx
from app.core.errors import INVALID, FieldError, Overtaken, Problem
from app.core.person import Fields, Trip
from app.customers import queries
from app.customers.models import Customer, Merge, MergeRow
from app.customers.queries.merges import absent

# How long a merge waits for a lock.
LOCK_WAIT = "10s"


async def hold_pair(tx: Tx, winner: uuid.UUID, loser: uuid.UUID) -> dict[uuid.UUID, str]:
    """Lock two records against everybody who writes to them, foreign keys included; the kind of each.

    Raises Problem: one of them does not exist, is a walk-in, or was merged or erased.
    """
    await _wait_longer(tx)
    there = (queries.editable(), queries.visible_to(tx.caller))
    found = {row.id: row.kind for row in await tx.rows(_both(winner, loser).where(*there))}
    for name, customer in (("winner", winner), ("loser", loser)):
        if customer not in found:
            gone = await absent(tx, customer)
            if gone is not None:
                raise gone
            if customer in {row.id for row in await tx.rows(_both(winner, loser).where(*there))}:
                # A merge that ended it was undone between the two looks.
                raise Overtaken
            detail = "There is no such customer."
            raise Problem(INVALID, detail, [FieldError(f"/{name}", "unknown_customer", detail)])
    return found


async def hold_merged(tx: Tx, winner: uuid.UUID, loser: uuid.UUID) -> None:
    """Lock the two records of a merge that is to be undone."""
    await _wait_longer(tx)
    await tx.execute(_both(winner, loser))


async def _wait_longer(tx: Tx) -> None:
    """A merge touches much, and others of the same people may be before it: it waits for them, not a till for it."""
    await tx.execute(select(func.set_config("lock_timeout", LOCK_WAIT, True)))


def _both(winner: uuid.UUID, loser: uuid.UUID) -> Any:
    ids = literal(sorted((winner, loser)), ARRAY(Uuid))
    return select(Customer.id, Customer.kind).where(Customer.id == any_(ids)).order_by(Customer.id).with_for_update()


async def remember(tx: Tx, merge_id: uuid.UUID, trip: Trip, reason: str | None, conflicts: Sequence[Fields]) -> Any:
    """Write a merge down with what it did to each table; its row."""
    made = insert(Merge).values(
        customer_id=trip.winner, id=merge_id, loser=trip.loser, merged_at=tx.now, merged_by=tx.caller.client_id,
        reason=reason, choices=dict(trip.choices), conflicts=list(conflicts),
    )  # fmt: skip
    row = (await tx.rows(made.returning(*Merge.__table__.c)))[0]
    rows = [
        {
            "customer_id": trip.winner, "merge_id": merge_id, "name": name,
            "moved": [uuid.UUID(one) for one in kept.moved], "dropped": kept.dropped, "before": kept.before,
            "after": kept.after,
        }
        for name, kept in sorted(trip.kept.items())
    ]  # fmt: skip
    await tx.execute(insert(MergeRow), rows)
    return row


async def close(tx: Tx, winner: uuid.UUID, merge_id: uuid.UUID) -> Any:
    """Note that a merge is undone, and forget what it took; its row."""
    mine = (MergeRow.customer_id == winner, MergeRow.merge_id == merge_id)
    await tx.execute(delete(MergeRow).where(*mine))
    undone = update(Merge).where(Merge.customer_id == winner, Merge.id == merge_id)
    undone = undone.values(undone_at=tx.now, undone_by=tx.caller.client_id, conflicts=[])
    return (await tx.rows(undone.returning(*Merge.__table__.c)))[0]
