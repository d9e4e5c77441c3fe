"""What people set: a rule; and a hold, placed and released."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.access.audit import AuditEntry, record
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem
from app.core.ids import new_id
from app.core.sql import together
from app.customers.models import Customer
from app.customers.queries import editable, reached, visible_to
from app.early_warning.models import HOLD_RELEASED, Hold, WarningRule
from app.early_warning.rules import RULES, Kind
from app.feed.outbox import Event, announce, publish

Given = Mapping[str, Any]


async def set_rule(tx: Tx, kind: Kind, settings: Given) -> None:
    """Set a rule whole; what is left out is as usual. It counts from the next evaluation on."""
    usual = RULES[kind]().model_dump()
    kept = {name: value for name, value in settings.items() if value != usual[name]}
    statement = upsert(WarningRule).values(kind=kind, version=1, updated_at=tx.now, settings=kept)
    statement = statement.on_conflict_do_update(
        index_elements=["kind"],
        set_={"version": WarningRule.version + 1, "updated_at": tx.now, "settings": statement.excluded.settings},
    )
    await tx.execute(statement)
    await tx.execute(
        record(tx, [AuditEntry("warning_rule.update", "warning_rule", uuid.UUID(int=0), fields=tuple(kept))])
    )


async def place_hold(tx: Tx, customer_id: uuid.UUID, reason: str) -> uuid.UUID:
    """Stop sales to a customer. Raises Problem not_found."""
    hold_id = new_id()
    known = select(Customer.id).where(Customer.id == customer_id, editable(), visible_to(tx.caller))
    if await tx.scalar(known.with_for_update(key_share=True)) is None:
        raise Problem(NOT_FOUND)
    made = insert(Hold).values(
        customer_id=customer_id, id=hold_id, placed_at=tx.now, placed_by=tx.caller.client_id, reason=reason
    )
    event = Event("hold.placed", customer_id, hold_id, data={"customer_id": str(customer_id)})
    entry = AuditEntry("hold.place", "hold", hold_id, customer_id, ("reason",))
    await tx.execute(together(made, publish(tx, [event]), record(tx, [entry])))
    return hold_id


async def release_hold(tx: Tx, hold_id: uuid.UUID, reason: str) -> None:
    """Let sales go on, as far as this hold is concerned. Raises Problem: not found, released already."""
    mine = (Hold.id == hold_id, reached(tx.caller, Hold.customer_id))
    found = select(Hold.customer_id, Hold.released_at).where(*mine).with_for_update()
    rows = await tx.rows(found) or await tx.rows(found)
    if not rows:
        raise Problem(NOT_FOUND)
    if rows[0].released_at is not None:
        raise Problem(HOLD_RELEASED)
    customer_id = rows[0].customer_id
    released = {"released_at": tx.now, "released_by": tx.caller.client_id, "release_reason": reason}
    changed = update(Hold).where(Hold.customer_id == customer_id, Hold.id == hold_id).values(**released)
    event = Event("hold.released", customer_id, hold_id, data={"customer_id": str(customer_id)})
    entry = AuditEntry("hold.release", "hold", hold_id, customer_id, tuple(released))
    await tx.execute(changed)
    await announce(tx, [event], [entry])
