"""Receipts and figures as they are shown."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    ColumnElement,
    Numeric,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
    tuple_,
    union_all,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import aliased

from app.core.db import Tx
from app.core.documents import json_object, json_time
from app.core.sql import recordset
from app.customers.models import Customer
from app.receipts.models import CustomerFigures, Receipt, ReceiptLine, ReceiptNumber

FINANCIAL = "financial"
UNKNOWN_ORIGINAL = "unknown_original"
RETURNED_MORE = "returned_more_than_sold"
Number = tuple[str, str]


# The JSON of a row of `receipts` with its lines; amounts are as a till sends them, a return's positive. Plain text,
# because it ends every push: a tree of expressions would be walked anew each time.
_SIGN = "(CASE receipts.kind WHEN 'return' THEN -1 ELSE 1 END)"
_MOMENT = """'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"""
_DOCUMENT = """
json_build_object(
  'id', receipts.id, 'customer_id', receipts.customer_id,
  'attributed', (SELECT c.kind <> 'walk_in' FROM customers c WHERE c.id = receipts.customer_id),
  'source', receipts.source, 'number', receipts.number, 'store', receipts.store, 'till', receipts.till,
  'kind', receipts.kind, 'occurred_at', to_char(receipts.occurred_at, @moment@), 'business_date',
  receipts.business_date, 'currency', receipts.currency, 'rate', trim_scale(receipts.rate)::text, 'gross', @sign@ *
  receipts.gross, 'discount', @sign@ * receipts.discount, 'net', @sign@ * receipts.net, 'tax', @sign@ * receipts.tax,
  @cost@ 'seller', receipts.seller, 'promotions', to_json(receipts.promotions), 'purpose', receipts.purpose, 'one_off',
  receipts.one_off, 'extensions', receipts.extensions, 'lines', (
    SELECT json_agg(json_build_object(
      'line', l.line, 'product', l.product, 'category', l.category, 'quantity', trim_scale(@sign@ * l.quantity)::text,
      'gross', @sign@ * l.gross, 'discount', @sign@ * l.discount, 'net', @sign@ * l.net, 'tax', @sign@ * l.tax,
      @line_cost@ 'original_line', l.original_line) ORDER BY l.line)
    FROM receipt_lines l WHERE l.customer_id = receipts.customer_id AND l.receipt_id = receipts.id),
  'tenders', coalesce((
    SELECT json_agg(
      json_build_object('kind', one ->> 'kind', 'amount', @sign@ * (one ->> 'amount')::bigint) ORDER BY place)
    FROM jsonb_array_elements(receipts.tenders) WITH ORDINALITY tender(one, place)), '[]'),
  'returns', CASE WHEN receipts.returns_number IS NOT NULL
    THEN json_build_object('source', receipts.returns_source, 'number', receipts.returns_number) END,
  'flags', to_json(receipts.flags), 'recorded_at', to_char(receipts.recorded_at, @moment@),
  'voided_at', to_char(receipts.voided_at, @moment@))::text
"""


@cache
def document(*, with_cost: bool) -> ColumnElement[str]:
    """The document of a row of `receipts`, as text."""
    sql = _DOCUMENT.replace("@cost@", "'cost', @sign@ * receipts.cost," if with_cost else "")
    sql = sql.replace("@line_cost@", "'cost', @sign@ * l.cost," if with_cost else "")
    shown: ColumnElement[str] = literal_column(sql.replace("@sign@", _SIGN).replace("@moment@", _MOMENT), Text)
    return shown


def one_document(tx: Tx, customer_id: uuid.UUID, receipt_id: uuid.UUID) -> Select[Any]:
    """SELECT of one receipt's document for the caller, and of what `with_return_flags` needs to complete it."""
    return _documents(tx).where(Receipt.customer_id == customer_id, Receipt.id == receipt_id)


def _documents(tx: Tx) -> Select[Any]:
    shown: Any = document(with_cost=FINANCIAL in tx.caller.field_groups)
    wanted: Select[Any] = select(shown, Receipt.returns_source, Receipt.returns_number)
    return wanted


