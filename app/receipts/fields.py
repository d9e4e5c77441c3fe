"""What can be asked about purchases: the figures of a customer, receipts, and their lines."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Numeric, cast, func, literal, select

from app.catalog.fields import column, product_side, store_fields, store_side
from app.core.fields import Collection, DaySums, Evaluation, Field, FieldType, Lately, Side
from app.receipts.models import KINDS, PURPOSES, CustomerDay, CustomerFigures, Receipt, ReceiptLine

_CHANGED = ("receipt.recorded", "receipt.voided", "receipt.attributed")
_NUMBER, _MONEY, _TEXT, _DATE = FieldType.NUMBER, FieldType.MONEY, FieldType.TEXT, FieldType.DATE

# --- figures of a customer --------------------------------------------------------------------------------------------

_FIGURES = Side(
    "figures",
    relation=lambda _: CustomerFigures.__table__.alias(),
    on=lambda customer, figures: figures.c.customer_id == customer.c.id,
    present=lambda figures: figures.c.customer_id,
)


def _usual_gap(row: FromClause, _: Evaluation) -> ColumnElement[Any]:
    """The mean of the gaps between occasions in days, as the customer's record shows it."""
    gaps = func.nullif(func.greatest(row.c.occasions - 1, 0), 0)
    return func.round(cast(row.c.gap_sum, Numeric) / gaps, 1)


def _days_since(row: FromClause, asked: Evaluation) -> ColumnElement[Any]:
    return literal(asked.as_of) - row.c.last_occasion


def _figure(name: str, label: str, kind: FieldType, **more: Any) -> Field:
    value = more.pop("value", None) or column(name)
    return Field(f"figures.{name}", label, kind, value, side=_FIGURES, group="financial", changed_by=_CHANGED, **more)


# --- sums over the last so many days ----------------------------------------------------------------------------------

_LENGTHS = (30, 90, 365)


def _lately(days: int) -> Side:
    def relation(asked: Evaluation) -> FromClause:
        day = CustomerDay.__table__.alias()
        recent = day.c.business_date.between(asked.as_of - timedelta(days=days - 1), asked.as_of)
        sums = (func.sum(day.c[name]).label(name) for name in ("net", "margin", "receipts"))
        found = select(day.c.customer_id, *sums).where(recent, *asked.bounds(day.c.customer_id))
        return found.group_by(day.c.customer_id).subquery()

    return Side(
        f"last_{days}_days",
        relation=relation,
        on=lambda customer, sums: sums.c.customer_id == customer.c.id,
        present=lambda sums: sums.c.customer_id,
    )


def _sums(days: int) -> tuple[Field, ...]:
    shared: dict[str, Any] = {"side": _lately(days), "empty": 0, "group": "financial", "temporal": True}
    shared["changed_by"] = _CHANGED
    last = f"in the last {days} days"

    def _sum(name: str, label: str, kind: FieldType, of: str | None, **more: Any) -> Field:
        same = Lately(days, "receipts", of)
        return Field(f"{name}_{days}d", f"{label} {last}", kind, column(name), same_as=same, **shared, **more)

    return (
        _sum("net", "Net spend", _MONEY, "net"),
        _sum("margin", "Margin", _MONEY, "margin"),
        _sum("receipts", "Receipts", _NUMBER, None, whole=True),
    )


FIELDS: tuple[Field, ...] = (
    _figure("receipts", "Receipts ever", _NUMBER, empty=0, whole=True),
    _figure("occasions", "Days with a purchase", _NUMBER, empty=0, whole=True),
    _figure("net", "Net spend ever", _MONEY, empty=0),
    _figure("margin", "Margin ever", _MONEY, empty=0),
    _figure("discount", "Discounts ever", _MONEY, empty=0),
    _figure("returns", "Returns ever", _MONEY, empty=0),
    _figure("first_occasion", "First day with a purchase", _DATE),
    _figure("last_occasion", "Last day with a purchase", _DATE),
    _figure(
        "days_since_last",
        "Days since the last purchase",
        _NUMBER,
        value=_days_since,
        whole=True,
        temporal=True,
        unit="days",
    ),
    _figure("usual_gap_days", "Usual days between purchases", _NUMBER, value=_usual_gap, unit="days"),
    _figure("last_store", "Store of the last purchase", _TEXT, values_at="/v1/stores"),
    _figure("favourite_category", "Category with the highest spend", FieldType.CATEGORY, values_at="/v1/categories"),
    *(field for days in _LENGTHS for field in _sums(days)),
)

