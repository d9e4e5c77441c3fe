"""Reading what of a customer's charges is still owed (see `credit.owed`), and proving that it agrees with itself."""

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import ARRAY, Select, Text, bindparam, func, select, text, tuple_
from sqlalchemy.types import Uuid

from app.core.db import Tx
from app.core.sql import recordset
from app.credit.models import Receivable, ReceivableAllocation
from app.credit.owed import CHARGES, OPEN_OF_ONE
from app.customers.models import Customer
from app.customers.queries import present

# The charges that payments may name, with what is left to be named: not of what was taken back, or paid by name. The
# accounts are locked. Parameters: customers, ids, external_ids.
_NAMEABLE = text(
    f"""
SELECT k.customer_id, k.id, e.external_id, k.due_on, k.left_of_it - k.named AS open
FROM ({CHARGES.format(which="AND r.customer_id = ANY (:customers)")}) k
JOIN receivables e ON e.customer_id = k.customer_id AND e.id = k.id
WHERE k.amount > 0 AND (e.id = ANY (:ids) OR e.external_id = ANY (:external_ids))
"""
).bindparams(
    bindparam("customers", type_=ARRAY(Uuid)),
    bindparam("ids", type_=ARRAY(Uuid)),
    bindparam("external_ids", type_=ARRAY(Text)),
)

_LISTED = text(
    f"""
SELECT o.due_on, o.id, json_build_object(
  'id', o.id, 'external_id', r.external_id, 'receipt_id', r.receipt_id, 'amount', o.amount, 'paid_by_name', o.named,
  'open', o.open, 'occurred_on', r.occurred_on, 'due_on', o.due_on,
  'days_overdue', greatest(0, CAST(:today AS date) - o.due_on), 'note', r.note)::text
FROM ({OPEN_OF_ONE}) o JOIN receivables r ON r.customer_id = o.customer_id AND r.id = o.id
WHERE o.open > 0 AND (CAST(:after_day AS date) IS NULL
  OR (o.due_on, o.id) > (CAST(:after_day AS date), CAST(:after_id AS uuid)))
ORDER BY o.due_on, o.id LIMIT :limit
"""
)

_AGEING = text(
    f"""
SELECT json_build_object(
  'customer_id', a.customer_id, 'currency', a.currency, 'as_of', CAST(:today AS date), 'balance', a.balance,
  'in_favour', greatest(0, -a.balance), 'not_due', b.not_due, 'days_1_30', b.days_1_30, 'days_31_60', b.days_31_60,
  'days_61_90', b.days_61_90, 'days_over_90', b.days_over_90,
  'overdue', b.days_1_30 + b.days_31_60 + b.days_61_90 + b.days_over_90)::text
FROM credit_accounts a CROSS JOIN (
  SELECT coalesce(sum(d.open) FILTER (WHERE d.days <= 0), 0) AS not_due,
         coalesce(sum(d.open) FILTER (WHERE d.days BETWEEN 1 AND 30), 0) AS days_1_30,
         coalesce(sum(d.open) FILTER (WHERE d.days BETWEEN 31 AND 60), 0) AS days_31_60,
         coalesce(sum(d.open) FILTER (WHERE d.days BETWEEN 61 AND 90), 0) AS days_61_90,
         coalesce(sum(d.open) FILTER (WHERE d.days > 90), 0) AS days_over_90
  FROM (SELECT o.open, CAST(:today AS date) - o.due_on AS days FROM ({OPEN_OF_ONE}) o) d
) b WHERE a.customer_id = :customer
"""
)


