"""What people do: take and dismiss opportunities, any number in a fixed few statements, and set rules."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Text, Uuid, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.access.audit import AuditEntry, record
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem
from app.core.ids import COMPANY
from app.core.sql import recordset
from app.early_warning.opportunities import queries
from app.early_warning.opportunities.models import OPPORTUNITY_CLOSED, Opportunity, OpportunityRule
from app.early_warning.opportunities.rules import Kind, usual
from app.feed.outbox import Event, announce
from app.receipts.commands import lock_customers

Given = Mapping[str, Any]


async def take(tx: Tx, opportunity_id: uuid.UUID, given: Given) -> None:
    """Take an opportunity: `owner`, `outcome`, `note`, as far as given. A taken one may be taken again, to say more.

    Raises Problem: not found, closed already.
    """
    await _one(tx, {**given, "id": opportunity_id, "action": "take"})


async def dismiss(tx: Tx, opportunity_id: uuid.UUID, given: Given) -> None:
    """Dismiss an open opportunity for a `reason`, with a `note` if given. Raises Problem as `take` does."""
    await _one(tx, {**given, "id": opportunity_id, "action": "dismiss"})


async def _one(tx: Tx, decision: Given) -> None:
    problem = (await decide(tx, [decision]))[0]
    if problem is not None:
        raise problem


async def decide(tx: Tx, decisions: Sequence[Given]) -> list[Problem | None]:
    """Take or dismiss (`action`) many by `id`, each in its turn; per decision why it could not be, or None."""
    ids = [one["id"] for one in decisions]
    await lock_customers(tx, await queries.customers_of(tx, ids))
    held = await queries.held(tx, ids)
    now: dict[uuid.UUID, dict[str, Any]] = {}
    found: list[Problem | None] = []
    for one in decisions:
        row = held.get(one["id"])
        before = now.get(one["id"]) or (None if row is None else _as_held(row))
        if before is None:
            found.append(Problem(NOT_FOUND))
        elif before["status"] not in {"take": ("open", "taken"), "dismiss": ("open",)}[one["action"]]:
            found.append(Problem(OPPORTUNITY_CLOSED))
        else:
            found.append(None)
            now[one["id"]] = _decided(before, one)
    changed = {key: after for key, after in now.items() if after != _as_held(held[key])}
    if changed:
        await _keep(tx, held, changed)
    return found


def _as_held(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("status", "owner", "outcome", "note")}


def _decided(before: Mapping[str, Any], given: Given) -> dict[str, Any]:
    if given["action"] == "dismiss":
        return {**before, "status": "dismissed", "outcome": given["reason"], "note": given.get("note")}
    said = {name: given[name] for name in ("owner", "outcome", "note") if given.get(name) is not None}
    return {**before, "status": "taken", **said}


async def _keep(tx: Tx, held: Mapping[uuid.UUID, Any], changed: Mapping[uuid.UUID, Mapping[str, Any]]) -> None:
    rows = [
        {"customer_id": str(held[key].customer_id), "id": str(key), "version": held[key].version + 1, **after}
        for key, after in changed.items()
    ]
    given = recordset(
        rows, "given", customer_id=Uuid(), id=Uuid(), version=BigInteger(), status=Text(), owner=Text(),
        outcome=Text(), note=Text(),
    )  # fmt: skip
    row = Opportunity.__table__
    names = ("version", "status", "owner", "outcome", "note")
    values: dict[str, Any] = {name: given.c[name] for name in names}
    who = {"changed_at": tx.now, "closed_at": tx.now, "closed_by": tx.caller.client_id}
    mine = (row.c.customer_id == given.c.customer_id, row.c.id == given.c.id)
    await tx.execute(update(Opportunity).where(*mine).values(**values, **who))
    events, entries = [], []
    for key, after in changed.items():
        before = held[key]
        verb = "take" if after["status"] == "taken" else "dismiss"
        data = {"customer_id": str(before.customer_id), "status": after["status"]}
        if after["outcome"] is not None:
            data["outcome"] = after["outcome"]
        events.append(Event(f"opportunity.{after['status']}", before.customer_id, key, before.version + 1, data))
        fields = tuple(name for name in ("status", "owner", "outcome", "note") if after[name] != getattr(before, name))
        entries.append(AuditEntry(f"opportunity.{verb}", "opportunity", key, before.customer_id, fields))
    await announce(tx, events, entries)


async def set_rule(tx: Tx, kind: Kind, settings: Given) -> None:
    """Set a rule whole; what is left out is as usual. It counts from the next evaluation on."""
    was = usual(kind)
    kept = {name: value for name, value in settings.items() if value != was[name]}
    statement = upsert(OpportunityRule).values(kind=kind, version=1, updated_at=tx.now, settings=kept)
    statement = statement.on_conflict_do_update(
        index_elements=["kind"],
        set_={"version": OpportunityRule.version + 1, "updated_at": tx.now, "settings": statement.excluded.settings},
    )
    await tx.execute(statement)
    entry = AuditEntry("opportunity_rule.update", "opportunity_rule", COMPANY, fields=tuple(kept))
    await tx.execute(record(tx, [entry]))
