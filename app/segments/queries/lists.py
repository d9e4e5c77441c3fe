"""Who is in a list, and who is meant by what an upload names."""

import uuid
from collections.abc import Iterable

from sqlalchemy import Uuid, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.core.db import Tx
from app.customers import queries as customers_queries
from app.customers.models import Customer
from app.segments.models import SegmentMember


async def named(tx: Tx, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[uuid.UUID]]:
    """Who holds each identifier (kind, value in stored form), of those that anybody holds."""
    wanted = set(keys)
    return await customers_queries.holders(tx, wanted) if wanted else {}


async def living(tx: Tx, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Id -> the customer found under it today: itself, or the one it was merged into; walk-ins and erased are nobody.

    Their rows are held in the order of ids, so that nobody merges them meanwhile.
    """
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    asked = Customer.__table__.alias("asked")
    statement = select(asked.c.id, Customer.id).join(
        asked, Customer.id == func.coalesce(asked.c.merged_into, asked.c.id)
    )
    statement = statement.where(
        asked.c.id == any_(literal(wanted, ARRAY(Uuid))),
        customers_queries.editable(),
        customers_queries.visible_to(tx.caller),
    )
    rows = await tx.rows(statement.order_by(Customer.id).with_for_update(read=True, of=Customer))
    return {row[0]: row[1] for row in rows}


async def members_among(tx: Tx, segment: uuid.UUID, customers: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Those of some customers who are in a list."""
    among = SegmentMember.customer_id == any_(literal(sorted(set(customers)), ARRAY(Uuid)))
    rows = await tx.rows(select(SegmentMember.customer_id).where(SegmentMember.segment_id == segment, among))
    return {row[0] for row in rows}


async def size(tx: Tx, segment: uuid.UUID, most: int) -> int:
    """How many are in a list, counted up to `most`."""
    some = select(literal(1)).select_from(SegmentMember).where(SegmentMember.segment_id == segment).limit(most)
    return int(await tx.scalar(select(func.count()).select_from(some.subquery())))
