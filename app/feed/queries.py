"""Every SELECT of the feed."""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    ScalarSelect,
    Select,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    table,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.sql.expression import column

from app.core.caller import SYSTEM
from app.core.db import Database, Tx
from app.core.documents import json_time
from app.core.ids import COMPANY
from app.feed.models import FeedEvent, FeedPlace, FeedState, OutboxEntry

# A page with a filter looks at no more events than this, so that a rare type cannot make it slow. One without looks at
# as many as it shows: sequences have no holes.
REACH = 20_000
# Counting stops here: whoever asks wants to know whether the feed lags, not by how many exactly.
COUNTED = 100_000


def here() -> ColumnElement[str]:
    """Which database this is: another server, a restore (new database or new timeline) or a clone answers another text.

    A file-system copy that is put back in place looks the same; after that run `commands.begin_epoch`.
    """
    system: Select[Any] = select(column("system_identifier")).select_from(func.pg_control_system().alias("control"))
    timeline = func.substr(func.pg_walfile_name(func.pg_current_wal_lsn()), 1, 8)
    return func.concat_ws("/", system.scalar_subquery(), timeline, _database(), type_=Text)


def _database() -> ScalarSelect[Any]:
    known = table("pg_database", column("oid"), column("datname"))
    return select(known.c.oid).where(known.c.datname == func.current_database()).scalar_subquery()


def _document() -> Select[Any]:
    """An event's columns as they stand on the wire, for `row_to_json`. What belongs to the company has no customer."""
    return select(
        FeedEvent.id,
        FeedEvent.type,
        FeedEvent.subject,
        func.nullif(FeedEvent.customer_id, literal_column(f"'{COMPANY}'::uuid")).label("customer_id"),
        FeedEvent.sequence,
        json_time(FeedEvent.occurred_at).label("occurred_at"),
        FeedEvent.version,
        FeedEvent.data,
    )


def page(*, filtered: bool) -> Select[Any]:
    """One page of events and where the feed stands, in one statement and so of one moment.

    Parameters: `after` (NULL: from the oldest), `limit`, and `types` when filtered. Columns: `ours` (false after a
    restore, when the state is another database's), `epoch`, `oldest`, `last`, `start` (the effective `after`), `found`
    (events on the page), `newest` (the highest sequence among them) and `documents` (their JSON, joined by commas).
    """
    start = func.coalesce(bindparam("after", type_=BigInteger), FeedState.oldest_sequence - 1)
    begin = select(start).where(FeedState.id == 1).scalar_subquery()
    limit = bindparam("limit", type_=Integer)
    # The upper bound keeps every plan cheap, also one that sorts: what is read never depends on the length of the feed.
    events = (
        _document()
        .where(FeedEvent.sequence > begin, FeedEvent.sequence <= begin + (REACH if filtered else limit))
        .order_by(FeedEvent.sequence)
        .limit(limit)
    )
    if filtered:
        events = events.where(FeedEvent.type == func.any(bindparam("types", type_=ARRAY(Text))))
    found = events.subquery("found")
    # A quarter faster than json_build_object, which looks up the type of every argument of every row.
    text = cast(func.row_to_json(found.table_valued()), Text)
    joined = func.string_agg(text, aggregate_order_by(literal_column("','"), found.c.sequence))
    gathered = select(
        func.count().label("found"),
        func.max(found.c.sequence).label("newest"),
        func.coalesce(joined, literal_column("''")).label("documents"),
    ).subquery("gathered")
    return (
        select(
            (FeedState.cluster == here()).label("ours"),
            FeedState.epoch,
            FeedState.oldest_sequence.label("oldest"),
            FeedState.last_sequence.label("last"),
            start.label("start"),
            *gathered.c,
        )
        .join_from(FeedState, gathered, true())
        .where(FeedState.id == 1)
    )


def newest() -> Select[Any]:
    """The newest sequence, for whoever waits for it to grow."""
    return select(FeedState.last_sequence).where(FeedState.id == 1)


def behind(place: type[FeedPlace]) -> Select[Any]:
    """Whether there is something for who follows the feed from `place`, or the place is still to be noted."""
    come_to = select(place.sequence).where(place.id == 1).scalar_subquery()
    return select(come_to.is_distinct_from(FeedState.last_sequence)).where(FeedState.id == 1)


def unmoved() -> Select[Any]:
    """Two booleans: whether the outbox holds something to move, and whether this is still the database of the state.

    Settled positions are left out: dead rows lie there for as long as somebody's long read needs them, and walking
    over them at every look would cost more than the work.
    """
    settled = select(FeedState.settled_position).where(FeedState.id == 1).scalar_subquery()
    # In order, so that the index answers: it may be a needle behind a million dead rows.
    first = select(OutboxEntry.position).where(OutboxEntry.position > settled).order_by(OutboxEntry.position).limit(1)
    ours = FeedState.cluster == here()
    waiting = first.scalar_subquery().is_not(None)
    columns: tuple[Any, ...] = (waiting.label("waiting"), ours.label("ours"))
    return select(*columns).where(FeedState.id == 1)


def stranded() -> Select[Any]:
    """Whether a row lies at a settled position, where nobody looks. It never should."""
    settled = select(FeedState.settled_position).where(FeedState.id == 1).scalar_subquery()
    return select(select(OutboxEntry.id).where(OutboxEntry.position <= settled).exists())


def writers() -> Select[Any]:
    """Transactions that may hold an outbox position and have not ended: an INSERT locks the table first."""
    names = ("locktype", "relation", "mode", "database", "virtualtransaction")
    locks = table("pg_locks", *(column(name) for name in names))
    return select(locks.c.virtualtransaction).where(
        locks.c.locktype == "relation",
        locks.c.database == _database(),
        locks.c.relation == literal_column("'outbox'::regclass"),
        locks.c.mode == "RowExclusiveLock",
    )


async def head(tx: Tx) -> tuple[uuid.UUID, int]:
    """(epoch, newest sequence): where a reader goes on who has seen what this transaction sees.

    Everything up to there is visible to `tx` if it was asked in the same snapshot (REPEATABLE READ) or before.
    Raises LookupError while no process has opened the feed yet.
    """
    rows = await tx.rows(select(FeedState.epoch, FeedState.last_sequence).where(FeedState.id == 1))
    if not rows:
        raise LookupError("the feed has not been opened in this database")
    return rows[0].epoch, rows[0].last_sequence


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the feed is behind the writers: events not moved yet (counted up to a bound), age of the oldest."""

    waiting: int
    oldest_seconds: float


async def lag(tx: Tx) -> Lag:
    """How many committed events are not on the feed yet, and for how long the oldest has waited."""
    settled = select(FeedState.settled_position).where(FeedState.id == 1).scalar_subquery()
    unmoved = (
        select(OutboxEntry.id)
        .where(OutboxEntry.position > func.coalesce(settled, 0))
        .order_by(OutboxEntry.position)
        .limit(COUNTED)
        .subquery()
    )
    # An id is a UUIDv7, made when its event was published.
    oldest = func.min(func.uuid_extract_timestamp(unmoved.c.id))
    age = func.extract("epoch", func.clock_timestamp() - oldest)
    row = (await tx.rows(select(func.count(), func.greatest(age, 0)).select_from(unmoved)))[0]
    return Lag(row[0], float(row[1]) if row[0] else 0.0)


async def probe(db: Database) -> dict[str, Any]:
    """What the feed adds to `/readyz`."""
    found = await db.read(SYSTEM, lag)
    return {"feed_waiting": found.waiting, "feed_oldest_seconds": round(found.oldest_seconds, 3)}
