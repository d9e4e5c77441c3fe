"""Counting receipts into days, categories and figures of their customers: one statement, however many.

Days are derived again from the receipts of just these days. Figures change by what these days and categories changed,
and gaps between occasions are measured again only between the neighbours of days that became or ceased to be occasions.
So late, repeated and out-of-order receipts come out as if they had come in order, at a cost that does not grow with the
history.
"""

import uuid
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import Executable, text

from app.core.db import Tx
from app.receipts.columns import Rows, bound, literals, source

_EFFECT = (
    ("customer_id", "uuid"), ("holder", "uuid"), ("receipt_id", "uuid"), ("business_date", "date"), ("sign", "int"),
)  # fmt: skip

_FRESH = """
WITH effect AS MATERIALIZED (SELECT * FROM @effects@),
touched AS MATERIALIZED (SELECT DISTINCT customer_id, business_date FROM effect),
fresh AS MATERIALIZED (
  SELECT t.customer_id, t.business_date, count(r.id) AS receipts, coalesce(sum(r.base_net), 0)::bigint AS net,
         count(r.base_margin) AS costed, sum(r.base_margin)::bigint AS margin,
         coalesce(sum(r.base_discount), 0)::bigint AS discount, coalesce(sum(r.base_returns), 0)::bigint AS returns,
         min(r.occurred_at) FILTER (WHERE r.kind = 'sale' AND r.base_net > 0) AS first_at,
         max(r.occurred_at) FILTER (WHERE r.kind = 'sale' AND r.base_net > 0) AS last_at,
         (array_agg(r.store ORDER BY r.occurred_at DESC, r.store COLLATE "C" DESC)
            FILTER (WHERE r.kind = 'sale' AND r.base_net > 0))[1] AS last_store
  FROM touched t
  LEFT JOIN LATERAL (
    SELECT * FROM receipts r
    WHERE r.customer_id = t.customer_id AND r.business_date = t.business_date AND r.voided_at IS NULL OFFSET 0
  ) r ON true
  GROUP BY t.customer_id, t.business_date
),
days_kept AS (
  INSERT INTO customer_days AS d (
    customer_id, business_date, receipts, net, costed, margin, discount, returns, first_purchase_at, last_purchase_at,
    last_store)
  SELECT customer_id, business_date, receipts, net, costed, margin, discount, returns, first_at, last_at, last_store
  FROM fresh WHERE receipts > 0
  ON CONFLICT (customer_id, business_date) DO UPDATE SET
    receipts = excluded.receipts, net = excluded.net, costed = excluded.costed, margin = excluded.margin,
    discount = excluded.discount, returns = excluded.returns, first_purchase_at = excluded.first_purchase_at,
    last_purchase_at = excluded.last_purchase_at, last_store = excluded.last_store
  RETURNING new.customer_id, new.business_date, @now_and_before@
),
"""

_NOW_AND_BEFORE = """
new.net, new.margin, new.discount, new.returns, new.costed, new.receipts, new.first_purchase_at AS first_at,
new.last_purchase_at AS last_at, new.last_store, old.net AS old_net, old.margin AS old_margin,
old.discount AS old_discount, old.returns AS old_returns, old.costed AS old_costed, old.receipts AS old_receipts,
old.first_purchase_at AS old_first_at, old.last_purchase_at AS old_last_at, old.last_store AS old_last_store
"""

# A receipt that ceases to count may leave a day without any: it has no row then.
_DAYS_GONE = """
days_gone AS (
  DELETE FROM customer_days d USING fresh f
  WHERE f.receipts = 0 AND d.customer_id = f.customer_id AND d.business_date = f.business_date
  RETURNING d.customer_id, d.business_date, 0::bigint, NULL::bigint, 0::bigint, 0::bigint, 0, 0, NULL::timestamptz,
            NULL::timestamptz, NULL::text, d.net, d.margin, d.discount, d.returns, d.costed, d.receipts,
            d.first_purchase_at, d.last_purchase_at, d.last_store
),
"""

