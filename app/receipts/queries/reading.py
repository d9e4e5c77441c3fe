"""Receipts and figures as they are shown."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Numeric,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    select,
    tuple_,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by

from app.core.db import Tx
from app.core.documents import json_object, json_time
from app.core.sql import recordset
from app.customers.models import Customer
from app.customers.queries import present, reached
from app.receipts.models import CustomerFigures, Receipt, ReceiptNumber
from app.receipts.queries.documents import as_json, document

FINANCIAL = "financial"
Number = tuple[str, str]


def one_document(*, with_cost: bool) -> Select[Any]:
    """SELECT of the document of the receipt `shown_receipt` of the customer `shown_customer`, which are parameters."""
    owner, receipt_id = bindparam("shown_customer", type_=Uuid()), bindparam("shown_receipt", type_=Uuid())
    wanted: Select[Any] = select(document(with_cost=with_cost, as_read=True))
    return wanted.where(Receipt.customer_id == owner, Receipt.id == receipt_id)


def sees_cost(tx: Tx) -> bool:
    """Whether the caller is told what was paid for what it sells."""
    return FINANCIAL in tx.caller.field_groups


def _documents(tx: Tx) -> Select[Any]:
    wanted: Select[Any] = select(document(with_cost=sees_cost(tx), as_read=True))
    return wanted


async def receipt(tx: Tx, receipt_id: uuid.UUID) -> tuple[str, uuid.UUID] | None:
    """(document, customer id) of a receipt."""
    seen = reached(tx.caller, Receipt.customer_id)
    rows = await tx.rows(_documents(tx).add_columns(Receipt.customer_id).where(Receipt.id == receipt_id, seen))
    return (rows[0][0], rows[0][1]) if rows else None


class Listed(NamedTuple):
    """A receipt in a list, with the key that pages are cut by."""

    document: str
    business_date: date
    occurred_at: datetime
    id: uuid.UUID


async def receipts_of(
    tx: Tx, customer_id: uuid.UUID, *, after: tuple[date, datetime, uuid.UUID] | None, limit: int
) -> list[Listed] | None:
    """Up to `limit` receipts of a customer, newest business day first; None if there is no such customer."""
    key = (Receipt.business_date, Receipt.occurred_at, Receipt.id)
    found = (
        _documents(tx)
        .add_columns(*key)
        .where(Receipt.customer_id == customer_id, reached(tx.caller, Receipt.customer_id))
        .order_by(*_newest(Receipt.__table__))
        .limit(limit)
    )
    if after is not None:
        found = found.where(tuple_(*key) < tuple_(*(literal(one) for one in after)))
    rows = await tx.page(found)
    there = select(Customer.id).where(Customer.id == customer_id, present(tx.caller))
    if not rows and await tx.scalar(there) is None:
        return None
    return [Listed(*row) for row in rows]


def last_receipts(customer: ColumnElement[Any], groups: frozenset[str], most: int) -> ColumnElement[Any]:
    """A JSON list of the last receipts of the customer in this column, as the first page of the list shows them."""
    table = Receipt.__table__
    last = select(*table.c).where(table.c.customer_id == customer).order_by(*_newest(table)).limit(most)
    # Named as the table: that is what documents speak of.
    row = last.correlate_except(table).lateral("receipts")
    each = as_json(with_cost=FINANCIAL in groups, as_read=True)
    listed = func.json_agg(aggregate_order_by(each, *_newest(row)), type_=JSON)
    return func.coalesce(select(listed).select_from(row).scalar_subquery(), literal([], JSON))


def _newest(row: FromClause) -> tuple[ColumnElement[Any], ...]:
    return tuple(row.c[name].desc() for name in ("business_date", "occurred_at", "id"))


async def stored(tx: Tx, numbers: Sequence[Number]) -> dict[Number, dict[str, Any]]:
    """The documents, as values, of the receipts with these numbers."""
    rows = [{"source": source, "number": number} for source, number in numbers]
    given = recordset(rows, "given", source=Text(), number=Text())
    found = (
        select(given.c.source, given.c.number, document(with_cost=True, as_read=False))
        .join(ReceiptNumber, and_(ReceiptNumber.source == given.c.source, ReceiptNumber.number == given.c.number))
        .join(Receipt, and_(Receipt.customer_id == ReceiptNumber.customer_id, Receipt.id == ReceiptNumber.receipt_id))
    )
    return {(row[0], row[1]): orjson.loads(row[2]) for row in await tx.rows(found)}


def figures_of(customer: ColumnElement[object]) -> ColumnElement[object]:
    """The figures of the customer in this column as JSON, of zeros for one who has bought nothing."""
    held: Any = CustomerFigures
    # The mean of the gaps between occasions, in days.
    usual = func.trim_scale(func.round(cast(held.gap_sum, Numeric) / func.nullif(held.occasions - 1, 0), 1))
    shown: dict[str, ColumnElement[Any]] = {
        "receipts": held.receipts, "occasions": held.occasions, "net": held.net, "margin": held.margin,
        "discount": held.discount, "returns": held.returns, "first_purchase_at": json_time(held.first_purchase_at),
        "last_purchase_at": json_time(held.last_purchase_at), "usual_gap_days": case((held.occasions > 1, usual)),
        "last_store": held.last_store, "favourite_category": held.favourite_category,
    }  # fmt: skip
    nothing = dict.fromkeys(shown) | dict.fromkeys(("receipts", "occasions", "net", "discount", "returns"), 0)
    found = select(json_object(**shown)).where(held.customer_id == customer).scalar_subquery()
    return func.coalesce(found, literal(nothing, JSON))
