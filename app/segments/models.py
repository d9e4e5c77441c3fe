"""The table of saved segments."""

import uuid
from typing import Any

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.errors import ProblemType
from app.core.tables import Base, Stamp

INVALID_SEGMENT = ProblemType("invalid_segment", 422, "The segment cannot be understood")
SEGMENT_TOO_EXPENSIVE = ProblemType("segment_too_expensive", 422, "Answering the segment would take too long")
NAME_TAKEN = ProblemType("segment_name_taken", 409, "Another segment has this name")
SEGMENT_EXISTS = ProblemType("segment_exists", 409, "There is already a segment with this id")
SEGMENT_IN_USE = ProblemType("segment_in_use", 409, "Another segment refers to this one")


class Segment(Base):
    """A saved question. The tree is the truth, and its text is printed from it; what it uses follows from the tree.

    `uses` are its fields and collections, `refers_to` the segments that it names. `temporal`: time alone can change who
    is in it. `population_relative`: who is in it depends on the values of others.
    """

    __tablename__ = "segments"
    __table_args__ = (UniqueConstraint("name"), Index(None, "refers_to", postgresql_using="gin"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str | None]
    tree: Mapped[dict[str, Any]]
    uses: Mapped[list[str]] = mapped_column(ARRAY(Text))
    refers_to: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))
    temporal: Mapped[bool]
    population_relative: Mapped[bool]
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]


PROBLEMS: dict[str, ProblemType] = {"pk_segments": SEGMENT_EXISTS, "uq_segments_name": NAME_TAKEN}
