"""Reading accounts and their ledgers."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Date,
    Select,
    Text,
    bindparam,
    case,
    cast,
    column,
    func,
    literal,
    select,
    text,
    true,
    tuple_,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by
from sqlalchemy.orm import aliased

from app.core.db import Tx
from app.core.documents import json_object, json_time
from app.core.sql import allow_loops
from app.credit.models import CreditAccount, Receivable, ReceivableAllocation
from app.credit.owed import OVERDUE
from app.credit.queries.owed import FIRST, LAST, keyed, misnamed
from app.credit.queries.reserved import reserved_sql
from app.customers.models import Customer
from app.customers.queries import present, reached

_A = aliased(CreditAccount, name="a")


@cache
def _accounts() -> Select[*tuple[Any, ...]]:
    """(JSON, version, review day, customer) of accounts. Parameters: today, now."""
    a = _A
    debt = text(OVERDUE).columns(column("overdue", BigInteger), column("since", Date)).lateral("debt")
    taken = text(f"SELECT {reserved_sql('a.customer_id')} AS reserved").columns(column("reserved", BigInteger))
    sales = taken.lateral("sales")
    free = case((a.status == "active", func.greatest(0, a.credit_limit - a.balance - sales.c.reserved)), else_=0)
    shown = json_object(
        customer_id=a.customer_id, limit=a.credit_limit, term_days=a.term_days, currency=a.currency, status=a.status,
        review_on=a.review_on, balance=a.balance, reserved=sales.c.reserved, available=free, overdue=debt.c.overdue,
        overdue_since=debt.c.since, version=a.version, created_at=json_time(a.created_at),
        updated_at=json_time(a.updated_at),
    )  # fmt: skip
    found = select(cast(shown, Text), a.version, a.review_on, a.customer_id)
    return found.join_from(a, debt, true()).join(sales, true())


async def account(tx: Tx, customer_id: uuid.UUID, today: date) -> tuple[str, int] | None:
    """(JSON, version) of a customer's account as of a day, or None if there is none."""
    wanted = _accounts().where(_A.customer_id == bindparam("customer"))
    if tx.caller.limited:
        wanted = wanted.where(reached(tx.caller, bindparam("customer")))
    rows = await tx.rows(wanted, {"customer": customer_id, "today": today, "now": tx.now})
    return (rows[0][0], rows[0][1]) if rows else None


def _allocations() -> Any:
    """The charges that an entry names, in the order of their ids; null of a charge."""
    n, charge = ReceivableAllocation, Receivable.__table__.alias("charge")
    named = (
        select(n.charge_id, func.sum(n.amount).label("amount"))
        .where(n.customer_id == Receivable.customer_id, n.payment_id == Receivable.id)
        .group_by(n.charge_id).having(func.sum(n.amount) != 0)
        .correlate(Receivable).subquery("named")
    )  # fmt: skip
    one = json_object(id=named.c.charge_id, external_id=charge.c.external_id, amount=named.c.amount)
    listed = (
        select(func.coalesce(func.json_agg(aggregate_order_by(one, named.c.charge_id), type_=JSON), literal([], JSON)))
        .join_from(named, charge, (charge.c.customer_id == Receivable.customer_id) & (charge.c.id == named.c.charge_id))
        .correlate(Receivable)
    )
    return case((Receivable.amount < 0, listed.scalar_subquery()))


async def accounts(
    tx: Tx, today: date, wanted: Mapping[str, Any], *, after: tuple[date, uuid.UUID] | None, limit: int
) -> list[tuple[date, uuid.UUID, str]]:
    """Up to `limit` (review day, customer, JSON) of accounts with a review day, the longest due first.

    `wanted` holds `review_by`, the last day to list, and `status`; both may be None.
    """
    a = _A
    found = _accounts().where(a.review_on.is_not(None), reached(tx.caller, a.customer_id))
    if wanted["review_by"] is not None:
        found = found.where(a.review_on <= wanted["review_by"])
    if wanted["status"] is not None:
        found = found.where(a.status == wanted["status"])
    if after is not None:
        found = found.where(tuple_(a.review_on, a.customer_id) > tuple_(literal(after[0]), literal(after[1])))
    found = found.order_by(a.review_on, a.customer_id).limit(limit)
    rows = await tx.page(found, {"today": today, "now": tx.now})
    return [(row[2], row[3], row[0]) for row in rows]


ENTRY = cast(
    json_object(
        id=Receivable.id, external_id=Receivable.external_id, receipt_id=Receivable.receipt_id, kind=Receivable.kind,
        amount=func.abs(Receivable.amount), occurred_on=Receivable.occurred_on, due_on=Receivable.due_on,
        note=Receivable.note, recorded_at=json_time(Receivable.recorded_at), allocations=_allocations(),
    ),
    Text,
)  # fmt: skip


async def receivables(
    tx: Tx, customer_id: uuid.UUID, *, after: uuid.UUID | None, limit: int
) -> list[tuple[uuid.UUID, str]] | None:
    """Up to `limit` (id, JSON) of a customer's entries, newest first; None if there is no such customer."""
    found = select(Receivable.id, ENTRY).where(Receivable.customer_id == customer_id)
    found = found.where(reached(tx.caller, Receivable.customer_id))
    if after is not None:
        found = found.where(Receivable.id < after)
    rows = await tx.page(found.order_by(Receivable.id.desc()).limit(limit))
    there = select(Customer.id).where(Customer.id == customer_id, present(tx.caller))
    if not rows and await tx.scalar(there) is None:
        return None
    return [(row[0], row[1]) for row in rows]


async def by_external_ids(tx: Tx, keys: Sequence[tuple[uuid.UUID, str]]) -> dict[tuple[uuid.UUID, str], Any]:
    """The entries that have these external ids, by customer and external id."""
    names = ("id", "customer_id", "external_id", "kind", "amount", "occurred_on", "due_on", "note")
    found = select(*(Receivable.__table__.c[name] for name in names)).where(
        tuple_(Receivable.customer_id, Receivable.external_id).in_(keyed(keys))
    )
    return {(row.customer_id, row.external_id): row for row in await tx.rows(found)}


async def differences(tx: Tx, low: uuid.UUID = FIRST, high: uuid.UUID = LAST) -> list[str]:
    """A line for everything in the ledgers of these customers that does not agree with itself. None is expected, ever.

    A kept balance is the sum of its entries; nothing is paid by name that is not owed, or twice.
    """
    await tx.execute(allow_loops(allowed=False))
    summed = (
        select(Receivable.customer_id, func.sum(Receivable.amount).label("sum"))
        .where(Receivable.customer_id.between(low, high))
        .group_by(Receivable.customer_id)
        .subquery("summed")
    )
    total = func.coalesce(summed.c.sum, 0)
    found = (
        select(CreditAccount.customer_id, CreditAccount.balance, total)
        .join(summed, summed.c.customer_id == CreditAccount.customer_id, isouter=True)
        .where(CreditAccount.balance != total, CreditAccount.customer_id.between(low, high))
        .order_by(CreditAccount.customer_id)
    )
    told = [f"customer {row[0]}: balance is {row[1]}, its entries sum to {row[2]}" for row in await tx.rows(found)]
    return told + await misnamed(tx, low, high)