# A day recedes when it loses its first or last purchase.
_CHANGE = """
change AS MATERIALIZED (
  SELECT *, coalesce(old_net > 0, false) AS was_occasion, net > 0 AS is_occasion,
         old_first_at IS NOT NULL AND (
           first_at IS NULL OR first_at > old_first_at OR last_at < old_last_at
           OR (last_at = old_last_at AND last_store COLLATE "C" < old_last_store)) AS receded
  FROM (TABLE days_kept @and_gone@) day
),
total AS MATERIALIZED (
  SELECT customer_id, sum(receipts - coalesce(old_receipts, 0))::bigint AS receipts,
         sum(net - coalesce(old_net, 0))::bigint AS net, sum(costed - coalesce(old_costed, 0))::bigint AS costed,
         sum(coalesce(margin, 0) - coalesce(old_margin, 0))::bigint AS margin,
         sum(discount - coalesce(old_discount, 0))::bigint AS discount,
         sum(returns - coalesce(old_returns, 0))::bigint AS returns, bool_or(receded) AS receded,
         min(first_at) AS first_at, max(last_at) AS last_at,
         (array_agg(last_store ORDER BY last_at DESC, last_store COLLATE "C" DESC)
            FILTER (WHERE last_at IS NOT NULL))[1] AS last_store
  FROM change GROUP BY customer_id
),
held AS MATERIALIZED (
  SELECT f.* FROM total t
  CROSS JOIN LATERAL (SELECT * FROM customer_figures f WHERE f.customer_id = t.customer_id OFFSET 0) f
),
-- A customer of whom a day recedes: look through all days. This query sees the days as they were before it.
ends AS MATERIALIZED (
  SELECT customer_id, min(first_at) AS first_at, max(last_at) AS last_at,
         (array_agg(last_store ORDER BY last_at DESC, last_store COLLATE "C" DESC)
            FILTER (WHERE last_at IS NOT NULL))[1] AS last_store
  FROM (
    SELECT d.customer_id, d.first_purchase_at AS first_at, d.last_purchase_at AS last_at, d.last_store
    FROM total t JOIN customer_days d ON d.customer_id = t.customer_id
    WHERE t.receded AND NOT EXISTS (
      SELECT FROM change c WHERE c.customer_id = d.customer_id AND c.business_date = d.business_date)
    UNION ALL
    SELECT c.customer_id, c.first_at, c.last_at, c.last_store
    FROM change c JOIN total t ON t.customer_id = c.customer_id WHERE t.receded
  ) day GROUP BY customer_id
),
"""

# `before` and `after` are the nearest occasions around the days that flip; mostly the last one, which the figures know.
# The gaps between them are counted with sign -1 as they were and with +1 as they are.
_RHYTHM = """
flip AS MATERIALIZED (
  SELECT customer_id, business_date, is_occasion FROM change WHERE was_occasion <> is_occasion
),
span AS MATERIALIZED (
  SELECT f.*,
         CASE WHEN h.last_occasion IS NULL OR h.first_occasion >= f.first_day THEN NULL
              WHEN h.last_occasion < f.first_day THEN h.last_occasion
              ELSE (SELECT d.business_date FROM customer_days d
                    WHERE d.customer_id = f.customer_id AND d.business_date < f.first_day AND d.net > 0
                    ORDER BY d.business_date DESC LIMIT 1) END AS before,
         CASE WHEN h.last_occasion IS NULL OR h.last_occasion <= f.last_day THEN NULL
              WHEN h.first_occasion > f.last_day THEN h.first_occasion
              ELSE (SELECT d.business_date FROM customer_days d
                    WHERE d.customer_id = f.customer_id AND d.business_date > f.last_day AND d.net > 0
                    ORDER BY d.business_date LIMIT 1) END AS after
  FROM (SELECT customer_id, min(business_date) AS first_day, max(business_date) AS last_day,
               bool_and(is_occasion) AS only_new
        FROM flip GROUP BY customer_id) f
  LEFT JOIN held h ON h.customer_id = f.customer_id
),
between_them AS MATERIALIZED (
  SELECT d.customer_id, d.business_date
  FROM span s
  JOIN customer_days d
    ON d.customer_id = s.customer_id AND d.net > 0 AND d.business_date BETWEEN s.first_day AND s.last_day
  WHERE s.first_day < s.last_day OR NOT s.only_new
),
gap AS (
  SELECT customer_id, business_date, sign,
         business_date - lag(business_date) OVER (PARTITION BY customer_id, sign ORDER BY business_date) AS days
  FROM (
    SELECT customer_id, before AS business_date, sign FROM span CROSS JOIN (VALUES (-1), (1)) both_signs(sign)
    WHERE before IS NOT NULL
    UNION ALL
    SELECT customer_id, after, sign FROM span CROSS JOIN (VALUES (-1), (1)) both_signs(sign) WHERE after IS NOT NULL
    UNION ALL
    SELECT customer_id, business_date, -1 FROM between_them
    UNION ALL
    (SELECT customer_id, business_date, 1 FROM between_them
     EXCEPT SELECT customer_id, business_date, 1 FROM flip WHERE NOT is_occasion)
    UNION ALL
    SELECT customer_id, business_date, 1 FROM flip WHERE is_occasion
  ) occasion
),
rhythm AS MATERIALIZED (
  SELECT customer_id, sum(sign)::bigint AS occasions, coalesce(sum(sign * days), 0)::bigint AS gap_sum,
         coalesce(sum(sign * days::bigint * days), 0)::bigint AS gap_square_sum,
         min(business_date) FILTER (WHERE sign = 1) AS first_occasion,
         max(business_date) FILTER (WHERE sign = 1) AS last_occasion
  FROM gap GROUP BY customer_id
),
"""

