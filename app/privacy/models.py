"""Tables of privacy: who was erased, with the signed proof; and whether a restored database has caught up."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, CheckConstraint, Index, PrimaryKeyConstraint, UniqueConstraint, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.errors import ProblemType
from app.core.tables import Base, Stamp

ERASURE_REFUSED = ProblemType("erasure_refused", 409, "The customer cannot be erased yet")


class Erasure(Base):
    """That a customer was erased. `record` is what was signed, without personal data; it never changes.

    `also` are the customers that were merged into it: the same person. `kept_until` is when the next of what is kept
    goes, null if nothing does any more, and `later` what went since, by rule. `replayed_at`: done again after a
    restore, by the list. `settled_at`: since then the planner's statistics quote no value of the person either.
    """

    __tablename__ = "erasures"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        UniqueConstraint("customer_id"),
        Index("ix_erasures_id", "id"),
        Index("ix_erasures_kept_until", "kept_until", postgresql_where=text("kept_until IS NOT NULL")),
        Index("ix_erasures_unsettled", "id", postgresql_where=text("settled_at IS NULL")),
        Index("ix_erasures_also", "also", postgresql_using="gin"),
    )

    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    erased_at: Mapped[Stamp]
    replayed_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    kept_until: Mapped[date | None]
    also: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))
    record: Mapped[dict[str, Any]]
    signature: Mapped[str]
    public_key: Mapped[str]
    later: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))


class ErasureState(Base):
    """The one row that says in which database the list of erasures was last complete: see `feed.queries.here`."""

    __tablename__ = "erasure_state"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    cluster: Mapped[str]
    changed_at: Mapped[Stamp]


PROBLEMS: dict[str, ProblemType] = {}
