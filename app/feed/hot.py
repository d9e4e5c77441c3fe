"""The feed's hot reads: the statements of `queries`, compiled once, run on the hot pool."""

from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from asyncpg import Connection

from app.core.db import Database
from app.core.hot import LateSql
from app.feed import queries
from app.feed.models import FeedPlace

_PAGE = LateSql(partial(queries.page, filtered=False))
_FILTERED = LateSql(partial(queries.page, filtered=True))
_UNMOVED = LateSql(queries.unmoved)
_STRANDED = LateSql(queries.stranded)
_NEWEST = LateSql(queries.newest)
_WRITERS = LateSql(queries.writers)
_ANSWER_SECONDS = 5
_BEHIND: dict[type[FeedPlace], LateSql] = {}


@dataclass(frozen=True, slots=True)
class Found:
    """One page as it was at one moment; see `queries.page`. `seen` is where the reader stands after it."""

    epoch: UUID
    oldest: int
    last: int
    start: int
    count: int
    seen: int
    documents: str

    @property
    def more(self) -> bool:
        """Whether the feed goes on behind this page."""
        return self.seen < self.last


async def read_page(db: Database, after: int | None, types: list[str] | None, limit: int) -> Found | None:
    """A page of events after the sequence `after`; None when the feed's state is absent or of another database."""
    sql = _PAGE if types is None else _FILTERED
    row = await db.hot.fetchrow(sql.text, *sql.arguments({"after": after, "limit": limit, "types": types}))
    if row is None or not row["ours"]:
        return None
    start, last = row["start"], row["last"]
    if types is None or row["found"] == limit:
        seen = start if row["newest"] is None else row["newest"]
    else:
        # All there was to find: go on behind that, and never over filtered events again.
        seen = max(start, min(last, start + queries.REACH))
    return Found(row["epoch"], row["oldest"], last, start, row["found"], seen, row["documents"])


async def unmoved(db: Database) -> tuple[bool, bool]:
    """(whether the outbox holds something to move, whether the state is of this database)."""
    row: Any = await db.hot.fetchrow(_UNMOVED.text, *_UNMOVED.arguments({}))
    return (False, False) if row is None else (row["waiting"], row["ours"])


async def behind(db: Database, place: type[FeedPlace]) -> bool:
    """Whether who follows the feed from `place` should look, which takes a transaction (`commands.next_stretch`)."""
    sql = _BEHIND.setdefault(place, LateSql(partial(queries.behind, place)))
    return bool(await db.hot.fetchval(sql.text, *sql.arguments({})))


async def stranded(db: Database) -> bool:
    """Whether something lies in the outbox where the sequencer no longer looks."""
    return bool(await db.hot.fetchval(_STRANDED.text, *_STRANDED.arguments({})))


async def newest(connection: "Connection[Any]") -> int:
    """The newest sequence, asked on a connection outside the pools; 0 while there is no feed yet."""
    return await connection.fetchval(_NEWEST.text, *_NEWEST.arguments({}), timeout=_ANSWER_SECONDS) or 0


async def writers(db: Database) -> frozenset[str]:
    """Transactions that may still add a row at an outbox position that was given out already."""
    rows = await db.hot.fetch(_WRITERS.text, *_WRITERS.arguments({}))
    return frozenset(row[0] for row in rows)
