"""What the catalog adds to the fields of those who name a store or a product."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, FromClause

from app.catalog.models import STORE_KINDS, Product, Store
from app.core.fields import Evaluation, Field, FieldType, Side

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
    )


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
