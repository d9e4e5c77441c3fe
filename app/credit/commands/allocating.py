"""Payments that name the charges they settle: what may be named, and what is named no more.

The account is locked by whoever comes here, so what is looked at stays so.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.core.db import Tx
from app.core.errors import INVALID, FieldError, Problem
from app.core.ids import new_id
from app.credit import queries
from app.credit.queries import owed

Fields = Mapping[str, Any]


@dataclass(slots=True)
class _Charge:
    """A charge that may be named: `left` is what nobody has named of it."""

    id: str
    due_on: str
    left: int


@dataclass(slots=True)
class Named:
    """What the entries of a batch name: rows to write, and which entries are refused, by index."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    refused: dict[int, Problem] = field(default_factory=dict)


async def named(tx: Tx, customer_id: uuid.UUID, entries: Mapping[int, Fields]) -> Named:
    """Find the charges that entries name, one statement for all; what of an entry cannot be named refuses it.

    A charge is there already, or stands before the entry in the batch. What was entered before is not looked at: it is
    a repetition.
    """
    found, wanted = Named(), [one for entry in entries.values() for one in entry["allocations"] or ()]
    if not wanted:
        return found
    known = await queries.by_external_ids(tx, customer_id, [entry["external_id"] for entry in entries.values()])
    seen = set(known)
    charges = await _charges(tx, customer_id, wanted)
    for index, entry in entries.items():
        external_id = entry["external_id"]
        if external_id in seen:
            continue
        errors, parts = _parts(entry, charges)
        if errors:
            found.refused[index] = Problem(INVALID, errors[0].detail, errors[:20])
            continue
        seen.add(external_id)
        for charge, amount in parts:
            charge.left -= amount
            found.rows.append(
                {"id": str(new_id()), "payment_id": entry["id"], "charge_id": charge.id, "amount": amount,
                 "due_on": charge.due_on}
            )  # fmt: skip
        if entry["kind"] == "charge":
            made = _Charge(entry["id"], entry["due_on"], entry["amount"])
            charges["external_id", external_id] = made
    return found


async def _charges(tx: Tx, customer_id: uuid.UUID, wanted: Sequence[Fields]) -> dict[tuple[str, str], _Charge]:
    ids = [one["id"] for one in wanted if one.get("id") is not None]
    names = [one["external_id"] for one in wanted if one.get("external_id") is not None]
    charges: dict[tuple[str, str], _Charge] = {}
    for row in await queries.nameable(tx, customer_id, ids, names):
        one = _Charge(str(row.id), row.due_on.isoformat(), row.open)
        charges["id", one.id] = one
        if row.external_id is not None:
            charges["external_id", row.external_id] = one
    return charges


def _parts(
    entry: Fields, charges: Mapping[tuple[str, str], _Charge]
) -> tuple[list[FieldError], list[tuple[_Charge, int]]]:
    """What is wrong with what an entry names, and the charges with the amounts."""
    errors: list[FieldError] = []
    parts: list[tuple[_Charge, int]] = []
    given = entry["allocations"] or ()
    taken: dict[str, int] = {}
    for place, one in enumerate(given):
        key = "id" if one.get("id") is not None else "external_id"
        charge = charges.get((key, str(one[key])))
        if charge is None:
            detail = "The customer has no such charge."
            errors.append(FieldError(f"/allocations/{place}/{key}", "unknown_charge", detail))
            continue
        left = charge.left - taken.get(charge.id, 0)
        if one["amount"] > left:
            detail = f"Of this charge {left} is left to be paid by name."
            errors.append(FieldError(f"/allocations/{place}/amount", "more_than_open", detail))
            continue
        taken[charge.id] = taken.get(charge.id, 0) + one["amount"]
        parts.append((charge, one["amount"]))
    if sum(one["amount"] for one in given) > entry["amount"]:
        detail = f"More is named than the {entry['amount']} that there is."
        errors.append(FieldError("/allocations", "more_than_amount", detail))
    return errors, parts


async def differs(tx: Tx, customer_id: uuid.UUID, repeated: Sequence[Fields]) -> set[str]:
    """Which of these entries, which are there already, named other charges then than now: their external ids."""
    asked = {entry["external_id"]: entry["allocations"] for entry in repeated if entry["allocations"] is not None}
    if not asked:
        return set()
    stored: dict[str, dict[str, int]] = {name: {} for name in asked}
    ids: dict[tuple[str, str], str] = {}
    for row in await owed.named_by(tx, customer_id, list(asked)):
        stored[row.external_id][str(row.charge_id)] = int(row.amount)
        ids["external_id", row.charge] = str(row.charge_id)
        ids["id", str(row.charge_id)] = str(row.charge_id)
    found = set()
    for name, given in asked.items():
        now: dict[str, int] = {}
        for one in given:
            key = "id" if one.get("id") is not None else "external_id"
            charge = ids.get((key, str(one[key])), "")
            now[charge] = now.get(charge, 0) + one["amount"]
        if now != stored[name]:
            found.add(name)
    return found


def wrong_kind(item: Fields) -> FieldError | None:
    """Why an entry may name no charges, if it does."""
    if item.get("allocations") and item["kind"] == "charge":
        return FieldError("/allocations", "not_a_payment", "A charge settles no charges.")
    return None
