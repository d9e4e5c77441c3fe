"""Noting that an identifier of one record was given for another: the two may be one customer.

The feed carries it to the worker, which looks for duplicates (`commands.duplicates.follow`): so whoever refuses pays
for two rows, and waits for nobody.
"""

from collections.abc import Iterable

from app.access.audit import AuditEntry
from app.core.db import Tx
from app.customers.plan import Refusal
from app.feed.outbox import Event, announce


async def note_refused(tx: Tx, refusals: Iterable[Refusal | None]) -> None:
    """Note these, as far as there are any.

    After a refusal that rolls its transaction back, call it in the next one. It locks nothing, so that any command may
    end with it.
    """
    noted = sorted({one for one in refusals if one is not None})
    if noted:
        events = [
            Event("identifier.refused", one.customer, one.customer, data={"holder": str(one.holder), "kind": one.kind})
            for one in noted
        ]
        entries = [AuditEntry("identifier.refuse", "customer", one.customer, one.customer) for one in noted]
        await announce(tx, events, entries)
