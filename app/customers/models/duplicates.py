"""Tables of duplicate candidates: pairs of customers who may be one, and how far the feed was read for them."""

import uuid
from datetime import datetime
from typing import Any, get_args

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)  # fmt: skip
from sqlalchemy.orm import Mapped, mapped_column

from app.core.errors import ProblemType
from app.core.tables import Base, Stamp
from app.customers.duplicates import DismissedFor, Status
from app.feed.models import FeedPlace

DUPLICATE_NOT_OPEN = ProblemType("duplicate_not_open", 409, "Somebody has decided on this pair already")
DUPLICATE_NOT_DISMISSED = ProblemType("duplicate_not_dismissed", 409, "This pair is not dismissed")

# Where an address is, as it is compared, and which addresses are: not those that people share at work or at a store.
PLACE = r"lower(regexp_replace((street || '|') || coalesce(city, postcode), '[\s,.;-]+', '', 'g'))"
PLACED = "street IS NOT NULL AND coalesce(city, postcode) IS NOT NULL AND kind NOT IN ('work', 'store')"


class DuplicateCandidate(Base):
    """`other` may be the same person or business as the customer.

    Each pair has two rows with one `id`, one per side, written together. `refused` are the kinds of identifiers that
    one of the two holds and that were refused to the other; nothing else remembers that. `decided_at` is when somebody
    last dismissed or reopened the pair: from then on only people close it. A pair is `merged` while one of the two is.
    """

    __tablename__ = "duplicate_candidates"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        UniqueConstraint("customer_id", "other"),
        CheckConstraint(f"status IN {get_args(Status)}", name="status"),
        CheckConstraint(f"dismissed_for IN {get_args(DismissedFor)}", name="dismissed_for"),
        CheckConstraint("score BETWEEN 0 AND 100", name="score"),
        CheckConstraint("other <> customer_id", name="other"),
        Index("ix_duplicate_candidates_id", "id"),
        # The list of all pairs, the best first: each once.
        Index("ix_duplicate_candidates_best", "status", "score", "id", postgresql_where=text("customer_id < other")),
    )

    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.id"))
    id: Mapped[uuid.UUID]
    other: Mapped[uuid.UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    found_at: Mapped[Stamp]
    changed_at: Mapped[Stamp]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[uuid.UUID | None]
    score: Mapped[int] = mapped_column(SmallInteger)
    status: Mapped[str]
    reasons: Mapped[list[Any]]
    refused: Mapped[list[str]] = mapped_column(ARRAY(Text))
    dismissed_for: Mapped[str | None]
    note: Mapped[str | None]


class DuplicateState(FeedPlace, Base):
    """The one row that says up to which event of the feed duplicates were looked for. Who looks holds its lock."""

    __tablename__ = "duplicate_state"