_SOLD = """
sold AS (
  SELECT e.customer_id, l.category, sum(e.sign * l.base_net)::bigint AS net, sum(e.sign)::bigint AS lines
  FROM effect e
  CROSS JOIN LATERAL (
    SELECT l.category, l.base_net FROM receipt_lines l
    WHERE l.customer_id = e.holder AND l.receipt_id = e.receipt_id AND l.category IS NOT NULL OFFSET 0
  ) l
  GROUP BY e.customer_id, l.category
),
"""

_MORE_SPENT = """
spent AS (
  INSERT INTO customer_categories AS c (customer_id, category, net, lines)
  SELECT customer_id, category, net, lines FROM sold
  ON CONFLICT (customer_id, category) DO UPDATE SET net = c.net + excluded.net, lines = c.lines + excluded.lines
  RETURNING new.customer_id, new.category, new.net, coalesce(new.net < old.net, false) AS fell
),
"""

# A receipt that ceases to count may leave a category without lines: it has no row then.
_SPENT_AGAIN = """
spent AS MATERIALIZED (
  SELECT s.customer_id, s.category, coalesce(c.net, 0) + s.net AS net, coalesce(c.lines, 0) + s.lines AS lines,
         s.net < 0 AS fell
  FROM sold s
  LEFT JOIN LATERAL (
    SELECT * FROM customer_categories c WHERE c.customer_id = s.customer_id AND c.category = s.category OFFSET 0
  ) c ON true
),
categories_kept AS (
  INSERT INTO customer_categories (customer_id, category, net, lines)
  SELECT customer_id, category, net, lines FROM spent WHERE lines > 0
  ON CONFLICT (customer_id, category) DO UPDATE SET net = excluded.net, lines = excluded.lines
),
categories_gone AS (
  DELETE FROM customer_categories c USING spent s
  WHERE s.lines = 0 AND c.customer_id = s.customer_id AND c.category = s.category
),
"""

_FAVOURITE = """
rival AS MATERIALIZED (
  SELECT customer_id, category, coalesce(max(fresh_net), max(net)) AS net,
         bool_or(is_favourite) AND bool_or(fell) AS lost
  FROM (
    SELECT customer_id, category, net AS fresh_net, NULL::bigint AS net, false AS is_favourite, fell FROM spent
    UNION ALL
    SELECT h.customer_id, h.favourite_category, NULL, c.net, true, false
    FROM held h CROSS JOIN LATERAL (
      SELECT net FROM customer_categories c
      WHERE c.customer_id = h.customer_id AND c.category = h.favourite_category OFFSET 0
    ) c
  ) one
  GROUP BY customer_id, category
),
-- Where the favourite fell, any other category may be the favourite now.
challenger AS (
  SELECT c.customer_id, c.category, c.net
  FROM rival r CROSS JOIN LATERAL (
    SELECT * FROM customer_categories c WHERE c.customer_id = r.customer_id OFFSET 0
  ) c
  WHERE r.lost AND (c.customer_id, c.category) NOT IN (SELECT customer_id, category FROM rival)
),
favourite AS MATERIALIZED (
  SELECT DISTINCT ON (customer_id) customer_id, category
  FROM (SELECT customer_id, category, net FROM rival UNION ALL TABLE challenger) one WHERE net > 0
  ORDER BY customer_id, net DESC, category COLLATE "C"
),
"""

