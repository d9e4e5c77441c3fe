"""Tables of merges: which two records became one, and what it takes to undo that."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, CheckConstraint, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.errors import ProblemType
from app.core.tables import Base, Stamp

CUSTOMER_MERGED = ProblemType("customer_merged", 409, "The customer was merged into another")
CUSTOMER_ERASED = ProblemType("customer_erased", 410, "The customer was erased")
DIFFERENT_KINDS = ProblemType("different_kinds", 409, "A person and a business are not the same customer")
MERGE_UNDONE = ProblemType("merge_undone", 409, "The merge is undone already")
MERGE_NOT_NEWEST = ProblemType("merge_not_newest", 409, "A later merge has to be undone first")


class Merge(Base):
    """Two records became one: `loser` ended in `customer_id`, the winner. Undone, if it has a time for that."""

    __tablename__ = "merges"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        CheckConstraint("loser <> customer_id", name="loser"),
        CheckConstraint("(undone_at IS NULL) = (undone_by IS NULL)", name="undone"),
        Index("ix_merges_id", "id"),
        Index("ix_merges_loser", "loser", "id"),
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    loser: Mapped[uuid.UUID]
    merged_at: Mapped[Stamp]
    merged_by: Mapped[uuid.UUID]
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[uuid.UUID | None]
    reason: Mapped[str | None]
    choices: Mapped[dict[str, Any]]
    conflicts: Mapped[list[Any]]


class MergeRow(Base):
    """What a merge did to one table (`core.person.Kept`): gone with the merge's undoing, or with the person."""

    __tablename__ = "merge_rows"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "merge_id", "name"),
        ForeignKeyConstraint(["customer_id", "merge_id"], ["merges.customer_id", "merges.id"]),
    )

    customer_id: Mapped[uuid.UUID]
    merge_id: Mapped[uuid.UUID]
    name: Mapped[str] = mapped_column(Text)
    moved: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))
    dropped: Mapped[list[Any]] = mapped_column(JSONB)
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
