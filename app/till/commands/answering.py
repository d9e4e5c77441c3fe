"""The end of every command on one receipt: its events, its audit entries and its document, in one statement."""

import uuid
from collections.abc import Sequence

from app.access.audit import AuditEntry, record
from app.core.db import Tx
from app.early_warning.commands import NOTHING, Ending
from app.feed.outbox import Event, publish
from app.receipts import queries


async def told(
    tx: Tx,
    customer_id: uuid.UUID,
    receipt_id: uuid.UUID,
    events: Sequence[Event],
    entries: Sequence[AuditEntry],
    ending: Ending = NOTHING,
) -> bytes:
    """Publish and write down what happened; the receipt's document, as JSON."""
    shown = queries.one_document(tx, customer_id, receipt_id)
    parts, parameters = ending
    if events or entries:
        # The receipt was written by an earlier statement, so this one can read it.
        shown = shown.add_cte(*parts, publish(tx, events).cte("published"), record(tx, entries).cte("recorded"))
    text: str = await tx.scalar(shown, parameters)
    return text.encode()
