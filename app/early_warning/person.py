"""What becomes of warnings and holds when two records are merged, or parted again."""

import uuid
from collections.abc import Sequence

from app.core import rights
from app.core.db import Tx
from app.core.person import Fate, Holding, Trip, move_rows, move_rows_back
from app.early_warning import traces
from app.early_warning.commands import evaluate_customers, release_parted
from app.early_warning.models import CustomerRule, Hold, OverrideMember, WarningEvent, WarningRow
from app.early_warning.opportunities.models import Opportunity
from app.early_warning.rules import KINDS

HOLDINGS = (
    # One live warning about the same thing: the winner's goes on, and is judged anew.
    Holding(
        WarningRow,
        clash="theirs.kind = mine.kind AND theirs.subject = mine.subject"
        " AND theirs.status <> 'resolved' AND mine.status <> 'resolved'",
    ),
    Holding(WarningEvent, follows=("warning_id",), with_parent=("warning_id", "warnings")),
    Holding(Hold),
    # One open opportunity of the same sort: the winner's goes on.
    Holding(
        Opportunity,
        clash="theirs.kind = mine.kind AND theirs.subject = mine.subject"
        " AND theirs.status = 'open' AND mine.status = 'open'",
    ),
    # Of two rules of their own the winner's goes on.
    Holding(CustomerRule, clash="theirs.kind = mine.kind"),
    # Looked up anew with the next sweep.
    Holding(OverrideMember, Fate.STAYS),
)
TRACES = traces.TRACES


async def move(tx: Tx, trip: Trip) -> None:
    """The winner has the warnings and holds of both, and those that follow from what it owes and buys now."""
    await move_rows(tx, HOLDINGS, trip)
    await evaluate_customers(tx, KINDS, [trip.winner], trip.company)


async def move_back(tx: Tx, trip: Trip) -> None:
    """Warnings and holds that had moved go back; both customers are judged anew.

    What a rule has held since, because the two together were over a budget, is released where that is over now.
    """
    await move_rows_back(tx, HOLDINGS, trip)
    both = [trip.winner, trip.loser]
    await evaluate_customers(tx, KINDS, both, trip.company)
    brought = [uuid.UUID(one) for one in trip.of(Hold.__tablename__).moved]
    await release_parted(tx, both, trip.since, brought)


async def export(tx: Tx, customers: Sequence[uuid.UUID]) -> dict[str, str]:
    """Section -> JSON list of everything that the room holds on one person."""
    return await rights.export(tx, TRACES, customers)


async def forget(tx: Tx, customers: Sequence[uuid.UUID], kept: rights.Kept) -> rights.Gone:
    """Erase customers, but what the retention rules `kept` hold back of some."""
    return await rights.forget(tx, TRACES, customers, kept)
