"""Every write of the feed: its epochs, and moving events from the outbox to their place."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Text, bindparam, delete, func, insert, literal, literal_column, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.dialects.postgresql import insert as upsert

from app.core.db import Tx
from app.core.ids import new_id
from app.feed.models import FeedEvent, FeedPlace, FeedState, OutboxEntry
from app.feed.queries import here

# Where the sequencer tells, once per batch, how far the feed reaches and which types the batch holds.
CHANNEL = "clientele_feed"

_COPIED = ("id", "customer_id", "type", "subject", "version", "occurred_at", "data")


@dataclass(frozen=True, slots=True)
class Moved:
    """What one move did. `position` is the highest outbox position it took, None if there was nothing to take."""

    count: int
    position: int | None = None


async def ensure_epoch(tx: Tx) -> uuid.UUID:
    """The feed's epoch, begun anew if this database is not the one that the state was written in (a restore)."""
    rows = await tx.rows(select(FeedState.epoch).where(FeedState.id == 1, FeedState.cluster == here()))
    return rows[0].epoch if rows else await begin_epoch(tx, only_if_moved=True)


async def begin_epoch(tx: Tx, *, only_if_moved: bool = False) -> uuid.UUID:
    """Begin a new epoch, which makes every cursor given so far answer 410; makes the state if there is none."""
    newest, oldest = func.max(FeedEvent.sequence), func.min(FeedEvent.sequence)
    kept = select(newest.label("newest"), oldest.label("oldest")).cte("kept")
    values: dict[str, Any] = {
        "id": literal(1),
        "epoch": literal(new_id()),
        "cluster": here(),
        "last_sequence": func.coalesce(kept.c.newest, 0),
        "oldest_sequence": func.coalesce(kept.c.oldest, 1),
        "settled_position": literal(0),
        "recorded_at": literal(tx.now),
        "changed_at": literal(tx.now),
    }
    statement = upsert(FeedState).from_select(list(values), select(*values.values()).select_from(kept))
    renewed = ("epoch", "cluster", "settled_position", "changed_at")
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=[FeedState.id],
            set_={name: statement.excluded[name] for name in renewed},
            where=FeedState.cluster != statement.excluded.cluster if only_if_moved else None,
        )
    )
    # Another process may have begun it a moment earlier; that one counts.
    epoch: uuid.UUID = await tx.scalar(select(FeedState.epoch).where(FeedState.id == 1))
    return epoch


async def move(tx: Tx, limit: int, leader: str) -> Moved | None:
    """Move up to `limit` committed events from the outbox to the feed, in their order, and wake the readers.

    None when somebody else is moving just now. Two statements: the second must see what the state's last holder
    committed, so it needs a snapshot younger than the lock.
    """
    lock = select(FeedState.settled_position).where(FeedState.id == 1).with_for_update(skip_locked=True)
    settled = await tx.scalar(lock)
    if settled is None:
        return None
    rows = await tx.rows(_MOVE, {"settled": settled, "batch": limit, "now": tx.now, "leader": leader})
    return Moved(rows[0].count, rows[0].position) if rows else Moved(0)


def _move() -> Any:
    after = OutboxEntry.position > bindparam("settled", type_=BigInteger)
    due = select(OutboxEntry.position).where(after).order_by(OutboxEntry.position).limit(bindparam("batch")).subquery()
    taken = (
        delete(OutboxEntry)
        .where(after, OutboxEntry.position <= select(func.max(due.c.position)).scalar_subquery())
        .returning(OutboxEntry.position, *(getattr(OutboxEntry, name) for name in _COPIED))
        .cte("taken")
    )
    types = func.string_agg(taken.c.type.distinct(), aggregate_order_by(literal_column("' '"), taken.c.type))
    counted = select(
        literal_column("1").label("id"),
        func.count().label("count"),
        func.max(taken.c.position).label("position"),
        types.label("types"),
    ).cte("counted")
    recorded_at = func.greatest(FeedState.recorded_at, bindparam("now", type_=FeedState.recorded_at.type))
    place = FeedState.last_sequence + func.row_number().over(order_by=taken.c.position)
    placed = insert(FeedEvent).from_select(
        ["sequence", "recorded_at", *_COPIED],
        select(place, recorded_at, *(taken.c[name] for name in _COPIED))
        .select_from(taken.join(FeedState, FeedState.id == 1))
        .order_by(taken.c.position),
    )
    last = FeedState.last_sequence + counted.c.count
    told = func.pg_notify(CHANNEL, func.concat_ws(" ", FeedState.last_sequence, counted.c.types, type_=Text))
    return (
        update(FeedState)
        .where(FeedState.id == counted.c.id, counted.c.count > 0)
        .values(
            last_sequence=last,
            recorded_at=recorded_at,
            leader=bindparam("leader", type_=Text),
            changed_at=bindparam("now"),
        )
        .returning(counted.c.count, counted.c.position, told)
        .add_cte(placed.cte("placed"))
    )


_MOVE = _move()


async def settle(tx: Tx, position: int) -> None:
    """Note that every outbox position up to `position` was moved or will never be filled."""
    behind = update(FeedState).where(FeedState.id == 1, FeedState.settled_position < position)
    await tx.execute(behind.values(settled_position=position))


async def unsettle(tx: Tx) -> None:
    """Look at the whole outbox again."""
    await tx.execute(update(FeedState).where(FeedState.id == 1).values(settled_position=0))


async def next_stretch(
    tx: Tx, place: type[FeedPlace], most: int, at_first: Callable[[Tx], Awaitable[object]] | None = None
) -> tuple[int, int] | None:
    """The next events for who follows the feed: after which, and up to which, at most `most`; None if there are none.

    The first time it only notes where the feed stands, and does what is to be done `at_first`. None also while another
    worker is at it: the place is locked until the end of the transaction, which is to note it by `come_to`.
    """
    state = await tx.rows(select(place.sequence).where(place.id == 1).with_for_update(skip_locked=True))
    last: int | None = await tx.scalar(select(FeedState.last_sequence).where(FeedState.id == 1))
    if last is None:
        return None
    if not state:
        begun = upsert(place).values(id=1, sequence=last).on_conflict_do_nothing().returning(place.id)
        if await tx.scalar(begun) is not None and at_first is not None:
            await at_first(tx)
        return None
    after = int(state[0].sequence)
    upto = min(last, after + most)
    return (after, upto) if upto > after else None


async def come_to(tx: Tx, place: type[FeedPlace], upto: int) -> None:
    """Note that somebody has followed the feed up to an event."""
    await tx.execute(update(place).where(place.id == 1).values(sequence=upto))
