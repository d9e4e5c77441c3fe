"""Entering expenses. They are never changed: what was wrong is corrected by another entry, below zero."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from app.access.audit import AuditEntry
from app.core.batch import Status
from app.core.db import Tx
from app.core.errors import INVALID, NOT_FOUND, FieldError, Overtaken, Problem
from app.core.ids import new_id
from app.credit.models import EXPENSE_CONFLICT
from app.credit.queries import expenses as queries
from app.credit.queries.plans import hold_customers
from app.feed.outbox import Event, announce

Fields = Mapping[str, Any]
Outcome = tuple[Status, uuid.UUID] | Problem

_ENTERED = text(
    """
INSERT INTO expenses (
  customer_id, id, corrects, recorded_by, amount, recorded_at, occurred_on, kind, external_id, by, note)
SELECT :customer, id, corrects, :client, amount, :now, occurred_on, kind, external_id, by, note
FROM jsonb_to_recordset(:rows) AS entry(
  id uuid, corrects uuid, amount bigint, occurred_on date, kind text, external_id text, by text, note text)
ON CONFLICT (customer_id, external_id) DO NOTHING
RETURNING id
"""
).bindparams(bindparam("rows", type_=JSONB))


async def enter_expenses(
    tx: Tx, customer_id: uuid.UUID, items: Sequence[tuple[int, Fields]], today: date
) -> dict[int, Outcome]:
    """Enter `items` (index, fields of an ExpenseIn) of a customer; what became of each, by index.

    An external id that stands for the same entry already is a duplicate, for another entry a conflict. A correction
    names what it corrects by its external id, and takes no more off than is left of it.
    Raises Problem not_found: no such customer.
    """
    if not await hold_customers(tx, [customer_id]):
        raise Problem(NOT_FOUND)
    names = [item["external_id"] for _, item in items] + [item["corrects"] for _, item in items if item.get("corrects")]
    known: dict[str, Fields] = await queries.expenses_by_external_ids(tx, customer_id, names) if names else {}
    taken_off = await queries.corrected(tx, customer_id) if known else {}
    outcomes: dict[int, Outcome] = {}
    made: list[dict[str, Any]] = []
    for index, item in items:
        entry = _entry(item, known, taken_off, today)
        if isinstance(entry, dict):
            made.append(entry)
            known[entry["external_id"]] = entry
            if entry["corrects"] is not None:
                taken_off[entry["corrects"]] = taken_off.get(entry["corrects"], 0) + entry["amount"]
            outcomes[index] = ("created", entry["id"])
        else:
            outcomes[index] = entry
    if made:
        values = {"customer": customer_id, "client": tx.caller.client_id, "now": tx.now, "rows": made}
        if len(await tx.rows(_ENTERED, values)) < len(made):
            # Somebody else has entered one of them since we looked.
            raise Overtaken
        await announce(
            tx,
            [Event("expense.recorded", customer_id, one["id"], data={"kind": one["kind"]}) for one in made],
            [AuditEntry("expense.record", "expense", one["id"], customer_id) for one in made],
        )
    return outcomes


def _entry(
    item: Fields, known: Mapping[str, Fields], taken_off: Mapping[uuid.UUID, int], today: date
) -> dict[str, Any] | Outcome:
    """The row to write for an item, or what it is instead."""
    target = None
    if item.get("corrects") is not None:
        target = known.get(item["corrects"])
    stored = known.get(item["external_id"])
    if stored is not None:
        return _repeated(item, stored, target)
    if item["amount"] == 0 or (item["amount"] < 0) != (item.get("corrects") is not None):
        return _refused("amount", "wrong_sign", "What corrects another expense is below zero, all else is above.")
    if item.get("corrects") is not None:
        if target is None or target["corrects"] is not None:
            return _refused("corrects", "unknown_expense", "The customer has no such expense.")
        if target["kind"] != item["kind"]:
            return _refused("kind", "other_kind", "A correction is of the kind of what it corrects.")
        if target["amount"] + taken_off.get(target["id"], 0) + item["amount"] < 0:
            return _refused("amount", "too_much", "No more is taken off than is left of the expense.")
    # By default what is corrected and the correction cancel out wherever days count.
    day = item.get("occurred_on") or (today if target is None else target["occurred_on"])
    return {
        "id": new_id(), "corrects": None if target is None else target["id"], "amount": item["amount"],
        "occurred_on": day, "kind": item["kind"], "external_id": item["external_id"], "by": item.get("by"),
        "note": item.get("note"),
    }  # fmt: skip


def _repeated(item: Fields, stored: Fields, target: Fields | None) -> Outcome:
    """What was left to us the first time (the day) is not compared the next time."""
    told = {name: item[name] for name in ("kind", "amount", "occurred_on", "by", "note") if item.get(name) is not None}
    different = [name for name, value in told.items() if stored[name] != value]
    if stored["corrects"] != (None if target is None else target["id"]) or (item.get("corrects") and target is None):
        different.append("corrects")
    if not different:
        return "duplicate", stored["id"]
    detail = "This external id stands for another expense; it is unchanged."
    errors = [FieldError(f"/{name}", "differs", "It differs from what is stored.") for name in different]
    return Problem(EXPENSE_CONFLICT, detail, errors, extra={"expense_id": str(stored["id"])})


def _refused(name: str, code: str, detail: str) -> Problem:
    return Problem(INVALID, detail, [FieldError(f"/{name}", code, detail)])
