"""Reading merges, and where a customer went who is not there any more."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Text, cast, or_, select, tuple_

from app.core.db import Tx
from app.core.documents import json_object, json_time
from app.core.errors import Problem
from app.customers.attributes import CUSTOM, GROUPS, group_of
from app.customers.models import CUSTOMER_ERASED, CUSTOMER_MERGED, Customer, Merge, MergeRow
from app.customers.queries.masks import is_masked
from app.customers.queries.reach import visible_to
from app.customers.queries.reading import declared

# What a conflict shows of the two values, if the caller may see it.
_VALUES = ("winner", "loser")


async def absent(tx: Tx, customer: uuid.UUID) -> Problem | None:
    """What to answer of a customer who is gone, if the caller may know: merged (and into whom), or erased."""
    there = select(Customer.status, Customer.merged_into).where(Customer.id == customer, visible_to(tx.caller))
    found = next(iter(await tx.rows(there)), None)
    if found is None or (found.status != "erased" and found.merged_into is None):
        return None
    if found.status == "erased":
        return Problem(CUSTOMER_ERASED, "The personal data of this customer was erased.")
    into = str(found.merged_into)
    return Problem(
        CUSTOMER_MERGED, f"Write to {into}, into whom this customer was merged.", extra={"merged_into": into}
    )


async def version_of(tx: Tx, customer: uuid.UUID) -> int | None:
    """The version of a customer's record now."""
    found: int | None = await tx.scalar(select(Customer.version).where(Customer.id == customer))
    return found


async def merge(tx: Tx, merge_id: uuid.UUID, *, lock: bool = False) -> Any:
    """The row of a merge, or None."""
    found = select(*Merge.__table__.c).where(Merge.id == merge_id)
    rows = await tx.rows(found.with_for_update() if lock else found)
    return rows[0] if rows else None


async def later(tx: Tx, row: Any) -> list[uuid.UUID]:
    """The merges to undo before this one: later ones of the same winner, and the one that ended the winner."""
    same = (Merge.customer_id == row.customer_id) & (tuple_(Merge.merged_at, Merge.id) > (row.merged_at, row.id))
    found = select(Merge.id).where(or_(same, Merge.loser == row.customer_id), Merge.undone_at.is_(None))
    return [one.id for one in await tx.rows(found.order_by(Merge.merged_at.desc(), Merge.id.desc()))]


async def rows(tx: Tx, customer: uuid.UUID, merge_id: uuid.UUID) -> list[Any]:
    """What a merge remembers, table by table."""
    row = MergeRow
    return await tx.rows(select(*row.__table__.c).where(row.customer_id == customer, row.merge_id == merge_id))


async def one(tx: Tx, merge_id: uuid.UUID) -> dict[str, Any] | None:
    """A merge as the caller may see it."""
    row = await merge(tx, merge_id)
    seen = select(Customer.id).where(Customer.id == (row and row.customer_id), visible_to(tx.caller))
    if row is None or await tx.scalar(seen) is None:
        return None
    moved = {one.name: len(one.moved) for one in await rows(tx, row.customer_id, merge_id) if one.moved}
    return await document(tx, row, dict(sorted(moved.items())))


async def document(tx: Tx, row: Any, moved: dict[str, int], *, dry_run: bool = False) -> dict[str, Any]:
    """A merge as it is shown; of values of which the caller lacks the field group, only that they differ."""
    groups = tx.caller.field_groups
    own = await declared(tx) if any(one["path"].startswith(f"{CUSTOM}.") for one in row.conflicts) else {}
    hidden = {True: {"group"}, False: {"group", *_VALUES}}
    # Names are masked with the personal group, and are no conflict to be read then.
    masked = is_masked("personal", groups)

    def seen(path: str, group: str) -> bool:
        needed = group_of(path, own) if path in GROUPS or "." in path else group
        return needed in groups and not (masked and path == "display_name")

    conflicts = [
        {name: value for name, value in one.items() if name not in hidden[seen(one["path"], one["group"])]}
        for one in row.conflicts
    ]
    return {
        "id": row.id, "winner": row.customer_id, "loser": row.loser,
        "status": "dry_run" if dry_run else "done" if row.undone_at is None else "undone", "reason": row.reason,
        "merged_at": row.merged_at, "merged_by": row.merged_by, "undone_at": row.undone_at,
        "undone_by": row.undone_by, "conflicts": conflicts, "moved": moved,
    }  # fmt: skip


async def page(
    tx: Tx, customer: uuid.UUID | None, *, after: Sequence[Any] | None, limit: int
) -> list[tuple[uuid.UUID, str]]:
    """Up to `limit` (id, JSON) of merges, the newest first; of one customer, as winner or loser."""
    shown = json_object(
        id=Merge.id, winner=Merge.customer_id, loser=Merge.loser, reason=Merge.reason,
        merged_at=json_time(Merge.merged_at), merged_by=Merge.merged_by, undone_at=json_time(Merge.undone_at),
        undone_by=Merge.undone_by,
    )  # fmt: skip
    seen = select(Customer.id).where(Customer.id == Merge.customer_id, visible_to(tx.caller)).exists()
    found = select(Merge.id, cast(shown, Text)).where(seen).order_by(Merge.id.desc()).limit(limit)
    if customer is not None:
        found = found.where(or_(Merge.customer_id == customer, Merge.loser == customer))
    if after is not None:
        found = found.where(Merge.id < uuid.UUID(after[0]))
    return [(row[0], row[1]) for row in await tx.page(found)]
