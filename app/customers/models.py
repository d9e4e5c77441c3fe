"""Tables of the customer record: the record itself, and the identifiers that find it."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, SmallInteger, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import UNKNOWN_STORE
from app.core.errors import ProblemType
from app.core.tables import Base, Stamp

KINDS = ("person", "business", "walk_in")
STATUSES = ("target", "prospect", "active", "dormant", "lost", "merged", "erased")
# What may be searched by a part of it, and the names that are compared by trigrams: two partial indexes.
TYPED_NUMBERS = "kind IN ('phone', 'card', 'email')"
SPELT = "kind IN ('name', 'part') AND term < '{'"
GENDERS = ("female", "male", "other")

# A customer's identifiers are part of every answer that shows it.
IDENTIFIERS_MAX = 50

IDENTIFIER_TAKEN = ProblemType("identifier_taken", 409, "Another customer has this identifier")
CUSTOMER_EXISTS = ProblemType("customer_exists", 409, "There is already a customer with this id")
TOO_MANY_IDENTIFIERS = ProblemType("too_many_identifiers", 409, "The customer has as many identifiers as it may have")


class Customer(Base):
    """A person, a business, or the walk-in of a store (who stands for all its buyers that nobody knows).

    `collected` holds, per field, when its value was collected: an older value never replaces a newer one. Figures and
    points live in tables of their own and never change `version`.
    """

    __tablename__ = "customers"
    __table_args__ = (
        CheckConstraint(f"kind IN {KINDS}", name="kind"),
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        CheckConstraint(f"gender IN {GENDERS}", name="gender"),
        CheckConstraint(
            "(birth_month IS NULL) = (birth_day IS NULL) AND (birth_year IS NULL OR birth_month IS NOT NULL)"
            " AND birth_month BETWEEN 1 AND 12 AND birth_day BETWEEN 1 AND 31 AND birth_year BETWEEN 1900 AND 2200",
            name="birthday",
        ),
        Index("ix_customers_home_store", "home_store", "id", postgresql_where=text("home_store IS NOT NULL")),
        Index("ix_customers_updated_at", "updated_at", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    status: Mapped[str]
    display_name: Mapped[str | None]
    given_name: Mapped[str | None]
    family_name: Mapped[str | None]
    reading: Mapped[str | None]
    gender: Mapped[str | None]
    birth_month: Mapped[int | None] = mapped_column(SmallInteger)
    birth_day: Mapped[int | None] = mapped_column(SmallInteger)
    birth_year: Mapped[int | None] = mapped_column(SmallInteger)
    language: Mapped[str | None]
    home_store: Mapped[str | None] = mapped_column(ForeignKey("stores.code"))
    account_manager: Mapped[str | None]
    source: Mapped[str | None]
    grade: Mapped[str | None]
    merged_into: Mapped[uuid.UUID | None]
    profile: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    collected: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]


class IdentifierRow(Base):
    """What finds a customer: `kind` is phone, email, card, external:<system>, chat:<service> or walk_in (a store).

    `value` is normalised, `typed` is as it was given. An `exclusive` row is the only such one for its kind and value:
    every card, external and chat id is; a phone or e-mail is when a till created its customer by it, so that two
    tills that meet a new number at the same time agree on one customer. Others may still share that number.
    """

    __tablename__ = "identifiers"
    __table_args__ = (
        PrimaryKeyConstraint("kind", "value", "customer_id"),
        CheckConstraint(
            "kind IN ('phone', 'email', 'card', 'walk_in') OR kind LIKE 'external:_%' OR kind LIKE 'chat:_%'",
            name="kind",
        ),
        CheckConstraint("exclusive OR kind IN ('phone', 'email')", name="exclusive"),
        Index("uq_identifiers_kind_value", "kind", "value", unique=True, postgresql_where=text("exclusive")),
        Index("ix_identifiers_customer_id", "customer_id"),
        # Fragments of numbers and addresses: trigrams of digits and ASCII letters, the same under every locale.
        Index(
            "ix_identifiers_fragments",
            "value",
            postgresql_using="gin",
            postgresql_ops={"value": "gin_trgm_ops"},
            postgresql_where=text(TYPED_NUMBERS),
        ),
        Index(
            "ix_identifiers_email",
            "value",
            postgresql_ops={"value": "text_pattern_ops"},
            postgresql_where=text("kind = 'email'"),
        ),
    )

    kind: Mapped[str]
    value: Mapped[str]
    customer_id: Mapped[uuid.UUID]
    id: Mapped[uuid.UUID]
    typed: Mapped[str]
    exclusive: Mapped[bool]
    is_primary: Mapped[bool] = mapped_column(server_default=text("false"))
    verified_at: Mapped[datetime | None]
    created_at: Mapped[Stamp]


class SearchTerm(Base):
    """A word that a customer's names are found by (`customers.terms` makes them; every name change rewrites them).

    Terms are compared byte by byte, whatever the database's locale, so that beginnings are a range of the primary key.
    Names in Latin letters come before `{` in that order; they alone are compared by trigrams too. Pinyin is not: all of
    it is made of the same few hundred syllables, so everybody resembles everybody.
    """

    __tablename__ = "search_terms"
    __table_args__ = (
        PrimaryKeyConstraint("kind", "term", "customer_id"),
        Index("ix_search_terms_customer_id", "customer_id"),
        Index(
            "ix_search_terms_similar",
            "term",
            postgresql_using="gin",
            postgresql_ops={"term": "gin_trgm_ops"},
            postgresql_where=text(SPELT),
        ),
    )

    kind: Mapped[str]
    term: Mapped[str] = mapped_column(Text(collation="C"))
    customer_id: Mapped[uuid.UUID]
    personal: Mapped[bool]


PROBLEMS: dict[str, ProblemType] = {
    "pk_customers": CUSTOMER_EXISTS,
    "pk_identifiers": IDENTIFIER_TAKEN,
    "uq_identifiers_kind_value": IDENTIFIER_TAKEN,
    "fk_customers_home_store_stores": UNKNOWN_STORE,
}
