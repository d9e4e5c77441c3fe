"""Reading what tills may sell on account while they are cut off."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem
from app.credit.models import CreditAllowance, CreditAllowanceUse
from app.customers.queries import reached

# Receipts of an allowance that an answer lists, the newest.
USES_SHOWN = 100


async def one(tx: Tx, allowance_id: uuid.UUID, *, lock: bool = False) -> Mapping[str, Any]:
    """The row of an allowance. Raises Problem not_found, also if the caller may not see the customer."""
    a = CreditAllowance
    found = select(*a.__table__.c).where(a.id == allowance_id, reached(tx.caller, a.customer_id))
    if lock:
        found = found.with_for_update(of=a)
    # Twice: while the first look waited, a merge may have given it to another customer.
    rows = await tx.rows(found) or await tx.rows(found)
    if not rows:
        raise Problem(NOT_FOUND)
    found_row: Mapping[str, Any] = rows[0]._mapping  # noqa: SLF001  the documented way to a row's names
    return found_row


async def locked(tx: Tx, allowances: Sequence[uuid.UUID]) -> dict[uuid.UUID, Any]:
    """The rows of allowances by their ids, locked in the order of customers and ids."""
    a = CreditAllowance
    wanted = a.id == any_(literal(sorted(set(allowances)), ARRAY(Uuid)))
    found = select(*a.__table__.c).where(wanted).order_by(a.customer_id, a.id).with_for_update()
    return {row.id: row for row in await tx.rows(found)}


async def uses(tx: Tx, customer_id: uuid.UUID, allowance_id: uuid.UUID) -> list[Mapping[str, Any]]:
    """The newest receipts that were sold under an allowance."""
    u = CreditAllowanceUse
    found = select(u.receipt_id, u.amount, u.excess, u.outcome, u.recorded_at)
    found = found.where(u.customer_id == customer_id, u.allowance_id == allowance_id).order_by(u.id.desc())
    return [row._mapping for row in await tx.rows(found.limit(USES_SHOWN))]  # noqa: SLF001  (same)
