"""Judging plans and expenses: how far they have come is what their own answers say (`credit.progress`)."""

from app.credit.kinds import EXPENSE_BUDGET, SALES_PLAN
from app.credit.progress import measured
from app.credit.queries import spent
from app.early_warning.queries.parts import Part, Parts, Scope, narrowed
from app.engagement.queries import COSTS

# All that is spent on customers; takes :zone.
SPENDING = spent(COSTS)
# How many days before the last ones say what is usual.
_USUAL_DAYS = 365
_TODAY = "CAST(:today AS date)"
# What the three periods that today is in are called; their text is that of a plan.
_PERIODS = f"""(VALUES ('month', to_char({_TODAY}, 'YYYY-MM')), ('quarter', to_char({_TODAY}, 'YYYY-"Q"Q')),
                       ('year', to_char({_TODAY}, 'YYYY'))) AS span(name, period)"""
_NOW_PLANNED = f"p.period IN (SELECT span.period FROM {_PERIODS})"


def _planned(scope: Scope, table: str) -> str:
    return f"SELECT p.customer_id {scope.among('everybody', table, 'p')} AND {_NOW_PLANNED}"


def _of_today(scope: Scope, plans: str) -> Part:
    """The plans of the scope for the periods that today is in. A part of its own, so that each is measured once.

    Whoever has one in a stretch is in its scope. Other scopes are read as an array, by which the plans are looked up
    before they are measured; a join may measure all plans first.
    """
    some = "p.customer_id = ANY (ARRAY(SELECT customer_id FROM scope))"
    which = f"true{scope.also('p.customer_id')}{scope.also('c.id')}" if scope.low else some
    return "of_today", f"{plans} WHERE {which} AND {_NOW_PLANNED}"


_NUMBERS = "m.planned, m.reached, m.normal_share, m.expected, m.forecast, m.starts_on, m.ends_on"

_SALES_MEASURED: Part = (
    "measured",
    f"""
  SELECT c.customer_id, span.name || '_plan' AS subject, span.period AS episode, {_NUMBERS}, m.shape
  FROM scope c CROSS JOIN {_PERIODS}
  LEFT JOIN of_today m ON m.customer_id = c.customer_id AND m.period = span.period""",
)
# Compared as numeric: a hundred times a large plan does not fit 64 bits.
_SALES_JUDGED: Part = (
    "judged",
    f"""
  SELECT m.customer_id, m.subject, m.episode, true AS fresh, NULL::bigint AS amount,
         CASE WHEN NOT rule.enabled OR coalesce(m.planned, 0) = 0 OR m.forecast IS NULL
                OR m.normal_share < rule.from_percent * 100 THEN NULL
              WHEN m.forecast::numeric * 100 < m.planned::numeric * (100 - (
                CASE WHEN {_TODAY} - m.starts_on < rule.early_days
                     THEN greatest(rule.tolerance_percent, rule.early_tolerance_percent)
                     ELSE rule.tolerance_percent END))
                THEN CASE WHEN m.forecast::numeric * 100 < m.planned::numeric * (100 - rule.critical_percent)
                          THEN 'far_behind' ELSE 'behind' END END AS state
  FROM measured m JOIN rule ON rule.customer_id = m.customer_id""",
)
SALES_EVIDENCE = """
  jsonb_build_object('period', m.episode, 'planned', m.planned, 'actual', m.reached, 'expected', m.expected,
    'forecast', m.forecast, 'shape', m.shape, 'currency', CAST(:currency AS text))"""


def sales(scope: Scope) -> Parts:
    """The parts from `rule` to `judged` of the rule on plans."""
    return _of_today(scope, measured(SALES_PLAN)), _SALES_MEASURED, _SALES_JUDGED


def planned_for(scope: Scope) -> Parts:
    """Who has a plan for a period that today is in, or was warned of one."""
    return narrowed(scope, "sales_progress", _planned(scope, "sales_plans"))


_MONTH = f"date_trunc('month', {_TODAY}::timestamp)"
# Days that no answer of today needs are not read: the usual days before the longest last ones.
_READ_DAYS = 365 + _USUAL_DAYS


def _money(scope: Scope) -> Part:
    return (
        "money",
        f"""
  SELECT e.customer_id, e.occurred_on, sum(e.amount) AS amount {scope.among("everybody", f"({SPENDING})", "e")}
    AND e.occurred_on > {_TODAY} - {_READ_DAYS} AND e.occurred_on <= {_TODAY}
  GROUP BY e.customer_id, e.occurred_on""",
    )


_LATELY, _BEFORE = (
    f"{{0}} > {_TODAY} - rule.share_days",
    f"{{0}} <= {_TODAY} - rule.share_days AND {{0}} > {_TODAY} - rule.share_days - {_USUAL_DAYS}",
)


def _month(ago: int) -> str:
    """What a whole month cost, so many months ago."""
    first, last = (f"({_MONTH} - interval '{months} month')::date" for months in (ago, ago - 1))
    return f"coalesce(sum(e.amount) FILTER (WHERE e.occurred_on >= {first} AND e.occurred_on < {last}), 0)::bigint"


