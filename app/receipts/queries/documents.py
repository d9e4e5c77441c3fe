"""A receipt as JSON, written by PostgreSQL."""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, literal_column
from sqlalchemy.dialects.postgresql import JSON

UNKNOWN_ORIGINAL = "unknown_original"
RETURNED_MORE = "returned_more_than_sold"

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
  'flags', to_json(@flags@), 'recorded_at', to_char(receipts.recorded_at, @moment@),
  'voided_at', to_char(receipts.voided_at, @moment@))
"""


# What is to be said of a return, of all returns of the same receipt together: product by product, and line by line
# where one is named. Receipts come late and out of order, so this is asked anew whenever they are read, and not kept.
_RETURN_FLAG = f"""
CASE WHEN receipts.returns_number IS NOT NULL AND receipts.voided_at IS NULL THEN (
  SELECT CASE WHEN original.id IS NULL THEN '{UNKNOWN_ORIGINAL}' WHEN EXISTS (
      SELECT FROM (
        SELECT l.product, l.line AS place, l.quantity FROM receipt_lines l
        WHERE l.customer_id = original.customer_id AND l.receipt_id = original.id AND l.quantity > 0
        UNION ALL
        SELECT l.product, l.original_line, l.quantity
        FROM receipts back JOIN receipt_lines l ON l.customer_id = back.customer_id AND l.receipt_id = back.id
        WHERE back.returns_source = receipts.returns_source AND back.returns_number = receipts.returns_number
          AND back.voided_at IS NULL AND l.quantity < 0
      ) moved CROSS JOIN LATERAL (VALUES ('product', moved.product), ('line', moved.place::text)) by (sort, value)
      WHERE by.value IS NOT NULL GROUP BY by.sort, by.value HAVING sum(moved.quantity) < 0
    ) THEN '{RETURNED_MORE}' END
  FROM (VALUES (1)) one LEFT JOIN (
    SELECT sale.customer_id, sale.id FROM receipt_numbers known
    JOIN receipts sale ON sale.customer_id = known.customer_id AND sale.id = known.receipt_id
    WHERE known.source = receipts.returns_source AND known.number = receipts.returns_number AND sale.voided_at IS NULL
  ) original ON true) END
"""  # noqa: S608  put together from constants


@cache
def as_json(*, with_cost: bool, as_read: bool) -> ColumnElement[Any]:
    """The document of a row of `receipts`; `as_read` with the flags of a return that cannot be right."""
    flags = f"array_remove(array_append(receipts.flags, {_RETURN_FLAG}), NULL)" if as_read else "receipts.flags"
    sql = _DOCUMENT.replace("@flags@", flags)
    sql = sql.replace("@cost@", "'cost', @sign@ * receipts.cost," if with_cost else "")
    sql = sql.replace("@line_cost@", "'cost', @sign@ * l.cost," if with_cost else "")
    return literal_column(sql.replace("@sign@", _SIGN).replace("@moment@", _MOMENT), JSON)


@cache
def document(*, with_cost: bool, as_read: bool) -> ColumnElement[str]:
    """The same as text."""
    return cast(as_json(with_cost=with_cost, as_read=as_read), Text)
