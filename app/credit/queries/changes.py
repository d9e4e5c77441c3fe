"""Reading changes of terms that need a second key."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Text, case, cast, literal, select

from app.core.db import Tx
from app.core.documents import json_object, json_time
from app.core.errors import NOT_FOUND, Problem
from app.credit.models import CreditChange
from app.customers.queries import reached


@dataclass(frozen=True, slots=True)
class Filter:
    """Which changes to list. `status` is a status, or `all`."""

    status: str = "proposed"
    customer_id: uuid.UUID | None = None


async def customer_of(tx: Tx, change_id: uuid.UUID) -> uuid.UUID:
    """Whose account a change is about. Raises Problem not_found, also if the caller may not see the customer."""
    c = CreditChange
    found: uuid.UUID | None = await tx.scalar(
        select(c.customer_id).where(c.id == change_id, reached(tx.caller, c.customer_id))
    )
    if found is None:
        raise Problem(NOT_FOUND)
    return found


async def held(tx: Tx, customer_id: uuid.UUID, change_id: uuid.UUID) -> Any:
    """The row of a change, locked, or None."""
    c = CreditChange
    rows = await tx.rows(
        select(*c.__table__.c).where(c.customer_id == customer_id, c.id == change_id).with_for_update()
    )
    return rows[0] if rows else None


async def live(tx: Tx, customer_id: uuid.UUID) -> Sequence[Any]:
    """The rows of what is proposed for an account, locked in the order of ids."""
    c = CreditChange
    found = select(*c.__table__.c).where(c.customer_id == customer_id, c.state == "proposed")
    return await tx.rows(found.order_by(c.id).with_for_update())


def _shown(tx: Tx) -> Select[uuid.UUID, str, uuid.UUID]:
    c = CreditChange
    expired = (c.state == "proposed") & (c.expires_at <= tx.now)
    document = json_object(
        id=c.id, customer_id=c.customer_id, status=case((expired, literal("expired", Text)), else_=c.state),
        limit_before=c.limit_before,
        terms=json_object(
            limit=c.credit_limit, term_days=c.term_days, currency=c.currency, status=c.status, review_on=c.review_on
        ),
        proposed_by=c.proposed_by, proposed_at=json_time(c.proposed_at), expires_at=json_time(c.expires_at),
        decided_by=c.decided_by, decided_at=json_time(c.decided_at), reason=c.reason,
    )  # fmt: skip
    return select(c.id, cast(document, Text), c.customer_id).where(reached(tx.caller, c.customer_id))


async def one(tx: Tx, change_id: uuid.UUID) -> tuple[str, uuid.UUID]:
    """(JSON, customer) of a change. Raises Problem not_found."""
    rows = await tx.rows(_shown(tx).where(CreditChange.id == change_id))
    if not rows:
        raise Problem(NOT_FOUND)
    return rows[0][1], rows[0][2]


async def page(tx: Tx, wanted: Filter, *, after: uuid.UUID | None, limit: int) -> list[tuple[uuid.UUID, str, Any]]:
    """Up to `limit` (id, JSON, customer) of changes, newest first."""
    c = CreditChange
    found = _shown(tx)
    if wanted.status in {"proposed", "expired"}:
        expired = c.expires_at <= tx.now
        found = found.where(c.state == "proposed", expired if wanted.status == "expired" else ~expired)
    elif wanted.status != "all":
        found = found.where(c.state == wanted.status)
    if wanted.customer_id is not None:
        found = found.where(c.customer_id == wanted.customer_id)
    if after is not None:
        found = found.where(c.id < after)
    return [(row[0], row[1], row[2]) for row in await tx.page(found.order_by(c.id.desc()).limit(limit))]
