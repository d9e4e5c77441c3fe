"""How sales usually lie over a week, fitted anew once a day."""

import uuid
from datetime import date

from sqlalchemy import text

from app.core.db import Tx
from app.core.jobs import enqueue_once
from app.credit.models import COMPANY_SHAPE

FIT_SHAPES = "credit.shapes"
_DAILY = uuid.UUID("0c8a4be0-51c5-4a0c-9a37-6f0c63a9d1f2")
# Of so many whole weeks before today, as far as there are any.
LEAST_WEEKS, MOST_WEEKS = 4, 52

_GONE = text("DELETE FROM weekday_shapes")
_FITTED = text(
    f"""
WITH sold AS MATERIALIZED (
  SELECT d.last_store AS store, d.business_date AS day, sum(d.net) AS net FROM customer_days d
  WHERE d.business_date >= CAST(:today AS date) - {7 * MOST_WEEKS} AND d.business_date < CAST(:today AS date)
  GROUP BY 1, 2
),
every AS MATERIALIZED (
  SELECT store, day, net FROM sold WHERE store IS NOT NULL
  UNION ALL SELECT '{COMPANY_SHAPE}', day, sum(net) FROM sold GROUP BY day
),
span AS MATERIALIZED (SELECT store, (CAST(:today AS date) - min(day)) / 7 AS weeks FROM every GROUP BY store),
earned AS MATERIALIZED (
  SELECT e.store, s.weeks, extract(isodow FROM e.day)::int AS weekday, greatest(0, sum(e.net)) AS net
  FROM every e JOIN span s ON s.store = e.store
  WHERE s.weeks >= {LEAST_WEEKS} AND e.day >= CAST(:today AS date) - 7 * s.weeks GROUP BY 1, 2, 3
),
total AS (SELECT store, weeks, sum(net) AS net FROM earned GROUP BY 1, 2 HAVING sum(net) > 0)
INSERT INTO weekday_shapes (store, fitted_at, as_of, weeks, weights)
SELECT t.store, :now, CAST(:today AS date), t.weeks,
       array_agg(round(1000000 * coalesce(e.net, 0) / t.net)::int ORDER BY w.weekday)
FROM total t CROSS JOIN generate_series(1, 7) AS w(weekday)
LEFT JOIN earned e ON e.store = t.store AND e.weekday = w.weekday
GROUP BY t.store, t.weeks ORDER BY t.store
"""
)


async def fit_shapes(tx: Tx, today: date) -> int:
    """Fit the shape of every store and of the company to what was sold before today; how many there are.

    A store (or the company) that has sold for less than 4 weeks has none, nor has one that took more back than it sold.
    """
    await tx.execute(_GONE)
    return (await tx.execute(_FITTED, {"today": today, "now": tx.now})).rowcount


async def enqueue_daily_fit(tx: Tx, today: date) -> None:
    """Have the shapes fitted once a day, however often and wherever it is asked for."""
    job_id = uuid.uuid5(_DAILY, today.isoformat())
    await enqueue_once(tx, FIT_SHAPES, {}, tx.caller.client_id, job_id)
