"""Counting receipts into days, categories and figures of their customers: one statement, however many.

Days are derived again from the receipts of just these days. Figures change by what these days and categories changed, and
gaps between occasions are measured again only between the neighbours of days that became or ceased to be occasions. So late,
repeated and out-of-order receipts come out as if they had come in order, at a cost that does not grow with the history.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import Executable, text

from app.core.db import Tx
from app.receipts.columns import bound, literals, source

_EFFECT = (
    ("customer_id", "uuid"), ("holder", "uuid"), ("receipt_id", "uuid"), ("business_date", "date"), ("sign", "int"),
)  # fmt: skip

_DAYS = """
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
  LEFT JOIN receipts r
    ON r.customer_id = t.customer_id AND r.business_date = t.business_date AND r.voided_at IS NULL
  GROUP BY t.customer_id, t.business_date
),
change AS MATERIALIZED (
  SELECT f.*, coalesce(d.receipts, 0) AS old_receipts, coalesce(d.net, 0) AS old_net, coalesce(d.costed, 0) AS old_costed,
         coalesce(d.margin, 0) AS old_margin, coalesce(d.discount, 0) AS old_discount,
         coalesce(d.returns, 0) AS old_returns,
         d.first_purchase_at IS NOT NULL AND (
           f.first_at IS NULL OR f.first_at > d.first_purchase_at OR f.last_at < d.last_purchase_at
           OR (f.last_at = d.last_purchase_at AND f.last_store COLLATE "C" < d.last_store)) AS receded,
         coalesce(d.net > 0, false) AS was_occasion, f.net > 0 AS is_occasion
  FROM fresh f
  LEFT JOIN customer_days d ON d.customer_id = f.customer_id AND d.business_date = f.business_date
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
),
days_gone AS (
  DELETE FROM customer_days d USING fresh f
  WHERE f.receipts = 0 AND d.customer_id = f.customer_id AND d.business_date = f.business_date
),
total AS MATERIALIZED (
  SELECT customer_id, sum(receipts - old_receipts)::bigint AS receipts, sum(net - old_net)::bigint AS net,
         sum(costed - old_costed)::bigint AS costed, sum(coalesce(margin, 0) - old_margin)::bigint AS margin,
         sum(discount - old_discount)::bigint AS discount, sum(returns - old_returns)::bigint AS returns,
         bool_or(receded) AS receded, min(first_at) AS first_at, max(last_at) AS last_at,
         (array_agg(last_store ORDER BY last_at DESC, last_store COLLATE "C" DESC)
            FILTER (WHERE last_at IS NOT NULL))[1] AS last_store
  FROM change GROUP BY customer_id
),
"""

# A customer whose touched days lost their first or last purchase: look through all of the customer's days.
_ENDS = """
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

# Statements of one query see the days as they were: `around` are the occasions so far between the neighbours, counted with
# sign -1; the same days after the flips count with +1.
_RHYTHM = """
flip AS MATERIALIZED (
  SELECT customer_id, business_date, is_occasion FROM change WHERE was_occasion <> is_occasion
),
span AS MATERIALIZED (
  SELECT f.customer_id, f.first_day, f.last_day,
         (SELECT d.business_date FROM customer_days d
          WHERE d.customer_id = f.customer_id AND d.business_date < f.first_day AND d.net > 0
          ORDER BY d.business_date DESC LIMIT 1) AS before,
         (SELECT d.business_date FROM customer_days d
          WHERE d.customer_id = f.customer_id AND d.business_date > f.last_day AND d.net > 0
          ORDER BY d.business_date LIMIT 1) AS after
  FROM (SELECT customer_id, min(business_date) AS first_day, max(business_date) AS last_day FROM flip
        GROUP BY customer_id) f
),
around AS MATERIALIZED (
  SELECT d.customer_id, d.business_date
  FROM span s
  JOIN customer_days d ON d.customer_id = s.customer_id AND d.net > 0
   AND d.business_date BETWEEN coalesce(s.before, s.first_day) AND coalesce(s.after, s.last_day)
),
occasion AS (
  SELECT customer_id, business_date, -1 AS sign FROM around
  UNION ALL
  SELECT customer_id, business_date, 1 FROM (
    SELECT customer_id, business_date FROM around
    EXCEPT SELECT customer_id, business_date FROM flip WHERE NOT is_occasion
  ) stays
  UNION ALL
  SELECT customer_id, business_date, 1 FROM flip WHERE is_occasion
),
gap AS (
  SELECT customer_id, business_date, sign,
         business_date - lag(business_date) OVER (PARTITION BY customer_id, sign ORDER BY business_date) AS days
  FROM occasion
),
rhythm AS MATERIALIZED (
  SELECT customer_id, sum(sign)::bigint AS occasions, coalesce(sum(sign * days), 0)::bigint AS gap_sum,
         coalesce(sum(sign * days::bigint * days), 0)::bigint AS gap_square_sum,
         min(business_date) FILTER (WHERE sign = 1) AS first_occasion,
         max(business_date) FILTER (WHERE sign = 1) AS last_occasion
  FROM gap GROUP BY customer_id
),
"""

