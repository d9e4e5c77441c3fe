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
Key = tuple[uuid.UUID, str]
Name = tuple[uuid.UUID, str | uuid.UUID]


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


def key_of(entry: Fields) -> Key:
    """What an entry is known by: its customer and its external id."""
    return uuid.UUID(entry["customer_id"]), entry["external_id"]


async def named(tx: Tx, entries: Mapping[int, Fields]) -> Named:
    """Find the charges that entries name, one statement for all; what of an entry cannot be named refuses it.

    A charge is there already, or stands before the entry in the batch. What was entered before is not looked at: it is
    a repetition.
    """
    found, naming = Named(), [entry for entry in entries.values() if entry["allocations"]]
    if not naming:
        return found
    seen = set(await queries.by_external_ids(tx, [key_of(entry) for entry in entries.values()]))
    charges = await _charges(tx, naming)
    for index, entry in entries.items():
        key = key_of(entry)
        if key in seen:
            continue
        errors, parts = _parts(entry, charges)
        if errors:
            found.refused[index] = Problem(INVALID, errors[0].detail, errors[:20])
            continue
        seen.add(key)
        for charge, amount in parts:
            charge.left -= amount
            found.rows.append(
                {"id": str(new_id()), "payment_id": entry["id"], "charge_id": charge.id, "amount": amount,
                 "due_on": charge.due_on}
            )  # fmt: skip
        if entry["kind"] == "charge":
            charges[key] = _Charge(entry["id"], entry["due_on"], entry["amount"])
    return found


def _name(customer: uuid.UUID, one: Fields) -> Name:
    """What a charge is named by: its id, or the customer and its external id."""
    external_id = one.get("external_id")
    return (customer, external_id) if external_id is not None else (customer, one["id"])


async def _charges(tx: Tx, naming: Sequence[Fields]) -> dict[Name, _Charge]:
    wanted = [one for entry in naming for one in entry["allocations"]]
    ids = [one["id"] for one in wanted if one.get("id") is not None]
    names = [one["external_id"] for one in wanted if one.get("external_id") is not None]
    charges: dict[Name, _Charge] = {}
    for row in await queries.nameable(tx, [key_of(entry)[0] for entry in naming], ids, names):
        one = _Charge(str(row.id), row.due_on.isoformat(), row.open)
        charges[row.customer_id, row.id] = one
        if row.external_id is not None:
            charges[row.customer_id, row.external_id] = one
    return charges


def _parts(entry: Fields, charges: Mapping[Name, _Charge]) -> tuple[list[FieldError], list[tuple[_Charge, int]]]:
    """What is wrong with what an entry names, and the charges with the amounts."""
    errors: list[FieldError] = []
    parts: list[tuple[_Charge, int]] = []
    given = entry["allocations"] or ()
    taken: dict[str, int] = {}
    for place, one in enumerate(given):
        charge = charges.get(_name(key_of(entry)[0], one))
        if charge is None:
            detail = "The customer has no such charge."
            which = "id" if one.get("external_id") is None else "external_id"
            errors.append(FieldError(f"/allocations/{place}/{which}", "unknown_charge", detail))
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


async def differs(tx: Tx, repeated: Sequence[Fields]) -> set[Key]:
    """Which of these entries, which are there already, named other charges then than now."""
    asked = {key_of(entry): entry["allocations"] for entry in repeated if entry["allocations"] is not None}
    if not asked:
        return set()
    stored: dict[Key, dict[uuid.UUID, int]] = {key: {} for key in asked}
    ids: dict[Name, uuid.UUID] = {}
    for row in await owed.named_by(tx, list(asked)):
        stored[row.customer_id, row.external_id][row.charge_id] = int(row.amount)
        ids[row.customer_id, row.charge] = ids[row.customer_id, row.charge_id] = row.charge_id
    found = set()
    for key, given in asked.items():
        now: dict[uuid.UUID | None, int] = {}
        for one in given:
            charge = ids.get(_name(key[0], one))
            now[charge] = now.get(charge, 0) + one["amount"]
        if now != stored[key]:
            found.add(key)
    return found


def wrong_kind(item: Fields) -> FieldError | None:
    """Why an entry may name no charges, if it does."""
    if item.get("allocations") and item["kind"] == "charge":
        return FieldError("/allocations", "not_a_payment", "A charge settles no charges.")
    return None
