"""Two records of one person become one, through all rooms, in one transaction; and two again."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.access.audit import AuditEntry
from app.core.db import Tx
from app.core.errors import INVALID, NOT_FOUND, FieldError, Problem
from app.core.ids import new_id
from app.core.person import Kept, Person, Trip
from app.core.settings import CompanySettings
from app.customers.attributes import BY_PATH, CUSTOM
from app.customers.commands import merges as kept
from app.customers.merging import UNSOURCED
from app.customers.models.merging import DIFFERENT_KINDS, MERGE_NOT_NEWEST, MERGE_UNDONE
from app.customers.queries import merges
from app.customers.record import NAMES
from app.feed.outbox import Event, announce

# What can be chosen besides the fields of the record.
CHOICES = frozenset({*NAMES, *UNSOURCED, "contact_policy", "credit"}) - {"kind"}


@dataclass(frozen=True, slots=True)
class Order:
    """Which two records are one person, what was decided where they differ, and why."""

    winner: uuid.UUID
    loser: uuid.UUID
    choices: Mapping[str, str]
    reason: str | None


class Rehearsed(Exception):
    """Raised at the end of a dry run, so that nothing is kept of it; carries the answer."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__()
        self.answer = answer


async def merge(
    tx: Tx, order: Order, persons: Sequence[Person], company: CompanySettings, *, dry_run: bool
) -> dict[str, Any]:
    """Merge; the merge's document. A dry run does all of it, and raises Rehearsed with what it came to.

    Raises Problem: one of the two is not there, they are of different kinds, a choice names nothing.
    """
    _check(order)
    both = await kept.hold_pair(tx, order.winner, order.loser)
    if len(set(both.values())) > 1:
        raise Problem(DIFFERENT_KINDS)
    trip = Trip(order.winner, order.loser, company.today(tx.now), company, order.choices)
    for person in persons:
        await person.move(tx, trip)
    merge_id = new_id()
    conflicts = [asdict(one) for one in trip.conflicts]
    row = await kept.remember(tx, merge_id, trip, order.reason, conflicts)
    answer = await merges.document(tx, row, _counts(trip.kept), dry_run=dry_run)
    if dry_run:
        raise Rehearsed({**answer, "id": None})
    await _announce(tx, "customer.merged", "merge.create", merge_id, trip)
    return answer


async def undo(tx: Tx, merge_id: uuid.UUID, persons: Sequence[Person], company: CompanySettings) -> dict[str, Any]:
    """Undo a merge; its document. Raises Problem: there is none, it is undone, a later one has to be undone first."""
    row = await merges.merge(tx, merge_id)
    if row is None or await merges.one(tx, merge_id) is None:
        raise Problem(NOT_FOUND)
    await kept.hold_merged(tx, row.customer_id, row.loser)
    # Read again under the lock: somebody may have undone it since.
    row = await merges.merge(tx, merge_id, lock=True)
    if row is None:
        raise Problem(NOT_FOUND)
    if row.undone_at is not None:
        raise Problem(MERGE_UNDONE)
    first = await merges.later(tx, row)
    if first:
        ids = [str(one) for one in first]
        raise Problem(MERGE_NOT_NEWEST, f"Undo {ids[0]} first.", extra={"merges": ids})
    memory = await merges.rows(tx, row.customer_id, merge_id)
    trip = Trip(row.customer_id, row.loser, company.today(tx.now), company, row.choices, since=row.merged_at)
    trip.kept = {
        one.name: Kept([str(each) for each in one.moved], one.dropped, one.before, one.after) for one in memory
    }
    counts = _counts(trip.kept)
    for person in persons:
        await person.move_back(tx, trip)
    row = await kept.close(tx, row.customer_id, merge_id)
    await _announce(tx, "customer.unmerged", "merge.undo", merge_id, trip)
    return {**await merges.document(tx, row, counts), "not_restored": sorted(set(trip.lost))}


def _check(order: Order) -> None:
    if order.winner == order.loser:
        detail = "A customer is not merged into itself."
        raise Problem(INVALID, detail, [FieldError("/loser", "same_customer", detail)])
    own = f"{CUSTOM}."
    wrong = [name for name in order.choices if not (name in CHOICES or name in BY_PATH or name.startswith(own))]
    if wrong:
        detail = "It is nothing that two records can differ in."
        raise Problem(INVALID, errors=[FieldError(f"/choices/{name}", "unknown_field", detail) for name in wrong])


def _counts(memory: Mapping[str, Kept]) -> dict[str, int]:
    """How many rows changed hands, by table; nothing of those without."""
    return {name: len(one.moved) for name, one in sorted(memory.items()) if one.moved}


async def _announce(tx: Tx, event: str, action: str, merge_id: uuid.UUID, trip: Trip) -> None:
    """One event with both ids, and an audit entry on each of the two."""
    version = await merges.version_of(tx, trip.winner)
    data = {"merge_id": str(merge_id), "winner": str(trip.winner), "loser": str(trip.loser)}
    told = Event(event, trip.winner, trip.winner, version, data)
    fields = tuple(sorted(trip.kept))
    sides: Iterable[uuid.UUID] = (trip.winner, trip.loser)
    await announce(tx, [told], [AuditEntry(action, "merge", merge_id, side, fields) for side in sides])
