"""Tables of what belongs to a customer: addresses, key people, relationships."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.tables import LOCATION, Base, Stamp
from app.customers.models.duplicates import PLACE, PLACED

ADDRESS_KINDS = ("home", "work", "billing", "delivery", "store", "other")
AUTHORITIES = ("decides", "influences", "advises", "uses", "none")
# What the other customer is to this one -> what this one is to the other.
INVERSE = {
    "household": "household", "spouse": "spouse", "parent": "child", "child": "parent", "relative": "relative",
    "friend": "friend", "colleague": "colleague", "employer": "employee", "employee": "employer",
    "referrer": "referred", "referred": "referrer", "owner": "owned", "owned": "owner",
    "supplier": "supplied", "supplied": "supplier",
}  # fmt: skip


def totals(table: str) -> tuple[Index, Index]:
    """For totals of a period: rows come nearly in the order of their time, so a few pages of index do."""
    return (
        Index(f"ix_{table}_collected_at", "collected_at", postgresql_using="brin"),
        Index(f"ix_{table}_confirmed_at", "confirmed_at", postgresql_where=text("confirmed_at IS NOT NULL")),
    )


class _Belonging:
    """What an address and a key person have in common: a version of its own, and where it came from.

    `previous` are the values that its last change replaced, by their columns.
    """

    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.id"))
    id: Mapped[uuid.UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]
    collected_at: Mapped[Stamp]
    confirmed_at: Mapped[datetime | None]
    licence_end: Mapped[date | None]
    channel: Mapped[str]
    collector: Mapped[str]
    store: Mapped[str | None]
    confirmed_by: Mapped[str | None]
    confirmed_store: Mapped[str | None]
    previous: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class Address(_Belonging, Base):
    """Where a customer lives, works, is billed or gets deliveries."""

    __tablename__ = "addresses"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        CheckConstraint(f"kind IN {ADDRESS_KINDS}", name="kind"),
        CheckConstraint(LOCATION, name="location"),
        # Who is near a place: the rows in a band of latitude, and of them those in one of longitude.
        Index("ix_addresses_location", "latitude", "longitude", postgresql_where=text("latitude IS NOT NULL")),
        Index("ix_addresses_place", text(PLACE), postgresql_where=text(PLACED)),
        *totals("addresses"),
    )

    kind: Mapped[str]
    country: Mapped[str | None]
    region: Mapped[str | None]
    city: Mapped[str | None]
    district: Mapped[str | None]
    street: Mapped[str | None]
    postcode: Mapped[str | None]
    recipient: Mapped[str | None]
    note: Mapped[str | None]
    latitude: Mapped[float | None] = mapped_column(Double)
    longitude: Mapped[float | None] = mapped_column(Double)


class Contact(_Belonging, Base):
    """A key person of a customer that is a business. Phones and e-mail are kept as typed: they find nobody."""

    __tablename__ = "contacts"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        CheckConstraint(f"authority IN {AUTHORITIES}", name="authority"),
        CheckConstraint(
            "(birth_month IS NULL) = (birth_day IS NULL) AND (birth_year IS NULL OR birth_month IS NOT NULL)"
            " AND birth_month BETWEEN 1 AND 12 AND birth_day BETWEEN 1 AND 31 AND birth_year BETWEEN 1900 AND 2200",
            name="birthday",
        ),
        *totals("contacts"),
    )

    birth_month: Mapped[int | None] = mapped_column(SmallInteger)
    birth_day: Mapped[int | None] = mapped_column(SmallInteger)
    birth_year: Mapped[int | None] = mapped_column(SmallInteger)
    role: Mapped[str]
    title: Mapped[str | None]
    authority: Mapped[str | None]
    standing: Mapped[str | None]
    name: Mapped[str | None]
    email: Mapped[str | None]
    address: Mapped[str | None]
    note: Mapped[str | None]
    phones: Mapped[list[str]] = mapped_column(ARRAY(Text))
    likes: Mapped[list[str]] = mapped_column(ARRAY(Text))


class Relationship(Base):
    """`other` is `kind` of the customer: its referrer, its employer, its parent.

    Each relationship has two rows with one `id`, one per side, written together: the other side's row has the inverse
    kind. `other` has no foreign key: it is another customer's row.
    """

    __tablename__ = "relationships"
    __table_args__ = (
        PrimaryKeyConstraint("customer_id", "id"),
        UniqueConstraint("customer_id", "other", "kind"),
        CheckConstraint(f"kind IN {tuple(INVERSE)}", name="kind"),
        CheckConstraint("other <> customer_id", name="other"),
    )

    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.id"))
    id: Mapped[uuid.UUID]
    other: Mapped[uuid.UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]
    since: Mapped[date | None]
    kind: Mapped[str]
    note: Mapped[str | None]
