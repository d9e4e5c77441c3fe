"""What people do: take a warning on, resolve it."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert, select, update

from app.access.audit import AuditEntry, record
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem
from app.core.ids import new_id
from app.core.sql import together
from app.credit.models import CreditAccount
from app.customers.queries import reached
from app.early_warning.models import WARNING_RESOLVED, WarningEvent, WarningRow
from app.feed.outbox import Event, publish

Given = Mapping[str, Any]


async def acknowledge(tx: Tx, warning_id: uuid.UUID, given: Given) -> None:
    """Take a warning on: `owner`, `due_at`, `note`, as far as given. Raises Problem: not found, resolved already."""
    held = await _held(tx, warning_id)
    changed: dict[str, Any] = {name: given[name] for name in ("owner", "due_at") if name in given}
    if held.status != "acknowledged":
        changed |= {"status": "acknowledged", "acknowledged_at": tx.now, "acknowledged_by": tx.caller.client_id}
    elif all(getattr(held, name) == value for name, value in changed.items()) and given.get("note") is None:
        return
    await _follow(tx, held, "acknowledged", changed, given.get("note"))


async def resolve(tx: Tx, warning_id: uuid.UUID, given: Given) -> None:
    """Resolve a warning with what was found and done (`outcome`, `cause`, ...). Raises Problem as `acknowledge`."""
    held = await _held(tx, warning_id)
    found = {name: value for name, value in given.items() if value is not None}
    changed = {
        "status": "resolved",
        "resolved_at": tx.now,
        "resolved_by": tx.caller.client_id,
        "resolution": found,
    }
    if held.subject == "limit":
        owed = select(CreditAccount.balance).where(CreditAccount.customer_id == held.customer_id)
        changed["accepted"] = owed.scalar_subquery()
    await _follow(tx, held, "resolved", changed, given.get("note"))


async def _held(tx: Tx, warning_id: uuid.UUID) -> Any:
    # Twice: while the first look waited, a merge may have given it to another customer.
    mine = (WarningRow.id == warning_id, reached(tx.caller, WarningRow.customer_id))
    found = select(*WarningRow.__table__.c).where(*mine).with_for_update()
    rows = await tx.rows(found) or await tx.rows(found)
    if not rows:
        raise Problem(NOT_FOUND)
    if rows[0].status == "resolved":
        raise Problem(WARNING_RESOLVED)
    return rows[0]


async def _follow(tx: Tx, held: Any, action: str, changed: dict[str, Any], note: str | None) -> None:
    version = held.version + 1
    mine = (WarningRow.customer_id == held.customer_id, WarningRow.id == held.id)
    await tx.execute(update(WarningRow).where(*mine).values(**changed, version=version))
    noted = insert(WarningEvent).values(
        customer_id=held.customer_id, id=new_id(), warning_id=held.id, at=tx.now, actor=tx.caller.client_id,
        version=version, action=action, state=held.state, severity=held.severity, note=note,
    )  # fmt: skip
    data = {
        "customer_id": str(held.customer_id), "kind": held.kind, "about": held.subject, "state": held.state,
        "severity": held.severity, "status": changed.get("status", held.status), "reopened": False,
    }  # fmt: skip
    kind = "warning.resolved" if action == "resolved" else "warning.changed"
    event = Event(kind, held.customer_id, held.id, version, data)
    entry = AuditEntry(f"warning.{action}", "warning", held.id, held.customer_id, tuple(changed))
    await tx.execute(together(noted, publish(tx, [event]), record(tx, [entry])))
