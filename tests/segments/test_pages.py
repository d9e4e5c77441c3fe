"""Pages of members: how PostgreSQL may read a stretch of ids."""

import uuid
from datetime import date
from typing import Any

from sqlalchemy import select, text

from app.core.caller import SYSTEM
from app.core.db import Tx
from app.customers.models import Customer
from app.segments import definition
from app.segments.queries import evaluate
from app.segments.queries.evaluate import Question
from tests.segments.test_same import ZONE, Comparison

ANCHOR = date(2026, 1, 1)
ASKED = "sum(receipts.net during last 90 days) > 1.00 or none(receipts)"


async def test_a_stretch_between_two_ids_is_joined_without_loops(house, registry, world, monkeypatch):
    """Of such a stretch PostgreSQL expects one customer, so it would look through the stretch again for each."""
    comparison = Comparison(house, registry, ANCHOR, 1)
    await house.services.db.run(comparison.company.insert)
    question = Question(registry, definition.of_text(ASKED, world).tree, ANCHOR, ZONE)
    monkeypatch.setattr(evaluate, "FIRST_STRETCH", 2)
    monkeypatch.setattr(evaluate, "STRETCH_GROWTH", 1)
    allowed: list[str] = []
    plain = Tx.rows

    async def watched(tx: Tx, *given: Any) -> Any:
        allowed.append(await tx.scalar(text("SHOW enable_nestloop")))
        return await plain(tx, *given)

    async with house.services.db.reading(SYSTEM) as tx:
        everybody = list((await tx.execute(select(Customer.id).order_by(Customer.id))).scalars())
        whole = await evaluate.page(tx, question, after=None, limit=1000)
        monkeypatch.setattr(Tx, "rows", watched)
        pages, after = list[uuid.UUID](), None
        while found := await evaluate.page(tx, question, after=after, limit=3):
            pages += found
            after = found[-1]
        assert await tx.scalar(text("SHOW enable_nestloop")) == "on"
    assert pages == whole and len(whole) > 3 and set(whole) <= set(everybody)
    # Only a first page begins without an id before it.
    assert allowed[0] == "on" and set(allowed[1:]) == {"off"}
