"""Plans and budgets, measured by `credit.progress`, and the customers whose they are."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, Executable, TextClause, Uuid, any_, bindparam, literal, select, text

from app.core.db import Tx
from app.credit.kinds import PlanKind
from app.credit.progress import measured
from app.customers.models import Customer
from app.customers.queries import editable, present, visible_to

Row = Mapping[str, Any]


@cache
def _statement(kind: PlanKind, spending: str, condition: str) -> TextClause:
    order = "ORDER BY p.starts_on DESC, p.ends_on DESC LIMIT :limit"
    return text(f"{measured(kind, spending)} WHERE p.customer_id = :customer AND {condition} {order}")


async def plan_of(
    tx: Tx, kind: PlanKind, customer_id: uuid.UUID, period: str, values: Row, spending: str = ""
) -> Row | None:
    """A customer's plan for a period, measured; `values` are `today` and what `spending` takes.

    None if there is none, or no such customer for the caller.
    """
    if not await there(tx, customer_id):
        return None
    given = {**values, "customer": customer_id, "period": period, "limit": 1}
    rows = await tx.rows(_statement(kind, spending, "p.period = :period"), given)
    return rows[0]._mapping if rows else None  # noqa: SLF001  the documented way to a row's names


async def plans_of(
    tx: Tx, kind: PlanKind, customer_id: uuid.UUID, *, after: tuple[date, date] | None, limit: int,
    values: Row, spending: str = "",
) -> list[Row] | None:  # fmt: skip
    """Up to `limit` of a customer's plans, measured, the latest period first; None if there is no such customer."""
    if not await there(tx, customer_id):
        return None
    given = {**values, "customer": customer_id, "limit": limit}
    condition = "true"
    if after is not None:
        condition = "(p.starts_on, p.ends_on) < (CAST(:starts AS date), CAST(:ends AS date))"
        given |= {"starts": after[0], "ends": after[1]}
    rows = await tx.page(_statement(kind, spending, condition), given)
    return [row._mapping for row in rows]  # noqa: SLF001  the documented way to a row's names


async def there(tx: Tx, customer_id: uuid.UUID) -> bool:
    """Whether there is such a customer for the caller."""
    found = select(Customer.id).where(Customer.id == customer_id, present(tx.caller))
    return await tx.scalar(found) is not None


async def hold_customers(tx: Tx, ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Those of these customers that may be changed, held in the order of ids: nobody merges them meanwhile."""
    wanted = literal(sorted(set(ids)), ARRAY(Uuid))
    found = select(Customer.id).where(Customer.id == any_(wanted), editable(), visible_to(tx.caller))
    return {row.id for row in await tx.rows(found.order_by(Customer.id).with_for_update(read=True))}


async def whose(tx: Tx, column: str, value: str, kind: PlanKind, period: str, limit: int) -> list[uuid.UUID]:
    """Up to `limit` customers of an account manager or a home store (`column`) that have a plan for a period."""
    planned = text(f"EXISTS (SELECT FROM {kind.table} p WHERE p.customer_id = customers.id AND p.period = :period)")
    found = select(Customer.id).where(Customer.__table__.c[column] == value, editable(), visible_to(tx.caller), planned)
    return [row.id for row in await tx.rows(found.order_by(Customer.id).limit(limit), {"period": period})]


@cache
def _of(kind: PlanKind) -> Executable:
    found = text(
        f"""SELECT p.customer_id, p.period, p.planned, p.phases FROM {kind.table} p
            WHERE p.customer_id = ANY (:customers) AND p.period = ANY (:periods) ORDER BY p.customer_id"""
    )
    return found.bindparams(bindparam("customers", type_=ARRAY(Uuid)))


async def sources(tx: Tx, kind: PlanKind, customers: Sequence[uuid.UUID], *periods: str) -> list[Any]:
    """The plans of these customers for these periods: customer_id, period, planned, phases."""
    return await tx.rows(_of(kind), {"customers": sorted(customers), "periods": [*periods]})
