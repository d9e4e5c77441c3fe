"""The tables of saved segments: what they ask and asked, who is in a list, who was in them, and who is kept in them."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.errors import NOT_FOUND, ProblemType
from app.core.tables import Base, Stamp
from app.segments.grammar import LIST, QUESTION

INVALID_SEGMENT = ProblemType("invalid_segment", 422, "The segment cannot be understood")
SEGMENT_TOO_EXPENSIVE = ProblemType("segment_too_expensive", 422, "Answering the segment would take too long")
NAME_TAKEN = ProblemType("segment_name_taken", 409, "Another segment has this name")
SEGMENT_EXISTS = ProblemType("segment_exists", 409, "There is already a segment with this id")
SEGMENT_IN_USE = ProblemType("segment_in_use", 409, "Another segment refers to this one")
NOT_A_LIST = ProblemType("not_a_list", 409, "Who is in this segment follows from its question")
NOT_A_QUESTION = ProblemType("not_a_question", 409, "This segment is a list: it asks nothing")
LIST_FULL = ProblemType("list_full", 409, "The list can take no more customers")
UNKNOWN_CUSTOMER = ProblemType("unknown_customer", 422, "There is no such customer")
CANNOT_BE_KEPT = ProblemType("cannot_be_kept", 422, "Who is in this segment cannot be kept")
NOT_KEPT = ProblemType("not_kept", 409, "Who was in this segment is not known")
EXPORT_NOT_READY = ProblemType("export_not_ready", 409, "The file is still being written")
EXPORT_OVER = ProblemType("export_over", 410, "The file is not kept any more")
TOO_MANY_EXPORTS = ProblemType("too_many_exports", 409, "There are too many files of this client already")
RANGE_BEYOND = ProblemType("range_not_satisfiable", 416, "The file has no such bytes")
SHARED_IDENTIFIER = ProblemType("ambiguous_customer", 409, "Several customers share this identifier")

KINDS = (QUESTION, LIST)
FORMATS = ("csv", "ndjson")


class Segment(Base):
    """A saved question. The tree is the truth, and its text is printed from it; what it uses follows from the tree.

    `uses` are its fields and collections, `refers_to` the segments that it names. `temporal`: time alone can change who
    is in it. `population_relative`: who is in it depends on the values of others. A `kind` list holds customers who
    were put into it; its tree says no more than to be in it.
    """

    __tablename__ = "segments"
    __table_args__ = (
        UniqueConstraint("name"),
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        Index(None, "refers_to", postgresql_using="gin"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(server_default=QUESTION)
    name: Mapped[str]
    description: Mapped[str | None]
    tree: Mapped[dict[str, Any]]
    uses: Mapped[list[str]] = mapped_column(ARRAY(Text))
    refers_to: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))
    temporal: Mapped[bool]
    population_relative: Mapped[bool]
    # Who is in it is kept (see `Membership`), as of the worker's last look.
    materialised: Mapped[bool] = mapped_column(server_default=false())
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]


class SegmentVersion(Base):
    """A segment as it was saved, the newest one too: the `fields` that changed then, when, and by whose key.

    Who made the first one that is kept may be unknown.
    """

    __tablename__ = "segment_versions"
    __table_args__ = (PrimaryKeyConstraint("segment_id", "version"),)

    segment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("segments.id"))
    version: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str]
    description: Mapped[str | None]
    tree: Mapped[dict[str, Any]]
    fields: Mapped[list[str]] = mapped_column(ARRAY(Text))
    changed_at: Mapped[Stamp]
    changed_by: Mapped[uuid.UUID | None]


class SegmentMember(Base):
    """A customer in a list."""

    __tablename__ = "segment_members"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        UniqueConstraint("customer_id", "segment_id"),
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        Index("ix_segment_members_segment_id_customer_id", "segment_id", "customer_id"),
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    segment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("segments.id"))
    added_at: Mapped[Stamp]
    added_by: Mapped[uuid.UUID]


class SegmentSnapshot(Base):
    """Who was in a segment by a field, as of a day: `composition` is the answer of that day. It tells of nobody alone.

    `measure` is the field whose sum it has.
    """

    __tablename__ = "segment_snapshots"
    __table_args__ = (Index("ix_segment_snapshots_segment_id_id", "segment_id", "id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    segment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("segments.id"))
    segment_version: Mapped[int] = mapped_column(BigInteger)
    field: Mapped[str]
    measure: Mapped[str | None]
    as_of: Mapped[date]
    composition: Mapped[dict[str, Any]]
    taken_at: Mapped[Stamp]
    taken_by: Mapped[uuid.UUID]


class KeptSegment(Base):
    """How far the memberships of a kept segment are followed. Who writes them holds this row's lock.

    They are what a full evaluation found at `refreshed_at` on the company's day `as_of`, of everything up to `sequence`
    on the feed, for the question `asked` (a digest of its tree and those behind it). `since` is the first day of which
    they are known; None: nothing is, and rows that are there are of an earlier time and go. What is not `wanted` goes.
    It has no foreign key: it outlives a deleted segment until the last membership is gone.
    """

    __tablename__ = "kept_segments"

    segment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    wanted: Mapped[bool]
    since: Mapped[date | None]
    as_of: Mapped[date | None]
    refreshed_at: Mapped[datetime | None]
    sequence: Mapped[int] = mapped_column(BigInteger)
    asked: Mapped[str | None]


class Membership(Base):
    """A time in which a customer was in a kept segment, by the company's days; it is over once there is `left_on`.

    Who was there when keeping began has no day of entry. On a day were in it who entered on it or before and have not
    left by its end. A history is of the record that it was noted of: a merge moves none. There is no foreign key to
    customers, as it would lock a million of their rows in a transaction that may take a minute.
    """

    __tablename__ = "memberships"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        # Nobody is in a segment twice. It also lists and counts who is in one.
        Index(
            "uq_memberships_segment_id_customer_id",
            "segment_id",
            "customer_id",
            unique=True,
            postgresql_where=text("left_on IS NULL"),
        ),
        Index("ix_memberships_segment_id_entered_on", "segment_id", "entered_on"),
        Index(
            "ix_memberships_segment_id_left_on", "segment_id", "left_on", postgresql_where=text("left_on IS NOT NULL")
        ),
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    segment_id: Mapped[uuid.UUID]
    entered_on: Mapped[date | None]
    entered_at: Mapped[datetime | None]
    left_on: Mapped[date | None]
    left_at: Mapped[datetime | None]


class SegmentExport(Base):
    """A file of who is in a segment, with chosen columns. Its id is its job's id: whether it runs stands there.

    It is asked in the name of the client that wants it, with what the segment was then (`tree`). `total` customers are
    in it (null: not looked up yet), of whom `rows` are written, in `size` bytes. `ended`: it was withdrawn, because
    somebody in it was erased, or nobody may fetch it any more.
    """

    __tablename__ = "segment_exports"
    __table_args__ = (
        CheckConstraint(f"format IN {FORMATS}", name="format"),
        Index("ix_segment_exports_client_id_id", "client_id", "id"),
        Index("ix_segment_exports_segment_id_id", "segment_id", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    segment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("segments.id"))
    segment_version: Mapped[int] = mapped_column(BigInteger)
    format: Mapped[str]
    columns: Mapped[list[str]] = mapped_column(ARRAY(Text))
    as_of: Mapped[date]
    tree: Mapped[dict[str, Any]]
    client_id: Mapped[uuid.UUID]
    key_id: Mapped[uuid.UUID]
    client_name: Mapped[str]
    reach: Mapped[str]
    staff: Mapped[str | None]
    store: Mapped[str | None]
    request_id: Mapped[str]
    total: Mapped[int | None] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(BigInteger)
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Stamp]
    expires_at: Mapped[Stamp | None]
    ended: Mapped[str | None]


class SegmentExportPortion(Base):
    """Some of the customers of a file, in the order of ids, and what the file says of them: compressed, from `start`.

    Whose rows are in which portion is told by `customers`, from `low` to `high`, so that an erasure finds them.
    """

    __tablename__ = "segment_export_portions"
    __table_args__ = (PrimaryKeyConstraint("export_id", "number"),)

    export_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("segment_exports.id"))
    number: Mapped[int] = mapped_column(Integer)
    size: Mapped[int | None] = mapped_column(Integer)
    start: Mapped[int | None] = mapped_column(BigInteger)
    low: Mapped[uuid.UUID | None]
    high: Mapped[uuid.UUID | None]
    customers: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))
    data: Mapped[bytes | None] = mapped_column(LargeBinary)


PROBLEMS: dict[str, ProblemType] = {
    "pk_segments": SEGMENT_EXISTS,
    "uq_segments_name": NAME_TAKEN,
    # It was deleted a moment ago.
    "fk_segment_snapshots_segment_id_segments": NOT_FOUND,
}
