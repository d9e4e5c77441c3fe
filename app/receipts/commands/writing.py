"""Writing receipts with their lines: one statement, however many."""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import Executable, text

from app.core.db import Tx
from app.core.errors import Overtaken
from app.receipts.columns import LINE, RECEIPT, Rows, bound, plain_array, source, text_array

# Order matters, so that two batches never wait for each other in a circle: all numbers are claimed first, in their
# order (a number that another transaction is just claiming is waited for); then the customers are locked, in the order
# of ids.
_WRITE = """
WITH wanted AS MATERIALIZED (
  SELECT receipt.*, chosen.customer_id, chosen.flags,
         coalesce(receipt.given_date,
                  ((receipt.occurred_at AT TIME ZONE s.time_zone) - make_interval(mins => CAST(:closing AS int)))::date)
           AS business_date
  FROM @receipts@
  JOIN @chosen@ ON chosen.place = receipt.place
  JOIN stores s ON s.code = receipt.store
  WHERE chosen.customer_id IS NOT NULL
),
claimed AS (
  INSERT INTO receipt_numbers (source, number, customer_id, receipt_id, content_hash)
  SELECT source, number, customer_id, id, decode(content_hash, 'hex') FROM wanted ORDER BY source, number
  ON CONFLICT (source, number) DO NOTHING
  RETURNING receipt_id
),
made AS MATERIALIZED (SELECT wanted.* FROM wanted JOIN claimed ON claimed.receipt_id = wanted.id),
locked AS MATERIALIZED (
  SELECT c.id FROM customers c
  WHERE c.id = ANY (CAST(CAST(:lock AS text) AS uuid[])) AND (SELECT count(*) FROM made) > 0
    AND c.status NOT IN ('merged', 'erased')
  ORDER BY c.id FOR NO KEY UPDATE
),
kept AS (
  INSERT INTO receipts (
    customer_id, id, occurred_at, recorded_at, gross, discount, net, tax, cost, base_net, base_discount, base_margin,
    base_returns, business_date, one_off, source, number, store, till, kind, currency, rate, seller, purpose,
    returns_source, returns_number, promotions, flags, tenders, extensions)
  SELECT
    customer_id, id, occurred_at, CAST(:now AS timestamptz), gross, discount, net, tax, cost, base_net, base_discount,
    base_margin, base_returns, business_date, one_off, source, number, store, till, kind, currency, rate, seller,
    purpose, returns_source, returns_number, CAST(promotions AS text[]), CAST(flags AS text[]), CAST(tenders AS jsonb),
    CAST(extensions AS jsonb)
  FROM made
),
kept_lines AS (
  INSERT INTO receipt_lines (
    customer_id, receipt_id, gross, discount, net, tax, cost, base_net, base_margin, business_date, line, original_line,
    quantity, product, category)
  SELECT
    made.customer_id, made.id, line.gross, line.discount, line.net, line.tax, line.cost, line.base_net,
    line.base_margin, made.business_date, line.line, line.original_line, line.quantity, line.product, CASE WHEN
    line.category IS NULL THEN (SELECT p.category FROM products p WHERE p.code = line.product)
         ELSE line.category END
  FROM @lines@ JOIN made ON made.place = line.receipt
)
SELECT made.place, made.business_date, (SELECT count(*) FROM locked) AS locked FROM made
"""

_CHOSEN = (("customer_id", "uuid"), ("flags", "text"))


def _statement(rows: Rows, lines: Rows) -> Executable:
    sql = _WRITE.replace("@receipts@", source(RECEIPT, "receipt", rows))
    sql = sql.replace("@chosen@", source(_CHOSEN, "chosen", rows))
    return text(sql.replace("@lines@", source(LINE, "line", lines)))


_ONE, _MANY = _statement(Rows.ONE, Rows.FEW), _statement(Rows.MANY, Rows.MANY)


async def write_receipts(
    tx: Tx,
    receipts: Mapping[str, str],
    lines: Mapping[str, str],
    line_count: int,
    chosen: Sequence[tuple[str, Sequence[str]] | None],
    *,
    lock: Sequence[str],
    closing_minutes: int,
) -> list[tuple[int, date]]:
    """Write receipts (`receipts.columns.RECEIPT`) with their lines, and lock the customers of `lock` until the end.

    `chosen` says per receipt (customer id, flags), or None to leave it out. One whose number is taken is left out as
    well: compare the answer: (place among the given ones from 0, business day) of each that was written. Customers,
    stores and products exist already. Raises Overtaken if a customer was merged or erased since they were looked up.
    """
    many = len(chosen) > 1
    rows, few = (Rows.MANY, Rows.MANY) if many else (Rows.ONE, Rows.FEW)
    whose = {
        "customer_id": plain_array(None if one is None else one[0] for one in chosen),
        "flags": text_array("{}" if one is None else plain_array(one[1]) for one in chosen),
    }
    parameters = {
        "closing": closing_minutes,
        "now": tx.now,
        "lock": plain_array(sorted(lock)),
        **bound("receipt", receipts, len(chosen), rows),
        **bound("line", lines, line_count, few),
        **bound("chosen", whose, len(chosen), rows),
    }
    written = await tx.rows(_MANY if many else _ONE, parameters)
    if written and written[0].locked < len(lock):
        raise Overtaken
    return [(row[0] - 1, row[1]) for row in written]