async def receipt(tx: Tx, receipt_id: uuid.UUID) -> tuple[str, uuid.UUID] | None:
    """(document, customer id) of a receipt."""
    rows = await tx.rows(_documents(tx).add_columns(Receipt.customer_id).where(Receipt.id == receipt_id))
    return ((await with_return_flags(tx, rows))[0], rows[0][3]) if rows else None


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
        .where(Receipt.customer_id == customer_id)
        .order_by(*(column.desc() for column in key))
        .limit(limit)
    )
    if after is not None:
        found = found.where(tuple_(*key) < tuple_(*(literal(one) for one in after)))
    rows = await tx.rows(found)
    if not rows and await tx.scalar(select(Customer.id).where(Customer.id == customer_id)) is None:
        return None
    documents = await with_return_flags(tx, rows)
    return [Listed(text, *row[3:]) for text, row in zip(documents, rows, strict=True)]


async def stored(tx: Tx, numbers: Sequence[Number]) -> dict[Number, dict[str, Any]]:
    """The documents, as values, of the receipts with these numbers."""
    given = _numbers(numbers)
    found = (
        select(given.c.source, given.c.number, document(with_cost=True))
        .join(ReceiptNumber, and_(ReceiptNumber.source == given.c.source, ReceiptNumber.number == given.c.number))
        .join(Receipt, and_(Receipt.customer_id == ReceiptNumber.customer_id, Receipt.id == ReceiptNumber.receipt_id))
    )
    return {(row[0], row[1]): orjson.loads(row[2]) for row in await tx.rows(found)}


def _numbers(numbers: Iterable[Number]) -> Any:
    rows = [{"source": source, "number": number} for source, number in numbers]
    return recordset(rows, "given", source=Text(), number=Text())


async def with_return_flags(tx: Tx, rows: Sequence[Any]) -> list[str]:
    """The documents of rows (document, returns_source, returns_number), with a flag on returns that cannot be right.

    Its original is not there, or sold less than what came back of it. Receipts come late and out of order, so this is
    asked anew whenever they are read, and not written down.
    """
    originals = {(row[1], row[2]) for row in rows if row[2] is not None}
    flags = await _return_flags(tx, sorted(originals)) if originals else {}
    return [_flagged(row[0], flags.get((row[1], row[2]))) for row in rows]


def _flagged(document_text: str, flag: str | None) -> str:
    if flag is None:
        return document_text
    value = orjson.loads(document_text)
    if value["voided_at"] is None:
        value["flags"].append(flag)
    return orjson.dumps(value).decode()


async def _return_flags(tx: Tx, originals: Sequence[Number]) -> dict[Number, str]:
    """What is to be said of all returns of each receipt together, product by product and line by line where named."""
    given, line, sale = _numbers(originals), aliased(ReceiptLine), aliased(Receipt)
    known = (
        select(given.c.source, given.c.number, sale.customer_id, sale.id)
        .join(ReceiptNumber, and_(ReceiptNumber.source == given.c.source, ReceiptNumber.number == given.c.number))
        .join(sale, and_(sale.customer_id == ReceiptNumber.customer_id, sale.id == ReceiptNumber.receipt_id))
        .where(sale.voided_at.is_(None))
        .cte("known")
    )
    sold = select(known.c.source, known.c.number, line.product, line.line, line.quantity).join(
        line,
        and_(line.customer_id == known.c.customer_id, line.receipt_id == known.c.id, line.quantity > 0),
        isouter=True,
    )
    returned = (
        select(
            Receipt.returns_source,
            Receipt.returns_number,
            ReceiptLine.product,
            ReceiptLine.original_line,
            ReceiptLine.quantity,
        )
        .join(given, and_(Receipt.returns_source == given.c.source, Receipt.returns_number == given.c.number))
        .join(ReceiptLine, and_(ReceiptLine.customer_id == Receipt.customer_id, ReceiptLine.receipt_id == Receipt.id))
        .where(Receipt.voided_at.is_(None))
    )
    left: dict[tuple[str, str, str | int], Decimal] = {}
    there: set[Number] = set()
    returned = returned.where(ReceiptLine.quantity < 0)
    moves = union_all(sold.add_columns(literal("sold")), returned.add_columns(literal("returned")))
    for source, number, product, place, quantity, kind in await tx.rows(moves):
        if kind == "sold":
            there.add((source, number))
        for key in (product, place):
            if key is not None:
                left[source, number, key] = left.get((source, number, key), Decimal(0)) + quantity
    more = {(source, number): RETURNED_MORE for (source, number, _), rest in left.items() if rest < 0}
    return more | {one: UNKNOWN_ORIGINAL for one in originals if one not in there}


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
