"""Finding warnings for those who do something about them, and for the clock."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import ARRAY, Uuid, any_, literal, select

from app.core.db import Tx
from app.customers.models import Customer
from app.customers.queries import reached
from app.early_warning.models import WarningRow

_W = WarningRow


async def locked(tx: Tx, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """The rows of these warnings, as far as they are within the caller's reach, locked in the order of their keys.

    `manager` is the customer's account manager.
    """
    manager = select(Customer.account_manager).where(Customer.id == _W.customer_id).scalar_subquery()
    found = select(*_W.__table__.c, manager.label("manager"))
    found = found.where(_any_of(ids), reached(tx.caller, _W.customer_id)).order_by(_W.customer_id, _W.id)
    rows = await tx.rows(found.with_for_update(of=_W, key_share=True))
    return {row.id: dict(row._mapping) for row in rows}  # noqa: SLF001  the documented way to a row's names


async def customers_of(tx: Tx, ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """The customers whom these warnings are about."""
    return {row[0] for row in await tx.rows(select(_W.customer_id).where(_any_of(ids)))}


async def live_causes(tx: Tx, warnings: Iterable[Mapping[str, Any]]) -> dict[tuple[Any, ...], uuid.UUID]:
    """What is not resolved of the customers of these warnings: (customer, kind, subject) -> warning."""
    customers = literal(sorted({one["customer_id"] for one in warnings}), ARRAY(Uuid))
    found = select(_W.customer_id, _W.kind, _W.subject, _W.id)
    rows = await tx.rows(found.where(_W.customer_id == any_(customers), _W.status != "resolved"))
    return {tuple(row)[:3]: row.id for row in rows}


async def promises_due(tx: Tx, today: date, most: int) -> dict[str, list[uuid.UUID]]:
    """By kind, customers who promised something by a day before `today` about which nothing is decided yet."""
    due = select(_W.kind, _W.customer_id).where(_W.promise_state == "open", _W.promised_on < today)
    found: dict[str, list[uuid.UUID]] = {}
    for row in await tx.rows(due.order_by(_W.promised_on, _W.customer_id).limit(most)):
        found.setdefault(row.kind, []).append(row.customer_id)
    return found


def _any_of(ids: Iterable[uuid.UUID]) -> Any:
    return _W.id == any_(literal(sorted(set(ids)), ARRAY(Uuid)))
