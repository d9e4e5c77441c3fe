"""What the desk shows of one customer's engagement, for it to put into a statement of its own."""

import uuid
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, select, text

from app.core.documents import json_object
from app.engagement.kinds import COMPLAINT, INTERACTION, PROMISE, Kind
from app.engagement.models import LIVE
from app.engagement.queries.documents import listed, members, table_of

# A customer with more open complaints than this has troubles that no card shows.
OPEN_MAX = 20


def card(
    customer: SQLColumnExpression[uuid.UUID], groups: frozenset[str], *, interactions: int = 5
) -> ColumnElement[Any]:
    """A JSON object of a customer: open `complaints` and `promises`, the first due first, and the last `interactions`.

    `customer` is the column with the customer's id, or a bound value: `select(card(...))` asks for one customer.
    """
    return json_object(
        complaints=_open(COMPLAINT, customer, groups),
        promises=_open(PROMISE, customer, groups),
        interactions=_last(INTERACTION, customer, groups, interactions),
    )


def _open(kind: Kind, customer: SQLColumnExpression[uuid.UUID], groups: frozenset[str]) -> ColumnElement[Any]:
    table = table_of(kind)
    first = select(table).where(table.c.customer_id == customer, text(f"{table.name}.{LIVE[kind.name]}"))
    found = (
        first.order_by(table.c.due_at, table.c.id).limit(OPEN_MAX).correlate_except(table).lateral(f"open_{table.name}")
    )
    return select(listed(json_object(**members(kind, found, groups)), found.c.due_at, found.c.id)).scalar_subquery()


def _last(
    kind: Kind, customer: SQLColumnExpression[uuid.UUID], groups: frozenset[str], count: int
) -> ColumnElement[Any]:
    table = table_of(kind)
    order = (table.c.occurred_at.desc(), table.c.id.desc())
    found = select(table).where(table.c.customer_id == customer).order_by(*order).limit(count)
    last = found.correlate_except(table).lateral(f"last_{table.name}")
    document = json_object(**members(kind, last, groups))
    return select(listed(document, last.c.occurred_at.desc(), last.c.id.desc())).scalar_subquery()