# --- receipts and lines -----------------------------------------------------------------------------------------------


def _row(name: str, label: str, kind: FieldType, source: str | None = None, **more: Any) -> Field:
    given = {"scope": "receipts:read", "changed_by": _CHANGED, "group": "financial" if kind is _MONEY else "basic"}
    return Field(name, label, kind, column(source or name), **{**given, **more})


def _not_voided(line: FromClause) -> ColumnElement[bool]:
    """Few receipts are ever voided, and an index finds just those."""
    receipt = Receipt.__table__.alias()
    same = (receipt.c.customer_id == line.c.customer_id) & (receipt.c.id == line.c.receipt_id)
    return ~select(literal(1)).where(same, receipt.c.voided_at.is_not(None)).correlate(line).exists()


def _customer(row: FromClause) -> ColumnElement[Any]:
    return row.c.customer_id


def _day(row: FromClause, _: Evaluation) -> ColumnElement[Any]:
    return row.c.business_date


def _columns(*names: str) -> Callable[[FromClause], tuple[ColumnElement[Any], ...]]:
    return lambda row: tuple(row.c[name] for name in names)


_STORE = store_side("store", lambda receipt: receipt.c.store)
_PRODUCT = product_side("product", lambda line: line.c.product)

COLLECTIONS: tuple[Collection, ...] = (
    Collection(
        "receipts",
        "Receipts, returns too",
        relation=Receipt.__table__.alias,
        customer=_customer,
        day=_day,
        counted=lambda receipt: receipt.c.voided_at.is_(None),
        order=_columns("business_date", "occurred_at", "id"),
        in_order=True,
        evidence=lambda receipt: receipt.c.id,
        day_sums=DaySums(
            relation=CustomerDay.__table__.alias,
            customer=_customer,
            day=_day,
            rows=lambda days: days.c.receipts,
            columns={"net": column("net"), "margin": column("margin"), "returned": column("returns")},
        ),
        scope="receipts:read",
        changed_by=_CHANGED,
        fields=(
            _row("net", "Net amount", _MONEY, "base_net"),
            _row("margin", "Margin", _MONEY, "base_margin"),
            _row("discount", "Discount", _MONEY, "base_discount"),
            _row("returned", "Amount given back", _MONEY, "base_returns"),
            _row("date", "Business date", _DATE, "business_date"),
            _row("kind", "Kind", FieldType.CHOICE, choices=KINDS),
            _row("store", "Store", _TEXT, values_at="/v1/stores"),
            *store_fields("store", "Store", _STORE, scope="receipts:read", changed_by=_CHANGED),
            _row("till", "Till", _TEXT),
            _row("source", "Source", _TEXT),
            _row("seller", "Seller", _TEXT),
            _row("purpose", "What it was for", FieldType.CHOICE, choices=PURPOSES),
            _row("one_off", "A one-off event", FieldType.BOOLEAN),
            _row("currency", "Currency", _TEXT),
        ),
    ),
    Collection(
        "lines",
        "Lines of receipts, returned ones too",
        relation=ReceiptLine.__table__.alias,
        customer=_customer,
        day=_day,
        counted=_not_voided,
        order=_columns("business_date", "receipt_id", "line"),
        evidence=lambda line: line.c.receipt_id,
        scope="receipts:read",
        changed_by=_CHANGED,
        fields=(
            _row("receipt", "Receipt", FieldType.REFERENCE, "receipt_id"),
            _row("product", "Product", _TEXT, values_at="/v1/products"),
            _row("category", "Category", FieldType.CATEGORY, values_at="/v1/categories"),
            _row("brand", "Brand", _TEXT, side=_PRODUCT, changed_by=(*_CHANGED, "product.updated")),
            _row("quantity", "Quantity", _NUMBER),
            _row("net", "Net amount", _MONEY, "base_net"),
            _row("margin", "Margin", _MONEY, "base_margin"),
            _row("date", "Business date", _DATE, "business_date"),
        ),
    ),
)