# What must never be. Parameters: the customers between low and high.
_BETWEEN = "{}.customer_id BETWEEN :low AND :high"
_MISNAMED = text(
    f"""
SELECT k.customer_id, 'charge' AS kind, k.id, 'is paid by name with' AS said, k.named AS held, k.left_of_it AS due
FROM ({CHARGES.format(which=f"AND {_BETWEEN.format('r')}")}) k
WHERE k.named <> 0 AND k.named NOT BETWEEN 0 AND k.left_of_it
UNION ALL
SELECT n.customer_id, 'entry', n.payment_id, 'names charges for', sum(n.amount), -r.amount
FROM receivable_allocations n JOIN receivables r ON r.customer_id = n.customer_id AND r.id = n.payment_id
WHERE {_BETWEEN.format("n")}
GROUP BY n.customer_id, n.payment_id, r.amount HAVING sum(n.amount) NOT BETWEEN 0 AND -r.amount
UNION ALL
SELECT n.customer_id, 'allocation', n.id, 'falls due in days since 1970', n.due_on - date '1970-01-01',
       r.due_on - date '1970-01-01'
FROM receivable_allocations n JOIN receivables r ON r.customer_id = n.customer_id AND r.id = n.charge_id
WHERE {_BETWEEN.format("n")} AND r.due_on IS DISTINCT FROM n.due_on
UNION ALL
SELECT a.customer_id, 'allowance', a.id, 'is used up with', a.used, coalesce(u.amount, 0)
FROM credit_allowances a LEFT JOIN (
  SELECT u.customer_id, u.allowance_id, sum(u.amount - u.excess) AS amount FROM credit_allowance_uses u
  WHERE {_BETWEEN.format("u")} GROUP BY 1, 2
) u ON u.customer_id = a.customer_id AND u.allowance_id = a.id
WHERE {_BETWEEN.format("a")} AND a.used <> coalesce(u.amount, 0)
ORDER BY 1, 2, 3
"""
).bindparams(bindparam("low", type_=Uuid), bindparam("high", type_=Uuid))

FIRST, LAST = uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)


def keyed(keys: Sequence[tuple[uuid.UUID, str]]) -> Select[Any]:
    """A SELECT of these (customer, external id): any number through one bound value."""
    rows = [{"customer_id": str(customer), "external_id": name} for customer, name in sorted(set(keys))]
    given = recordset(rows, "given", customer_id=Uuid(), external_id=Text())
    return select(given.c.customer_id, given.c.external_id)


async def nameable(
    tx: Tx, customers: Sequence[uuid.UUID], ids: Sequence[uuid.UUID], external_ids: Sequence[str]
) -> Sequence[Any]:
    """The charges of accounts among these: `customer_id`, `id`, `external_id`, `due_on`, `open` (left to be named)."""
    values = {"customers": sorted(set(customers)), "ids": sorted(set(ids)), "external_ids": sorted(set(external_ids))}
    return await tx.rows(_NAMEABLE, values)


async def open_charges(
    tx: Tx, customer_id: uuid.UUID, today: date, *, after: tuple[date, uuid.UUID] | None, limit: int
) -> list[tuple[date, uuid.UUID, str]] | None:
    """Up to `limit` (due day, id, JSON) of the charges of which something is owed, what is due first before others.

    None if there is no such customer.
    """
    if await tx.scalar(select(Customer.id).where(Customer.id == customer_id, present(tx.caller))) is None:
        return None
    day, last = after or (None, None)
    values = {"customer": customer_id, "today": today, "after_day": day, "after_id": last, "limit": limit}
    return [(row[0], row[1], row[2]) for row in await tx.page(_LISTED, values)]


async def ageing(tx: Tx, customer_id: uuid.UUID, today: date) -> str | None:
    """What is owed by how long it is overdue, as JSON; None without an account."""
    if await tx.scalar(select(Customer.id).where(Customer.id == customer_id, present(tx.caller))) is None:
        return None
    found: str | None = await tx.scalar(_AGEING, {"customer": customer_id, "today": today})
    return found


async def misnamed(tx: Tx, low: uuid.UUID, high: uuid.UUID) -> list[str]:
    """A line for everything that is wrong with what was paid by name, or sold under allowances."""
    rows = await tx.rows(_MISNAMED, {"low": low, "high": high})
    return [f"customer {row.customer_id}: {row.kind} {row.id} {row.said} {row.held}, not {row.due}" for row in rows]


async def named_by(tx: Tx, keys: Sequence[tuple[uuid.UUID, str]]) -> Sequence[Any]:
    """What the entries with these external ids named when they were entered.

    Rows of `customer_id`, `external_id` (the entry's), `charge_id`, `charge` (the charge's external id) and `amount`.
    """
    n, payment, charge = ReceivableAllocation, Receivable.__table__.alias(), Receivable.__table__.alias()
    shown = (payment.c.customer_id, payment.c.external_id, n.charge_id, charge.c.external_id.label("charge"))
    found = (
        select(*shown, func.sum(n.amount).label("amount"))
        .join(payment, (payment.c.customer_id == n.customer_id) & (payment.c.id == n.payment_id))
        .join(charge, (charge.c.customer_id == n.customer_id) & (charge.c.id == n.charge_id))
        .where(n.amount > 0, tuple_(payment.c.customer_id, payment.c.external_id).in_(keyed(keys)))
        .group_by(payment.c.customer_id, payment.c.external_id, n.charge_id, charge.c.external_id)
    )
    return await tx.rows(found)
