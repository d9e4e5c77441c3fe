"""The months of the events table: made ahead, dropped when they are over for long enough."""

import re
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, text, update

from app.core.db import Tx
from app.feed.models import FeedEvent, FeedState

AHEAD = 2
_NAME = re.compile(r"events_(\d{4})_(\d{2})")


async def keep_partitions(tx: Tx, keep_days: int) -> None:
    """Have partitions for this month and the next ones, and drop those that ended more than `keep_days` ago.

    Raises the database's lock timeout (55P03) rather than make readers queue behind it; run it again later then.
    """
    await tx.execute(text("SET LOCAL lock_timeout = '500ms'"))
    # Nothing is moved, and no other process changes partitions, while this is held.
    if await tx.scalar(select(FeedState.id).where(FeedState.id == 1).with_for_update()) is None:
        return
    names = select(text("relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"))
    there = {row.relname for row in await tx.rows(names.where(text("inhparent = 'events'::regclass")))}
    month = _month_of(tx.now)
    for _ in range(AHEAD + 1):
        if _name(month) not in there:
            await _make(tx, month)
        month = _next(month)
    await _drop(tx, there, _month_of(tx.now - timedelta(days=keep_days)))


async def _make(tx: Tx, month: datetime) -> None:
    """Make a month's partition beside the table and attach it: that waits for no reader of the others.

    A month that has begun in the default partition stays there. A reader that waits for that partition while a month
    is attached knows the partitions of before: rows moved meanwhile it would find in neither, and read over them.
    """
    name, begin, end = _name(month), month.isoformat(), _next(month).isoformat()
    # The values are dates that we made; DDL takes no parameters.
    begun = f"SELECT EXISTS (SELECT FROM events_default WHERE recorded_at >= '{begin}' AND recorded_at < '{end}')"  # noqa: S608
    if await tx.scalar(text(begun)):
        return
    await tx.execute(text(f"CREATE TABLE {name} (LIKE events INCLUDING ALL)"))
    await tx.execute(text(f"ALTER TABLE events ATTACH PARTITION {name} FOR VALUES FROM ('{begin}') TO ('{end}')"))


async def _drop(tx: Tx, there: set[str], before: datetime) -> None:
    """Remove all events recorded before the month `before`, and note which is now the oldest."""
    old = [name for name in sorted(there) if (month := _month(name)) is not None and month < before]
    for name in old:
        await tx.execute(text(f"DROP TABLE {name}"))
    strays = await tx.execute(text("DELETE FROM events_default WHERE recorded_at < :before"), {"before": before})
    if old or strays.rowcount:
        oldest = select(func.min(FeedEvent.sequence)).scalar_subquery()
        kept = func.coalesce(oldest, FeedState.last_sequence + 1)
        await tx.execute(update(FeedState).where(FeedState.id == 1).values(oldest_sequence=kept))


def _name(month: datetime) -> str:
    return f"events_{month:%Y_%m}"


def _month(name: str) -> datetime | None:
    found = _NAME.fullmatch(name)
    return datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC) if found else None


def _month_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _next(month: datetime) -> datetime:
    return _month_of(month + timedelta(days=32))