_COSTS: Part = (
    "costs",
    f"""
  SELECT e.customer_id, {_month(1)} AS month_1, {_month(2)} AS month_2, {_month(3)} AS month_3,
         coalesce(sum(e.amount) FILTER (WHERE {_LATELY.format("e.occurred_on")}), 0)::bigint AS lately,
         coalesce(sum(e.amount) FILTER (WHERE {_BEFORE.format("e.occurred_on")}), 0)::bigint AS usual
  FROM money e JOIN rule ON rule.customer_id = e.customer_id GROUP BY e.customer_id""",
)
# Net sales are only read where something is spent and was before.
_NET: Part = (
    "net",
    f"""
  SELECT c.customer_id, n.lately, n.usual
  FROM costs c JOIN rule ON rule.customer_id = c.customer_id
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(d.net) FILTER (WHERE {_LATELY.format("d.business_date")}), 0)::bigint AS lately,
           coalesce(sum(d.net) FILTER (WHERE {_BEFORE.format("d.business_date")}), 0)::bigint AS usual
    FROM customer_days d
    WHERE d.customer_id = c.customer_id AND d.business_date > {_TODAY} - {_READ_DAYS} AND d.business_date <= {_TODAY}
  ) n WHERE c.lately > 0 AND c.usual > 0""",
)
_COSTS_MEASURED: Part = (
    "measured",
    f"""
  SELECT c.customer_id, span.name || '_budget' AS subject, span.period AS episode, {_NUMBERS}, NULL::bigint AS lately,
         NULL::bigint AS usual, NULL::bigint AS net_lately, NULL::bigint AS net_usual, NULL::bigint[] AS months
  FROM scope c CROSS JOIN {_PERIODS}
  LEFT JOIN of_today m ON m.customer_id = c.customer_id AND m.period = span.period
  UNION ALL
  SELECT c.customer_id, about.subject,
         CASE about.subject WHEN 'cost_share' THEN '' ELSE to_char({_MONTH} - interval '1 month', 'YYYY-MM') END,
         NULL, NULL, NULL, NULL, NULL, NULL, NULL, coalesce(k.lately, 0), coalesce(k.usual, 0), coalesce(n.lately, 0),
         coalesce(n.usual, 0),
         ARRAY[coalesce(k.month_3, 0), coalesce(k.month_2, 0), coalesce(k.month_1, 0)]::bigint[]
  FROM scope c CROSS JOIN (VALUES ('cost_share'), ('cost_trend')) AS about(subject)
  LEFT JOIN costs k ON k.customer_id = c.customer_id LEFT JOIN net n ON n.customer_id = c.customer_id""",
)
_COSTS_JUDGED: Part = (
    "judged",
    """
  SELECT m.customer_id, m.subject, m.episode, true AS fresh, m.reached AS amount,
         CASE WHEN NOT rule.enabled THEN NULL
              WHEN m.subject = 'cost_share' THEN
                CASE WHEN m.lately > 0 AND m.usual > 0 AND m.net_usual > 0 AND (m.net_lately <= 0
                       OR m.lately::numeric * m.net_usual * 100 > m.usual::numeric * m.net_lately
                          * rule.share_factor_percent) THEN 'share_climbing' END
              WHEN m.subject = 'cost_trend' THEN
                CASE WHEN m.months[1] > 0 AND m.months[2] > m.months[1] AND m.months[3] > m.months[2]
                       AND m.months[3]::numeric * 100 >= m.months[1]::numeric * (100 + rule.trend_percent)
                     THEN 'costs_climbing' END
              WHEN m.reached::numeric * 100 > m.planned::numeric * rule.budget_percent THEN 'above_budget'
              WHEN m.normal_share >= rule.forecast_from_percent * 100
                AND m.forecast::numeric * 100 > m.planned::numeric * rule.budget_percent THEN 'forecast_above_budget'
         END AS state
  FROM measured m JOIN rule ON rule.customer_id = m.customer_id""",
)
COSTS_EVIDENCE = """
  CASE m.subject
    WHEN 'cost_share' THEN jsonb_build_object('days', rule.share_days, 'spent', m.lately, 'net', m.net_lately,
      'usual_spent', m.usual, 'usual_net', m.net_usual, 'currency', CAST(:currency AS text))
    WHEN 'cost_trend' THEN jsonb_build_object('month', m.episode, 'months', to_jsonb(m.months),
      'currency', CAST(:currency AS text))
    ELSE jsonb_build_object('period', m.episode, 'planned', m.planned, 'spent', m.reached, 'forecast', m.forecast,
      'currency', CAST(:currency AS text)) END"""


def expense(scope: Scope) -> Parts:
    """The parts from `rule` to `judged` of the rule on expenses."""
    return _COSTS, _NET, _of_today(scope, measured(EXPENSE_BUDGET, SPENDING)), _COSTS_MEASURED, _COSTS_JUDGED


def spent_on(scope: Scope) -> Parts:
    """Who has a budget for a period that today is in, or cost something lately, or was warned of."""
    some = (_planned(scope, "expense_budgets"), "SELECT customer_id FROM money")
    return narrowed(scope, "sales_expense", *some, before=(_money(scope),))
