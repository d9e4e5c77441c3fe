"""Tables of the customer record: the record itself, and the identifiers that find it."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    text,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import UNKNOWN_STORE
from app.core.caller import FIELD_GROUPS
from app.core.errors import NOT_FOUND, ProblemType
from app.core.fields import Pii
from app.core.tables import Base, Stamp
from app.customers.models.belongings import (
    ADDRESS_KINDS,
    AUTHORITIES,
    INVERSE,
    Address,
    Contact,
    Relationship,
    totals,
)
from app.customers.models.contact import (
    CONTACT_RESERVED,
    RESERVATION_ENDED,
    Consent,
    ContactMade,
    ContactPolicy,
    ContactReservation,
)
from app.customers.models.duplicates import DuplicateCandidate, DuplicateState
from app.customers.models.merging import CUSTOMER_ERASED, CUSTOMER_MERGED, Merge, MergeRow
from app.customers.models.ownership import Assignment, Handover
from app.customers.record import PARTS

__all__ = [
    "ADDRESS_KINDS", "ATTRIBUTE_FIXED", "AUTHORITIES", "BELONGINGS_MAX", "CONTACT_RESERVED", "CUSTOMER_ERASED",
    "CUSTOMER_EXISTS", "CUSTOMER_MERGED", "GENDERS", "IDENTIFIERS_MAX", "IDENTIFIER_TAKEN", "INVERSE", "KINDS",
    "PROBLEMS", "REACHED", "RESERVATION_ENDED", "SPELT", "STATUSES", "TOO_MANY_ATTRIBUTES", "TOO_MANY_BELONGINGS",
    "TOO_MANY_IDENTIFIERS", "TOO_WIDE", "TYPED_NUMBERS", "Address", "Assignment", "Consent", "Contact",
    "ContactMade", "ContactPolicy", "ContactReservation", "CustomAttribute", "Customer", "DuplicateCandidate",
    "DuplicateState", "Fact", "Handover", "IdentifierRow", "Merge", "MergeRow", "Relationship", "SearchTerm",
]  # fmt: skip

KINDS = ("person", "business", "walk_in")
STATUSES = ("target", "prospect", "active", "dormant", "lost", "merged", "erased")
# What may be searched by a part of it, and the names that are compared by trigrams: two partial indexes.
TYPED_NUMBERS = "kind IN ('phone', 'card', 'email')"
SPELT = "kind IN ('name', 'part') AND term < '{'"
# The identifiers by which we reach somebody: they are facts of the record.
REACHED = ("phone", "email")
GENDERS = ("female", "male", "other")
CUSTOM_TYPES = ("text", "choice", "tags", "integer", "money", "date", "boolean")
PII = tuple(one.value for one in Pii)

# So many of each a customer may have.
BELONGINGS_MAX = 100

# A customer's identifiers are part of every answer that shows it.
IDENTIFIERS_MAX = 50

IDENTIFIER_TAKEN = ProblemType("identifier_taken", 409, "Another customer has this identifier")
ATTRIBUTE_FIXED = ProblemType("attribute_fixed", 409, "Values of the attribute may be stored in its present form")
TOO_MANY_ATTRIBUTES = ProblemType("too_many_attributes", 409, "The company has as many attributes as it may have")
TOO_MANY_BELONGINGS = ProblemType("too_many_of_a_customer", 409, "The customer has as many of these as it may have")
ALREADY_RELATED = ProblemType("already_related", 409, "The two customers are in this relationship already")
TOO_WIDE = ProblemType("too_wide", 422, "This asks for more than one answer may hold")
CUSTOMER_EXISTS = ProblemType("customer_exists", 409, "There is already a customer with this id")
TOO_MANY_IDENTIFIERS = ProblemType("too_many_identifiers", 409, "The customer has as many identifiers as it may have")


class Customer(Base):
    """A person, a business, or the walk-in of a store (who stands for all its buyers that nobody knows).

    `collected` holds, per field, when its value was collected: an older value never replaces a newer one. `suspect` are
    the fields whose value looks made up (`suspect.made_up`), kept by every write. Figures and points live in tables of
    their own and never change `version`.
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
        # For lists: the rare values are asked for, and one page of them would walk the whole table.
        Index("ix_customers_kind", "kind", "id"),
        Index("ix_customers_status", "status", "id"),
        Index("ix_customers_merged_into", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
        *(Index(f"ix_customers_{name}", name, "id", postgresql_where=text(f"{name} IS NOT NULL")) for name in PARTS),
        # How many share a birthday, and whose is near.
        Index(
            "ix_customers_birthday",
            "birth_month",
            "birth_day",
            "birth_year",
            postgresql_where=text("birth_month IS NOT NULL"),
        ),
        # The same of every 256th: whether a day is that of thousands.
        Index(
            "ix_customers_birthday_sample",
            "birth_month",
            "birth_day",
            "birth_year",
            postgresql_where=text("birth_month IS NOT NULL AND get_byte(uuid_send(id), 15) = 0"),
        ),
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
    sponsor: Mapped[str | None]
    source: Mapped[str | None]
    grade: Mapped[str | None]
    merged_into: Mapped[uuid.UUID | None]
    profile: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    collected: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    suspect: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'::text[]"))
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]


