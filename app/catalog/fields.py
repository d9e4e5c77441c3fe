"""What the catalog adds to the fields of those who name a store or a product."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Subquery, literal, select

from app.catalog.models import STORE_KINDS, Place, Product, Store
from app.core.documents import json_degrees
from app.core.fields import Evaluation, Field, FieldType, Points, Side

Code = Callable[[FromClause], ColumnElement[str]]
CHANGED = ("store.updated",)


def store_side(name: str, code: Code, *, indexed: bool = False) -> Side:
    """The store whose code stands in a column of the row beside it, on which there may be an index."""
    return Side(
        name,
        relation=lambda _: Store.__table__.alias(),
        on=lambda row, store: store.c.code == code(row),
        present=lambda store: store.c.code,
        key=code if indexed else None,
    )


def store_fields(prefix: str, label: str, side: Side, **shared: Any) -> tuple[Field, ...]:
    """What can be asked about that store: `home.city` with the prefix `home`."""
    shared = {"side": side, **shared, "changed_by": (*shared.get("changed_by", ()), *CHANGED)}
    return (
        Field(f"{prefix}.city", f"{label}: city", FieldType.TEXT, column("city"), **shared),
        Field(f"{prefix}.region", f"{label}: region", FieldType.TEXT, column("region"), **shared),
        Field(f"{prefix}.kind", f"{label}: kind", FieldType.CHOICE, column("kind"), choices=STORE_KINDS, **shared),
        Field(f"{prefix}.location", f"{label}: where it is", FieldType.LOCATION, coordinates, points=own_points,
              **shared),
    )  # fmt: skip


def coordinates(row: FromClause, _: Evaluation) -> ColumnElement[Any]:
    """The coordinates of a row as text: '26.647,106.63'; null where they are not known."""
    return json_degrees(row.c.latitude).concat(literal(",")).concat(json_degrees(row.c.longitude))


def own_points(row: FromClause, _: Evaluation) -> Points:
    """The one point of a row that has coordinates."""
    return Points(row.c.latitude, row.c.longitude)


def place(code: str) -> Subquery:
    """(latitude, longitude) of a store that has coordinates, or else of the place of this code: one row or none."""
    columns = ("latitude", "longitude")
    store, other = Store.__table__.alias(), Place.__table__.alias()
    of_store = select(*(store.c[name] for name in columns), literal(0).label("rank"))
    of_store = of_store.where(store.c.code == code, store.c.latitude.is_not(None))
    of_place = select(*(other.c[name] for name in columns), literal(1).label("rank")).where(other.c.code == code)
    both = of_store.union_all(of_place).subquery()
    return select(*(both.c[name] for name in columns)).order_by(both.c.rank).limit(1).subquery()


def product_side(name: str, code: Code) -> Side:
    """The product whose code stands in a column of the row beside it."""
    return Side(
        name,
        relation=lambda _: Product.__table__.alias(),
        on=lambda row, product: product.c.code == code(row),
        present=lambda product: product.c.code,
    )


def column(name: str) -> Callable[[FromClause, Evaluation], ColumnElement[Any]]:
    """A column of the row, as it is."""
    return lambda row, _: row.c[name]
