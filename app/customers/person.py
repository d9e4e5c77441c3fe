"""What becomes of a customer's record when two are merged, or parted again."""

import uuid
from collections.abc import Sequence
from typing import Any

from app.core import rights
from app.core.db import Tx
from app.core.person import (
    Conflict,
    Fate,
    Fields,
    Holding,
    Trip,
    move_one,
    move_one_back,
    move_rows,
    move_rows_back,
)
from app.customers import traces
from app.customers.commands import merging as record
from app.customers.commands import settle_duplicates, unsettle_duplicates
from app.customers.models import (
    Address,
    Assignment,
    Consent,
    Contact,
    ContactMade,
    ContactPolicy,
    ContactReservation,
    Customer,
    DuplicateCandidate,
    Fact,
    IdentifierRow,
    Relationship,
    SearchTerm,
)
from app.customers.models.merging import Merge, MergeRow

HOLDINGS = (
    Holding(Customer, Fate.OWN),
    Holding(Fact, Fate.OWN),
    Holding(IdentifierRow, clash="theirs.kind = mine.kind AND theirs.value = mine.value"),
    Holding(SearchTerm, Fate.DERIVED),
    Holding(Address),
    Holding(Contact),
    Holding(Relationship, Fate.OWN),
    Holding(Consent),
    Holding(ContactPolicy, Fate.OWN),
    Holding(ContactReservation, Fate.OWN),
    # It has the id of what tells of it, and goes where that goes.
    Holding(ContactMade, follows=("id",)),
    # Of two who look after them now, one does from now on.
    Holding(Assignment, clash="theirs.part = mine.part AND theirs.until IS NULL AND mine.until IS NULL"),
    Holding(DuplicateCandidate, Fate.OWN),
    # A merge is about the two records as they were: a later one does not change it.
    Holding(Merge, Fate.STAYS),
    Holding(MergeRow, Fate.STAYS),
)
TRACES = traces.TRACES


async def move(tx: Tx, trip: Trip) -> None:
    """The record, its identifiers and what else belongs to the loser become the winner's."""
    await record.note_primaries(tx, trip)
    await move_rows(tx, HOLDINGS, trip)
    await record.unite_identifiers(tx, trip)
    await record.move_relationships(tx, trip)
    await move_one(tx, ContactPolicy, trip, lambda winner, loser: _policy(trip, winner, loser))
    await move_one(tx, ContactReservation, trip, _later)
    settled = await settle_duplicates(tx, trip.winner, trip.loser)
    trip.of("duplicate_candidates").before = dict(settled)
    await record.unite(tx, trip)


async def move_back(tx: Tx, trip: Trip) -> None:
    """Each has its own record again; what was written to the winner since stays."""
    await record.part(tx, trip)
    await record.part_identifiers(tx, trip)
    await move_rows_back(tx, HOLDINGS, trip)
    await record.restore_primaries(tx, trip)
    await record.return_relationships(tx, trip)
    await move_one_back(tx, ContactPolicy, trip)
    await move_one_back(tx, ContactReservation, trip)
    settled = trip.of("duplicate_candidates").before
    if settled:
        await unsettle_duplicates(tx, trip.winner, trip.loser, settled)


def _policy(trip: Trip, winner: Fields, loser: Fields) -> Fields:
    """The wishes that were said last; who asked not to be called by either is not called."""
    told = {"customer_id", "version", "updated_at"}
    ours, theirs = ({name: row[name] for name in row if name not in told} for row in (winner, loser))
    if ours == theirs:
        return winner
    later = "loser" if loser["updated_at"] > winner["updated_at"] else "winner"
    choice = trip.choices.get("contact_policy")
    kept, rule = (choice, "chosen") if choice is not None else (later, "newer")
    trip.chosen(Conflict("contact_policy", ours, theirs, kept, rule, "contact"))
    said = theirs if kept == "loser" else ours
    never = ours["do_not_call"] or theirs["do_not_call"]
    row: dict[str, Any] = {**winner, **said, "do_not_call": never}
    return row if row == winner else {**row, "version": winner["version"] + 1}


def _later(winner: Fields, loser: Fields) -> Fields:
    """The reservation that ends later: whoever made it may still be on the phone."""
    mine = uuid.UUID(winner["customer_id"])
    return {**loser, "customer_id": str(mine)} if loser["expires_at"] > winner["expires_at"] else winner


async def export(tx: Tx, customers: Sequence[uuid.UUID]) -> dict[str, str]:
    """Section -> JSON list of everything that the room holds on one person."""
    return await rights.export(tx, TRACES, customers)


async def forget(tx: Tx, customers: Sequence[uuid.UUID], kept: rights.Kept) -> rights.Gone:
    """Erase customers, but what the retention rules `kept` hold back of some."""
    return await rights.forget(tx, TRACES, customers, kept)