class IdentifierRow(Base):
    """What finds a customer: `kind` is phone, email, card, external:<system>, chat:<service> or walk_in (a store).

    `value` is normalised, `typed` is as it was given. An `exclusive` row is the only such one for its kind and value:
    every card, external and chat id is; a phone or e-mail is when a till created its customer by it, so that two
    tills that meet a new number at the same time agree on one customer. Others may still share that number.

    The row is its own fact: `channel`, `collector` and `store` say where it came from, `collected_at` when (if it is
    null, when it was created).
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
        Index("ix_identifiers_created_at", "created_at", postgresql_using="brin"),
        *totals("identifiers"),
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
    collected_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    suspect: Mapped[bool] = mapped_column(server_default=text("false"))
    licence_end: Mapped[date | None]
    channel: Mapped[str | None]
    collector: Mapped[str | None]
    store: Mapped[str | None]
    confirmed_by: Mapped[str | None]
    confirmed_store: Mapped[str | None]


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


class Fact(Base):
    """Where the value that a customer's record has at `path` came from, and what it was before.

    One row per path, kept by every write of the value. `confirmed_at` is when somebody last said that it is still
    right; `retired_at` is when it was cleared.
    """

    __tablename__ = "facts"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "path"),
        # Totals of a period: rows come nearly in the order of their time, so a few pages of index do.
        Index("ix_facts_collected_at", "collected_at", postgresql_using="brin"),
        Index("ix_facts_confirmed_at", "confirmed_at", postgresql_where=text("confirmed_at IS NOT NULL")),
        # Few have a licence that ends: rented lists.
        Index("ix_facts_licence_end", "customer_id", "licence_end", postgresql_where=text("licence_end IS NOT NULL")),
    )

    # No foreign key: every writer has the customer locked, and a check per value would double what a batch costs.
    customer_id: Mapped[uuid.UUID]
    collected_at: Mapped[Stamp]
    confirmed_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]
    licence_end: Mapped[date | None]
    path: Mapped[str]
    channel: Mapped[str]
    collector: Mapped[str]
    confirmed_by: Mapped[str | None]
    confirmed_store: Mapped[str | None]
    store: Mapped[str | None]
    previous: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))


class CustomAttribute(Base):
    """An attribute of customers that the company has declared: `profile.custom.<name>`."""

    __tablename__ = "custom_attributes"
    __table_args__ = (
        CheckConstraint(f"type IN {CUSTOM_TYPES}", name="type"),
        CheckConstraint(f"pii IN {PII}", name="pii"),
        CheckConstraint(f"field_group IN {FIELD_GROUPS}", name="field_group"),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]
    weight: Mapped[int] = mapped_column(SmallInteger)
    fresh_days: Mapped[int | None] = mapped_column(Integer)
    label: Mapped[str]
    type: Mapped[str]
    pii: Mapped[str]
    field_group: Mapped[str]
    question: Mapped[str | None]
    kinds: Mapped[list[str]] = mapped_column(ARRAY(Text))
    choices: Mapped[list[str]] = mapped_column(ARRAY(Text))


PROBLEMS: dict[str, ProblemType] = {
    "pk_customers": CUSTOMER_EXISTS,
    "pk_identifiers": IDENTIFIER_TAKEN,
    "uq_relationships_customer_id_other_kind": ALREADY_RELATED,
    "fk_addresses_customer_id_customers": NOT_FOUND,
    "fk_contacts_customer_id_customers": NOT_FOUND,
    "fk_relationships_customer_id_customers": NOT_FOUND,
    "fk_duplicate_candidates_customer_id_customers": NOT_FOUND,
    "uq_identifiers_kind_value": IDENTIFIER_TAKEN,
    "fk_customers_home_store_stores": UNKNOWN_STORE,
}
