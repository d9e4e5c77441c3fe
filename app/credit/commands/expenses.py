"""Entering expenses. They are never changed: what was wrong is corrected by another entry, below zero."""

import uuid
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
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
from app.feed.outbox import Event, announce

Fields = Mapping[str, Any]
Outcome = tuple[Status, uuid.UUID] | Problem
# What an expense is known by: its customer and its external id.
Key = tuple[uuid.UUID, str]

_ENTERED = text(
    """
INSERT INTO expenses (
  customer_id, id, corrects, recorded_by, amount, recorded_at, occurred_on, kind, external_id, by, note)
SELECT customer_id, id, corrects, :client, amount, :now, occurred_on, kind, external_id, by, note
FROM jsonb_to_recordset(:rows) AS entry(
  customer_id uuid, id uuid, corrects uuid, amount bigint, occurred_on date, kind text, external_id text, by text,
  note text)
ORDER BY customer_id, external_id
ON CONFLICT (customer_id, external_id) DO NOTHING
RETURNING id
"""
).bindparams(bindparam("rows", type_=JSONB))


async def enter_expenses(
    tx: Tx, held: AbstractSet[uuid.UUID], items: Sequence[tuple[int, Fields]], today: date
) -> dict[int, Outcome]:
    """Enter `items` (index, `customer_id` and the fields of an ExpenseIn) of held customers; the outcomes by index.

    An external id that stands for the same entry of the customer already is a duplicate, for another entry a conflict.
    A correction names what it corrects by its external id, and takes no more off than is left of it. A fixed few
    statements, however many customers.
    """
    keys = [key for _, item in items if item["customer_id"] in held for key in _keys(item)]
    known: dict[Key, Fields] = await queries.expenses_by_external_ids(tx, keys) if keys else {}
    taken_off = await queries.corrected(tx, {row["id"]: row["customer_id"] for row in known.values()}) if known else {}
    outcomes: dict[int, Outcome] = {}
    made: list[dict[str, Any]] = []
    for index, item in items:
        entry = _entry(item, known, taken_off, today) if item["customer_id"] in held else _unknown_customer()
        if isinstance(entry, dict):
            made.append(entry)
            known[entry["customer_id"], entry["external_id"]] = entry
            if entry["corrects"] is not None:
                taken_off[entry["corrects"]] = taken_off.get(entry["corrects"], 0) + entry["amount"]
            outcomes[index] = ("created", entry["id"])
        else:
            outcomes[index] = entry
    if made:
        values = {"client": tx.caller.client_id, "now": tx.now, "rows": made}
        if len(await tx.rows(_ENTERED, values)) < len(made):
            # Somebody else has entered one of them since we looked.
            raise Overtaken
        await announce(
            tx,
            [Event("expense.recorded", one["customer_id"], one["id"], data={"kind": one["kind"]}) for one in made],
            [AuditEntry("expense.record", "expense", one["id"], one["customer_id"]) for one in made],
        )
    return outcomes


def _keys(item: Fields) -> list[Key]:
    """What an item is known by, and what it corrects."""
    names = [item["external_id"]] if item.get("corrects") is None else [item["external_id"], item["corrects"]]
    return [(item["customer_id"], name) for name in names]


def _entry(
    item: Fields, known: Mapping[Key, Fields], taken_off: Mapping[uuid.UUID, int], today: date
) -> dict[str, Any] | Outcome:
    """The row to write for an item, or what it is instead."""
    target = None
    if item.get("corrects") is not None:
        target = known.get((item["customer_id"], item["corrects"]))
    stored = known.get((item["customer_id"], item["external_id"]))
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
        "customer_id": item["customer_id"], "id": new_id(), "corrects": None if target is None else target["id"],
        "amount": item["amount"], "occurred_on": day, "kind": item["kind"], "external_id": item["external_id"],
        "by": item.get("by"), "note": item.get("note"),
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


def _unknown_customer() -> Problem:
    detail = "There is no such customer."
    return Problem(NOT_FOUND, detail, [FieldError("/customer_id", "unknown_customer", detail)])
