"""The end of every command on one receipt: its events, its audit entries and its document, in one statement."""

import uuid
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import CTE, Select

from app.access.audit import RECORD, AuditEntry, record
from app.core.db import Tx
from app.core.errors import Overtaken
from app.early_warning.commands import NOTHING, Ending
from app.feed.outbox import PUBLISH, Event, publish
from app.receipts import queries


async def told(
    tx: Tx,
    customer_id: uuid.UUID,
    receipt_id: uuid.UUID,
    events: Sequence[Event],
    entries: Sequence[AuditEntry],
    ending: Ending = NOTHING,
) -> bytes:
    """Publish and write down what happened; the receipt's document, as JSON.

    Raises Overtaken if it is not that customer's receipt any more.
    """
    parts, parameters = ending
    shown = {"shown_customer": customer_id, "shown_receipt": receipt_id}
    with_cost = queries.sees_cost(tx)
    if events or entries:
        # The receipt was written by an earlier statement, so this one can read it.
        values = {**publish(tx, events).values, **record(tx, entries).values, **parameters, **shown}
        text: str | None = await tx.scalar(_telling(tuple(parts), with_cost=with_cost), values)
    else:
        text = await tx.scalar(_shown(with_cost=with_cost), shown)
    if text is None:
        # Somebody else's since it was looked up.
        raise Overtaken
    return text.encode()


# Built once: that would take longer than they run.
@cache
def _shown(*, with_cost: bool) -> Select[Any]:
    return queries.one_document(with_cost=with_cost)


@cache
def _telling(parts: tuple[CTE, ...], *, with_cost: bool) -> Select[Any]:
    return _shown(with_cost=with_cost).add_cte(*parts, PUBLISH.cte("published"), RECORD.cte("recorded"))
