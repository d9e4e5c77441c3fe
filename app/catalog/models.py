"""Tables of the catalog: small, the same for everybody, keyed by the codes that the company already uses."""

from sqlalchemy import BigInteger, CheckConstraint, Double, ForeignKey, Index, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.errors import ProblemType
from app.core.tables import LOCATION, Base, Stamp

STORE_KINDS = ("own", "dealer", "online")

UNKNOWN_STORE = ProblemType("unknown_store", 422, "There is no such store")
# A batch reports it for an item that a later item of the same batch replaces; alone it cannot happen.
UNKNOWN_CATEGORY = ProblemType("unknown_category", 422, "There is no such category")


class Store(Base):
    """A place that sells. Its zone decides the business day, its phone region how a typed number is read."""

    __tablename__ = "stores"
    __table_args__ = (
        CheckConstraint(f"kind IN {STORE_KINDS}", name="kind"),
        CheckConstraint(LOCATION, name="location"),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    region: Mapped[str | None]
    city: Mapped[str | None]
    time_zone: Mapped[str]
    currency: Mapped[str]
    phone_region: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]
    latitude: Mapped[float | None] = mapped_column(Double)
    longitude: Mapped[float | None] = mapped_column(Double)


class Place(Base):
    """A place that is no store and that people ask about: a fair, a school, the middle of a town."""

    __tablename__ = "places"
    __table_args__ = (CheckConstraint(LOCATION, name="location"),)

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    latitude: Mapped[float] = mapped_column(Double)
    longitude: Mapped[float] = mapped_column(Double)
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]


class Till(Base):
    """A till of a store, as the company names it. A receipt may come from a till that nobody listed."""

    __tablename__ = "tills"
    __table_args__ = (PrimaryKeyConstraint("store", "code"),)

    store: Mapped[str] = mapped_column(ForeignKey("stores.code"))
    code: Mapped[str]


class Category(Base):
    """A node of the product tree; `path` names it from the root, as in '110/110411'."""

    __tablename__ = "categories"
    __table_args__ = (Index("ix_categories_parent", "parent"),)

    path: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    parent: Mapped[str | None] = mapped_column(ForeignKey("categories.path"))


class Product(Base):
    """What is sold. Amounts are minor units of the company's currency; unknown stays null.

    `upgrade_of` is the code of the next lower product; it need not be known yet.
    """

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("list_price >= 0", name="list_price"),
        CheckConstraint("cost >= 0", name="cost"),
        CheckConstraint("replaces_after_days > 0", name="replaces_after_days"),
        # Serves 'under this category' as a prefix search, whatever the database's collation.
        Index("ix_products_category", "category", postgresql_ops={"category": "text_pattern_ops"}),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    category: Mapped[str | None] = mapped_column(ForeignKey("categories.path"))
    brand: Mapped[str | None]
    list_price: Mapped[int | None] = mapped_column(BigInteger)
    cost: Mapped[int | None] = mapped_column(BigInteger)
    replaces_after_days: Mapped[int | None]
    upgrade_of: Mapped[str | None]
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Stamp]
    updated_at: Mapped[Stamp]


PROBLEMS: dict[str, ProblemType] = {
    "fk_tills_store_stores": UNKNOWN_STORE,
    "fk_products_category_categories": UNKNOWN_CATEGORY,
    "fk_categories_parent_categories": UNKNOWN_CATEGORY,
}
