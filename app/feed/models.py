"""Tables of the feed: the outbox, the ordered events, and the one row that says where the feed stands."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, PrimaryKeyConstraint, Sequence
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from app.core.errors import ProblemType
from app.core.tables import Base, Stamp

PROBLEMS: dict[str, ProblemType] = {}

# Taken when the row is inserted, which is after its subject's row was locked: so the order of positions is, per
# subject, the order of commits. Rolled-back writers leave holes; only `events.sequence` is contiguous.
ORDER = Sequence("outbox_order", metadata=Base.metadata)


class OutboxEntry(Base):
    """An event as its writer left it, in the writer's own transaction. The sequencer moves it on and deletes it."""

    __tablename__ = "outbox"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        Index(None, "position"),
        # Every row lives some milliseconds: dead ones must go soon, and waiting in between saves nothing.
        {
            "postgresql_with": {
                "autovacuum_vacuum_threshold": 5000,
                "autovacuum_vacuum_scale_factor": 0,
                "autovacuum_vacuum_cost_delay": 0,
                "autovacuum_vacuum_insert_threshold": -1,
            }
        },
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    position: Mapped[int] = mapped_column(BigInteger, server_default=ORDER.next_value())
    type: Mapped[str]
    subject: Mapped[str]
    version: Mapped[int | None] = mapped_column(BigInteger)
    occurred_at: Mapped[Stamp]
    data: Mapped[dict[str, Any]]


class FeedEvent(Base):
    """An event in its final place: `sequence` has no holes. Partitioned by month, so that old events drop."""

    __tablename__ = "events"
    __table_args__ = (
        PrimaryKeyConstraint("sequence", "recorded_at"),
        {"postgresql_partition_by": "RANGE (recorded_at)"},
    )

    sequence: Mapped[int] = mapped_column(BigInteger, autoincrement=False)
    recorded_at: Mapped[Stamp]
    id: Mapped[uuid.UUID]
    customer_id: Mapped[uuid.UUID]
    type: Mapped[str]
    subject: Mapped[str]
    version: Mapped[int | None] = mapped_column(BigInteger)
    occurred_at: Mapped[Stamp]
    data: Mapped[dict[str, Any]]


class FeedPlace:
    """Of a table of one row, which says up to which event somebody has followed the feed. Who follows holds its lock.

    `commands.next_stretch` reads it, and `commands.come_to` moves it on.
    """

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(BigInteger)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[CheckConstraint]:
        # One for each table.
        return (CheckConstraint("id = 1", name="one_row"),)


class FeedState(Base):
    """The one row of the feed. Who moves events holds its lock; readers learn from it how far the feed reaches."""

    __tablename__ = "feed_state"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[uuid.UUID]
    # The database that this row was written in; found in another one, it was restored there: see `queries.here`.
    cluster: Mapped[str]
    last_sequence: Mapped[int] = mapped_column(BigInteger)
    oldest_sequence: Mapped[int] = mapped_column(BigInteger)
    # Every outbox position up to this one has been moved or will never be filled.
    settled_position: Mapped[int] = mapped_column(BigInteger)
    # When the newest event was recorded. It never goes back, so the order by time (partitions) is that by sequence.
    recorded_at: Mapped[Stamp]
    # Who moved last, and when: for people who look.
    leader: Mapped[str | None]
    changed_at: Mapped[datetime]
