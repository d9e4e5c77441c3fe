"""What becomes of events about a customer when two records are merged: what was told was told of that id."""

from app.core.db import Tx
from app.core.person import Fate, Holding, Trip
from app.feed.models import FeedEvent, OutboxEntry

HOLDINGS = (Holding(OutboxEntry, Fate.STAYS), Holding(FeedEvent, Fate.STAYS))


async def move(tx: Tx, trip: Trip) -> None:
    """Nothing moves."""


async def move_back(tx: Tx, trip: Trip) -> None:
    """Nothing had moved."""
