"""What has to be known of a customer who is to be shown everything, or erased."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, Uuid, any_, literal, select
from sqlalchemy.orm import aliased

from app.core.db import Tx
from app.customers.models import Customer, IdentifierRow, Relationship
from app.customers.models.merging import Merge
from app.customers.queries.reach import visible_to


async def stands(tx: Tx, customer: uuid.UUID) -> str | None:
    """The status of a record that the caller may see and that is still its own; None if there is none."""
    mine = select(Customer.status).where(Customer.id == customer, visible_to(tx.caller))
    found: str | None = await tx.scalar(mine.where(Customer.status.not_in(("merged", "erased"))))
    return found


async def spelt(tx: Tx, ids: Iterable[uuid.UUID]) -> list[tuple[str, str, str]]:
    """(kind, value, typed) of every identifier of these customers."""
    row = IdentifierRow
    mine = row.customer_id == any_(literal(sorted(set(ids)), ARRAY(Uuid)))
    return [(one[0], one[1], one[2]) for one in await tx.rows(select(row.kind, row.value, row.typed).where(mine))]


async def same_person(tx: Tx, ids: Iterable[uuid.UUID]) -> list[uuid.UUID]:
    """Of customers, those that there are, and all that were merged into them, however often, in the order of ids."""
    wanted = any_(literal(sorted(set(ids)), ARRAY(Uuid)))
    person = select(Customer.id).where(Customer.id == wanted).cte("person", recursive=True)
    # The merges know the way by an index. Who was parted again may be merged into somebody else by now.
    merged = select(Merge.loser).join(person, Merge.customer_id == person.c.id).where(Merge.undone_at.is_(None))
    person = person.union(merged.join(Customer, Customer.id == Merge.loser).where(Customer.merged_into.is_not(None)))
    return [row.id for row in await tx.rows(select(person.c.id).order_by(person.c.id))]


async def related(tx: Tx, ids: Sequence[uuid.UUID]) -> list[tuple[uuid.UUID, uuid.UUID, int]]:
    """(the other customer, relationship, version) of every relationship of these customers to others."""
    # Each has two rows with one id; the other side's is found by its key.
    mine, theirs = Relationship, aliased(Relationship)
    same = (theirs.customer_id == mine.other) & (theirs.id == mine.id)
    others = select(theirs.customer_id, theirs.id, theirs.version).select_from(mine).join(theirs, same)
    wanted = any_(literal(list(ids), ARRAY(Uuid)))
    others = others.where(mine.customer_id == wanted, ~(theirs.customer_id == wanted))
    return [(one[0], one[1], one[2]) for one in await tx.rows(others.order_by(theirs.customer_id, theirs.id))]


async def hold(tx: Tx, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Any]:
    """(kind, status, version) of customers, whatever became of them; locked in the order of ids."""
    columns = (Customer.id, Customer.kind, Customer.status, Customer.version, Customer.merged_into)
    rows = await tx.rows(
        select(*columns)
        .where(Customer.id == any_(literal(sorted(set(ids)), ARRAY(Uuid))))
        .order_by(Customer.id)
        .with_for_update(key_share=True)
    )
    return {row.id: row for row in rows}
