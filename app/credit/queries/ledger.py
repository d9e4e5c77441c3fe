"""Every SELECT of credit."""

import uuid
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Date,
    Select,
    Text,
    any_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal,
    select,
    text,
    true,
)  # fmt: skip
from sqlalchemy.orm import aliased

from app.core.db import Tx
from app.core.documents import json_object, json_time
from app.credit.models import CreditAccount, Receivable
from app.customers.models import Customer

# How much of an account `a` is past its due day on :today, and since when. Payments settle what is due soonest, so
# what is not due yet is owed last: the rest of the balance is overdue. A fragment: `LEFT JOIN LATERAL (...) AS debt ON
# true`.
OVERDUE = """
  SELECT late.overdue,
         CASE WHEN late.overdue > 0 THEN (
           SELECT max(past.due_on) FROM (
             SELECT r.due_on, sum(r.amount) OVER (ORDER BY r.due_on DESC) AS from_then
             FROM receivables r WHERE r.customer_id = a.customer_id AND r.due_on < CAST(:today AS date)
           ) past WHERE past.from_then >= late.overdue) END AS since
  FROM (
    SELECT greatest(0, a.balance - coalesce(sum(r.amount), 0))::bigint AS overdue
    FROM receivables r WHERE r.customer_id = a.customer_id AND r.due_on >= CAST(:today AS date)
  ) late
"""


@cache
def _account() -> Select[*tuple[Any, ...]]:
    a = aliased(CreditAccount, name="a")
    debt = text(OVERDUE).columns(column("overdue", BigInteger), column("since", Date)).lateral("debt")
    free = case((a.status == "active", func.greatest(0, a.credit_limit - a.balance)), else_=0)
    shown = json_object(
        customer_id=a.customer_id, limit=a.credit_limit, term_days=a.term_days, currency=a.currency, status=a.status,
        balance=a.balance, available=free, overdue=debt.c.overdue, overdue_since=debt.c.since, version=a.version,
        created_at=json_time(a.created_at), updated_at=json_time(a.updated_at),
    )  # fmt: skip
    found = select(cast(shown, Text), a.version).join_from(a, debt, true())
    return found.where(a.customer_id == bindparam("customer"))


async def account(tx: Tx, customer_id: uuid.UUID, today: date) -> tuple[str, int] | None:
    """(JSON, version) of a customer's account as of a day, or None if there is none."""
    rows = await tx.rows(_account(), {"customer": customer_id, "today": today})
    return (rows[0][0], rows[0][1]) if rows else None


ENTRY = cast(
    json_object(
        id=Receivable.id, external_id=Receivable.external_id, receipt_id=Receivable.receipt_id, kind=Receivable.kind,
        amount=func.abs(Receivable.amount), occurred_on=Receivable.occurred_on, due_on=Receivable.due_on,
        note=Receivable.note, recorded_at=json_time(Receivable.recorded_at),
    ),
    Text,
)  # fmt: skip


async def receivables(
    tx: Tx, customer_id: uuid.UUID, *, after: uuid.UUID | None, limit: int
) -> list[tuple[uuid.UUID, str]] | None:
    """Up to `limit` (id, JSON) of a customer's entries, newest first; None if there is no such customer."""
    found = select(Receivable.id, ENTRY).where(Receivable.customer_id == customer_id)
    if after is not None:
        found = found.where(Receivable.id < after)
    rows = await tx.rows(found.order_by(Receivable.id.desc()).limit(limit))
    if not rows and await tx.scalar(select(Customer.id).where(Customer.id == customer_id)) is None:
        return None
    return [(row[0], row[1]) for row in rows]


async def by_external_ids(tx: Tx, customer_id: uuid.UUID, external_ids: Sequence[str]) -> dict[str, Any]:
    """The entries of an account that have these external ids."""
    wanted = Receivable.external_id == any_(literal(sorted(set(external_ids)), ARRAY(Text)))
    names = ("id", "external_id", "kind", "amount", "occurred_on", "due_on", "note")
    found = select(*(Receivable.__table__.c[name] for name in names)).where(
        Receivable.customer_id == customer_id, wanted
    )
    return {row.external_id: row for row in await tx.rows(found)}


async def differences(tx: Tx) -> list[str]:
    """A line for every account whose kept balance is not the sum of its entries. None is expected, ever."""
    summed = (
        select(Receivable.customer_id, func.sum(Receivable.amount).label("sum"))
        .group_by(Receivable.customer_id)
        .subquery("summed")
    )
    total = func.coalesce(summed.c.sum, 0)
    found = (
        select(CreditAccount.customer_id, CreditAccount.balance, total)
        .join(summed, summed.c.customer_id == CreditAccount.customer_id, isouter=True)
        .where(CreditAccount.balance != total)
        .order_by(CreditAccount.customer_id)
    )
    return [f"customer {row[0]}: balance is {row[1]}, its entries sum to {row[2]}" for row in await tx.rows(found)]
