"""How far plans and budgets have come, as SQL, which measures any number of them in one statement. Pure.

The forecast is what has come of a plan so far over the share of it that is normally earned by the end of this day. Over
a period, or over each month of a phased plan, sales lie as they usually do over a week: in the customer's home store;
where that has too little history, in the company; where that has none either, equally on all days.
"""

from functools import cache

from app.credit.kinds import PlanKind
from app.credit.models import COMPANY_SHAPE

# A Monday before every period: so many weeks after it a weekday has come so many times.
_MONDAY = "DATE '1800-01-06'"
_CALENDAR = "ARRAY[1, 1, 1, 1, 1, 1, 1]"
# A forecast from nearly nothing may be more than any number holds.
_MOST = 10**18
_SOLD = """
  SELECT sum(d.net) AS amount FROM customer_days d
  WHERE d.customer_id = p.customer_id AND d.business_date BETWEEN p.starts_on AND least(p.ends_on, now_at.today)"""


def _spent(spending: str) -> str:
    return f"""
  SELECT sum(e.amount) AS amount FROM ({spending}) e
  WHERE e.customer_id = p.customer_id AND e.occurred_on BETWEEN p.starts_on AND least(p.ends_on, now_at.today)"""


def _weekdays(first: str, last: str) -> str:
    """How often `w.weekday` (1 for Monday) comes from one day to another, both inclusive."""
    monday = f"({_MONDAY} + w.weekday::int - 1)"
    return f"((({last}) - {monday}) / 7 - (({first}) - 1 - {monday}) / 7)"


def _over(part: str, whole: str) -> str:
    """A whole number over another one above zero, rounded half away from zero, exactly."""
    found = f"sign({part}) * div(2 * abs({part}) + ({whole}), 2 * ({whole}))"
    return f"greatest(-{_MOST}, least({_MOST}, {found}))::bigint"


@cache
def measured(kind: PlanKind, spending: str = "") -> str:
    """SQL of the plans of a kind with how far each has come on :today.

    To the columns of the table it adds `reached`, `share`, `normal_share` (both in ten thousandths), `expected`,
    `forecast` and `shape`. `spending` is a SELECT of what was spent (customer_id, occurred_on, amount), for budgets.
    Narrow it by a condition on `p`, the table, or `c`, the customers: `f"{measured(...)} WHERE p.customer_id = :one"`.
    """
    weights = f"coalesce(own.weights, company.weights, {_CALENDAR})" if kind.traded else _CALENDAR
    shape = (
        "CASE WHEN own.store IS NOT NULL THEN 'store' WHEN company.store IS NOT NULL THEN 'company' ELSE 'calendar' END"
    )
    # OFFSET 0: a part is computed once, and not copied into every place that reads it.
    return f"""
SELECT p.*, now_at.today, coalesce(so_far.amount, 0)::bigint AS reached,
       {shape if kind.traded else "'calendar'"} AS shape,
       CASE WHEN p.planned > 0 THEN {_over("coalesce(so_far.amount, 0) * 10000", "p.planned::numeric")} END AS share,
       {_over("normal.part * 10000", "normal.whole")} AS normal_share,
       {_over("p.planned * normal.part", "normal.whole")} AS expected,
       CASE WHEN normal.part > 0
            THEN {_over("coalesce(so_far.amount, 0) * normal.whole", "normal.part")} END AS forecast
FROM {kind.table} p
JOIN customers c ON c.id = p.customer_id
CROSS JOIN LATERAL (SELECT CAST(:today AS date) AS today) now_at
LEFT JOIN weekday_shapes own ON own.store = c.home_store
LEFT JOIN weekday_shapes company ON company.store = '{COMPANY_SHAPE}'
CROSS JOIN LATERAL (
  SELECT least(greatest(now_at.today, p.starts_on), p.ends_on) AS day, p.phases IS NOT NULL AND p.planned > 0 AS phased
) reach
CROSS JOIN LATERAL (
  SELECT CASE WHEN reach.phased THEN reach.day - extract(day FROM reach.day)::int + 1 ELSE p.starts_on END AS first,
         CASE WHEN reach.phased THEN (date_trunc('month', reach.day::timestamp) + interval '1 month')::date - 1
              ELSE p.ends_on END AS last,
         (extract(month FROM reach.day) - extract(month FROM p.starts_on))::int AS months_before
  OFFSET 0
) stretch
CROSS JOIN LATERAL (
  SELECT sum(w.weight * {_weekdays("stretch.first", "reach.day")})::numeric AS part,
         sum(w.weight * {_weekdays("stretch.first", "stretch.last")})::numeric AS whole
  FROM unnest({weights}) WITH ORDINALITY w(weight, weekday)
) lain
CROSS JOIN LATERAL (
  SELECT CASE WHEN now_at.today < p.starts_on THEN 0::numeric
              WHEN NOT reach.phased THEN lain.part
              ELSE lain.whole * (SELECT coalesce(sum(one), 0) FROM unnest(p.phases[1 : stretch.months_before]) one)
                   + lain.part * p.phases[stretch.months_before + 1] END AS part,
         CASE WHEN reach.phased THEN lain.whole * p.planned ELSE lain.whole END AS whole
  OFFSET 0
) normal
LEFT JOIN LATERAL ({_SOLD if kind.traded else _spent(spending)}) so_far ON true"""