_FIGURES = """
figures AS MATERIALIZED (
  SELECT t.customer_id, coalesce(h.receipts, 0) + t.receipts AS receipts,
         coalesce(h.occasions, 0) + coalesce(r.occasions, 0) AS occasions, coalesce(h.net, 0) + t.net AS net,
         coalesce(h.costed, 0) + t.costed AS costed,
         CASE WHEN coalesce(h.costed, 0) + t.costed > 0 THEN coalesce(h.margin, 0) + t.margin END AS margin,
         coalesce(h.discount, 0) + t.discount AS discount, coalesce(h.returns, 0) + t.returns AS returns,
         CASE WHEN t.receded THEN e.first_at ELSE least(h.first_purchase_at, t.first_at) END AS first_purchase_at,
         CASE WHEN t.receded THEN e.last_at ELSE greatest(h.last_purchase_at, t.last_at) END AS last_purchase_at,
         CASE WHEN t.receded THEN e.last_store
              WHEN t.last_at IS NULL OR t.last_at < h.last_purchase_at THEN h.last_store
              WHEN t.last_at = h.last_purchase_at THEN greatest(h.last_store COLLATE "C", t.last_store)
              ELSE t.last_store END AS last_store,
         coalesce(h.gap_sum, 0) + coalesce(r.gap_sum, 0) AS gap_sum,
         coalesce(h.gap_square_sum, 0) + coalesce(r.gap_square_sum, 0) AS gap_square_sum,
         CASE WHEN s.customer_id IS NOT NULL AND s.before IS NULL THEN r.first_occasion ELSE h.first_occasion END
           AS first_occasion,
         CASE WHEN s.customer_id IS NOT NULL AND s.after IS NULL THEN r.last_occasion ELSE h.last_occasion END
           AS last_occasion,
         v.category AS favourite_category
  FROM total t
  LEFT JOIN held h ON h.customer_id = t.customer_id
  LEFT JOIN ends e ON e.customer_id = t.customer_id
  LEFT JOIN span s ON s.customer_id = t.customer_id
  LEFT JOIN rhythm r ON r.customer_id = t.customer_id
  LEFT JOIN favourite v ON v.customer_id = t.customer_id
),
figures_gone AS (
  DELETE FROM customer_figures f USING figures n WHERE n.receipts = 0 AND f.customer_id = n.customer_id
  RETURNING f.customer_id, f.net
),
figures_kept AS (
INSERT INTO customer_figures (
  customer_id, receipts, occasions, net, costed, margin, discount, returns, first_purchase_at, last_purchase_at,
  last_store, gap_sum, gap_square_sum, first_occasion, last_occasion, favourite_category)
SELECT
  customer_id, receipts, occasions, net, costed, margin, discount, returns, first_purchase_at, last_purchase_at,
  last_store, gap_sum, gap_square_sum, first_occasion, last_occasion, favourite_category
FROM figures WHERE receipts > 0
ON CONFLICT (customer_id) DO UPDATE SET
  receipts = excluded.receipts, occasions = excluded.occasions, net = excluded.net, costed = excluded.costed,
  margin = excluded.margin, discount = excluded.discount, returns = excluded.returns,
  first_purchase_at = excluded.first_purchase_at, last_purchase_at = excluded.last_purchase_at,
  last_store = excluded.last_store, gap_sum = excluded.gap_sum, gap_square_sum = excluded.gap_square_sum,
  first_occasion = excluded.first_occasion, last_occasion = excluded.last_occasion,
  favourite_category = excluded.favourite_category
RETURNING new.customer_id, coalesce(old.net, 0) AS before, new.net, new.last_occasion
)
SELECT customer_id, before, net, last_occasion FROM figures_kept WHERE before <> net
UNION ALL SELECT customer_id, net, 0, NULL FROM figures_gone WHERE net <> 0
"""


def _statement(rows: Rows, *, only_new: bool) -> Executable:
    parts = [
        _FRESH, "" if only_new else _DAYS_GONE, _CHANGE, _RHYTHM, _SOLD, _MORE_SPENT if only_new else _SPENT_AGAIN,
        _FAVOURITE, _FIGURES,
    ]  # fmt: skip
    sql = "".join(parts).replace("@effects@", source(_EFFECT, "effect", rows))
    sql = sql.replace("@now_and_before@", _NOW_AND_BEFORE)
    return text(sql.replace("@and_gone@", "" if only_new else "UNION ALL TABLE days_gone"))


_ONE_NEW, _MANY_NEW = _statement(Rows.ONE, only_new=True), _statement(Rows.MANY, only_new=True)
_ANY = _statement(Rows.FEW, only_new=False)


class Effect(NamedTuple):
    """A receipt that has begun (`sign` 1) or ceased (-1) to count for a customer.

    `holder` is whose the receipt's rows are now. Ids are text.
    """

    customer_id: str
    holder: str
    receipt_id: str
    business_date: date
    sign: int


class Moved(NamedTuple):
    """A customer whose net spend has changed: what it was and is, and the last occasion, if there is one now."""

    customer_id: uuid.UUID
    before: int
    net: int
    last_occasion: date | None


async def count_receipts(tx: Tx, effects: Sequence[Effect]) -> list[Moved]:
    """Bring days, categories and figures of the effects' customers up to date with the receipts as they are now.

    The customers are locked (`write_receipts`, `lock_customers`) and none of them is a walk-in. Answers whose net spend
    has changed.
    """
    if not effects:
        return []
    statement, rows = _ANY, Rows.FEW
    if all(effect.sign > 0 for effect in effects):
        statement, rows = (_MANY_NEW, Rows.MANY) if len(effects) > 1 else (_ONE_NEW, Rows.ONE)
    found = await tx.rows(statement, bound("effect", literals(_EFFECT, effects), len(effects), rows))
    return [Moved(*row) for row in found]
