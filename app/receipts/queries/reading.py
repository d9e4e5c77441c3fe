"""Receipts and figures as they are shown."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    BigInteger, ColumnElement, Numeric, Select, Text, and_, case, cast, func, literal, null, select, tuple_, union_all,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by
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


@cache
def document(*, with_cost: bool) -> ColumnElement[str]:
    """The JSON text of a row of `receipts` with its lines; amounts are as a till sends them, a return's positive."""
    sign: Any = case((Receipt.kind == "return", -1), else_=1)
    known = select(Customer.kind != "walk_in").where(Customer.id == Receipt.customer_id).scalar_subquery()
    returns = json_object(source=Receipt.returns_source, number=Receipt.returns_number)
    return cast(
        json_object(
            id=Receipt.id, customer_id=Receipt.customer_id, attributed=known,
            source=Receipt.source, number=Receipt.number, store=Receipt.store, till=Receipt.till, kind=Receipt.kind,
            occurred_at=json_time(Receipt.occurred_at), business_date=Receipt.business_date,
            currency=Receipt.currency, rate=cast(func.trim_scale(Receipt.rate), Text),
            gross=Receipt.gross * sign, discount=Receipt.discount * sign, net=Receipt.net * sign, tax=Receipt.tax * sign,
            **({"cost": Receipt.cost * sign} if with_cost else {}),
            seller=Receipt.seller, promotions=func.to_json(Receipt.promotions), purpose=Receipt.purpose,
            one_off=Receipt.one_off, extensions=Receipt.extensions,
            lines=_lines(sign, with_cost=with_cost), tenders=_tenders(sign),
            returns=case((Receipt.returns_number.is_not(None), returns), else_=null()),
            flags=func.to_json(Receipt.flags),
            recorded_at=json_time(Receipt.recorded_at), voided_at=json_time(Receipt.voided_at),
        ),
        Text,
    )  # fmt: skip


def _lines(sign: Any, *, with_cost: bool) -> ColumnElement[object]:
    line = json_object(
        line=ReceiptLine.line, product=ReceiptLine.product, category=ReceiptLine.category,
        quantity=cast(func.trim_scale(ReceiptLine.quantity * sign), Text),
        gross=ReceiptLine.gross * sign, discount=ReceiptLine.discount * sign, net=ReceiptLine.net * sign,
        tax=ReceiptLine.tax * sign, **({"cost": ReceiptLine.cost * sign} if with_cost else {}),
        original_line=ReceiptLine.original_line,
    )  # fmt: skip
    mine = and_(ReceiptLine.customer_id == Receipt.customer_id, ReceiptLine.receipt_id == Receipt.id)
    lines = select(func.json_agg(aggregate_order_by(line, ReceiptLine.line.asc()))).where(mine)
    return lines.correlate(Receipt).scalar_subquery()


def _tenders(sign: Any) -> ColumnElement[object]:
    one: Any = func.jsonb_array_elements(Receipt.tenders).table_valued("value", with_ordinality="place", name="tender").render_derived()
    amount = cast(one.c.value.op("->>")("amount"), BigInteger)
    tender = json_object(kind=one.c.value.op("->>")("kind"), amount=amount * sign)
    found = select(func.json_agg(aggregate_order_by(tender, one.c.place.asc()))).select_from(one)
    return func.coalesce(found.correlate(Receipt).scalar_subquery(), literal([], JSON))


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
    """The documents of rows of (document, returns_source, returns_number), with a flag on a return that cannot be right.

    Its original is not there, or sold less than what came back of it. Receipts come late and out of order, so this is asked
    anew whenever they are read, and not written down.
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
    """What is to be said of all returns of each of these receipts together: each product, and each line that is named."""
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
        select(Receipt.returns_source, Receipt.returns_number, ReceiptLine.product, ReceiptLine.original_line, ReceiptLine.quantity)
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
