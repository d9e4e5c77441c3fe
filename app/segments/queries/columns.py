"""Values of chosen fields of some customers, in one statement however many fields there are."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, Uuid, any_, literal, select

from app.core.db import Tx
from app.core.fields import Field
from app.segments.queries.evaluate import Question


async def values(
    tx: Tx, question: Question, fields: Sequence[Field], ids: Sequence[uuid.UUID]
) -> list[tuple[uuid.UUID, Sequence[Any]]]:
    """(id, values in the order of the fields) of those of the customers who still are there, in the order of ids."""
    if not ids:
        return []
    wanted = literal(list(ids), ARRAY(Uuid))
    customers = question.customers(lambda column: column == any_(wanted))
    found = [customers.operand(field.name).full.label(f"column_{number}") for number, field in enumerate(fields)]
    statement = select(customers.id.label("id"), *found).select_from(customers.rows.joined).where(customers.counted)
    return [(row[0], row[1:]) for row in await tx.rows(statement.order_by("id"))]
