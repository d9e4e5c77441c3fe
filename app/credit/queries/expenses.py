"""Expenses: the entries of this room, and together with what other rooms have spent on a customer."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import TextClause, Uuid, and_, func, select, text, tuple_

from app.core.db import Tx
from app.core.sql import recordset
from app.credit.models import Expense
from app.credit.queries.owed import keyed
from app.credit.queries.plans import there

Row = Mapping[str, Any]
Key = tuple[uuid.UUID, str]


def spent(others: str) -> str:
    """A SELECT of all that was spent on customers: what `others` find, and the entries of this room.

    Both have customer_id, id, source, kind, amount, occurred_on, by, recorded_at, in that order.
    """
    return f"""
  SELECT e.customer_id, e.id, 'expense' AS source, e.kind, e.amount, e.occurred_on, e.by, e.recorded_at
  FROM expenses e UNION ALL {others}"""


@cache
def _page(spending: str, condition: str) -> TextClause:
    return text(
        f"""
SELECT s.*, e.external_id, e.note, t.external_id AS corrects
FROM ({spending}) s
LEFT JOIN expenses e ON s.source = 'expense' AND e.customer_id = s.customer_id AND e.id = s.id
LEFT JOIN expenses t ON t.customer_id = e.customer_id AND t.id = e.corrects
WHERE s.customer_id = :customer AND {condition}
ORDER BY s.occurred_on DESC, s.id DESC LIMIT :limit
"""
    )


async def expenses_of(
    tx: Tx, customer_id: uuid.UUID, spending: str, *, after: tuple[date, uuid.UUID] | None, limit: int, values: Row
) -> list[Row] | None:
    """Up to `limit` rows of what was spent on a customer, the latest day first; None if there is no such customer."""
    if not await there(tx, customer_id):
        return None
    given, condition = {**values, "customer": customer_id, "limit": limit}, "true"
    if after is not None:
        condition = "(s.occurred_on, s.id) < (CAST(:day AS date), CAST(:after AS uuid))"
        given |= {"day": after[0], "after": after[1]}
    rows = await tx.page(_page(spending, condition), given)
    return [row._mapping for row in rows]  # noqa: SLF001  the documented way to a row's names


async def expenses_by_external_ids(tx: Tx, keys: Sequence[Key]) -> dict[Key, Row]:
    """The entries of these customers and external ids, locked in the order of ids."""
    wanted = tuple_(Expense.customer_id, Expense.external_id).in_(keyed(keys))
    found = select(*Expense.__table__.c).where(wanted).order_by(Expense.id)
    rows = await tx.rows(found.with_for_update(of=Expense, key_share=True))
    return {(row.customer_id, row.external_id): row._mapping for row in rows}  # noqa: SLF001  as above


async def corrected(tx: Tx, ids: Mapping[uuid.UUID, uuid.UUID]) -> dict[uuid.UUID, int]:
    """By how much each of these entries (id: customer) is corrected: below zero; those that are not are left out."""
    rows = [{"customer_id": str(customer), "id": str(key)} for key, customer in ids.items()]
    given = recordset(rows, "given", customer_id=Uuid(), id=Uuid())
    sums = (
        select(Expense.corrects, func.sum(Expense.amount))
        .join(given, and_(Expense.customer_id == given.c.customer_id, Expense.corrects == given.c.id))
        .group_by(Expense.corrects)
    )
    return {row[0]: int(row[1]) for row in await tx.rows(sums)}