_CATEGORIES = """
sold AS (
  SELECT e.customer_id, l.category, sum(e.sign * l.base_net)::bigint AS net, sum(e.sign)::bigint AS lines
  FROM effect e JOIN receipt_lines l ON l.customer_id = e.holder AND l.receipt_id = e.receipt_id
  WHERE l.category IS NOT NULL
  GROUP BY e.customer_id, l.category
),
spent AS MATERIALIZED (
  SELECT s.customer_id, s.category, coalesce(c.net, 0) + s.net AS net, coalesce(c.lines, 0) + s.lines AS lines,
         s.net < 0 AS fell
  FROM sold s
  LEFT JOIN customer_categories c ON c.customer_id = s.customer_id AND c.category = s.category
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
held AS MATERIALIZED (
  SELECT f.* FROM total t JOIN customer_figures f ON f.customer_id = t.customer_id
),
best AS MATERIALIZED (
  SELECT h.customer_id, h.favourite_category AS category, s.fell
  FROM held h LEFT JOIN spent s ON s.customer_id = h.customer_id AND s.category = h.favourite_category
  WHERE h.favourite_category IS NOT NULL
),
rival AS (
  SELECT customer_id, category, net FROM spent
  UNION ALL
  SELECT c.customer_id, c.category, c.net
  FROM best b JOIN customer_categories c ON c.customer_id = b.customer_id AND c.category = b.category
  WHERE b.fell IS NULL
  UNION ALL
  -- The favourite fell: any other category may be the favourite now.
  SELECT c.customer_id, c.category, c.net
  FROM best b JOIN customer_categories c ON c.customer_id = b.customer_id
  WHERE b.fell AND NOT EXISTS (
    SELECT FROM spent s WHERE s.customer_id = c.customer_id AND s.category = c.category)
),
favourite AS MATERIALIZED (
  SELECT DISTINCT ON (customer_id) customer_id, category FROM rival WHERE net > 0
  ORDER BY customer_id, net DESC, category COLLATE "C"
),
"""

_FIGURES = """
now_held AS MATERIALIZED (
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
  DELETE FROM customer_figures f USING now_held n WHERE n.receipts = 0 AND f.customer_id = n.customer_id
)
INSERT INTO customer_figures (
  customer_id, receipts, occasions, net, costed, margin, discount, returns, first_purchase_at, last_purchase_at,
  last_store, gap_sum, gap_square_sum, first_occasion, last_occasion, favourite_category)
SELECT
  customer_id, receipts, occasions, net, costed, margin, discount, returns, first_purchase_at, last_purchase_at,
  last_store, gap_sum, gap_square_sum, first_occasion, last_occasion, favourite_category
FROM now_held WHERE receipts > 0
ON CONFLICT (customer_id) DO UPDATE SET
  receipts = excluded.receipts, occasions = excluded.occasions, net = excluded.net, costed = excluded.costed,
  margin = excluded.margin, discount = excluded.discount, returns = excluded.returns,
  first_purchase_at = excluded.first_purchase_at, last_purchase_at = excluded.last_purchase_at,
  last_store = excluded.last_store, gap_sum = excluded.gap_sum, gap_square_sum = excluded.gap_square_sum,
  first_occasion = excluded.first_occasion, last_occasion = excluded.last_occasion,
  favourite_category = excluded.favourite_category
"""

_COUNT = _DAYS + _ENDS + _RHYTHM + _CATEGORIES + _FIGURES


def _statement(*, many: bool) -> Executable:
    return text(_COUNT.replace("@effects@", source(_EFFECT, many=many, name="effect")))


_ONE, _MANY = _statement(many=False), _statement(many=True)


class Effect(NamedTuple):
    """A receipt that has begun (`sign` 1) or ceased (-1) to count for a customer.

    `holder` is whose the receipt's rows are now. Ids are text.
    """

    customer_id: str
    holder: str
    receipt_id: str
    business_date: date
    sign: int


async def count_receipts(tx: Tx, effects: Sequence[Effect]) -> None:
    """Bring days, categories and figures of the effects' customers up to date with the receipts as they are now.

    The customers are locked (`write_receipts`, `lock_customers`) and none of them is a walk-in.
    """
    if not effects:
        return
    many = len(effects) > 2  # noqa: PLR2004  a receipt that moves has two effects
    values = bound("effect", literals(_EFFECT, effects), len(effects), many=many)
    await tx.execute(_MANY if many else _ONE, values)
