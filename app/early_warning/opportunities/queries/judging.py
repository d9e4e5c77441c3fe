"""Judging customers by the rules of opportunities: from a set of customers to what is to be done about each.

A statement is a chain of named parts (common table expressions), each reading those before it: `o_scope` are the
customers, `o_rule` the settings, `o_open` what is open, `o_judged` what the rule says, `o_plan` what is to be done. All
names begin with o_, so that a chain can stand in somebody else's statement. Parameters: `today` (the company's day),
`zone` (its time zone), `now`, and those of the scope.
"""

from collections.abc import Callable
from typing import Any

from app.early_warning.opportunities.queries.grading import grade_about_to_change
from app.early_warning.opportunities.queries.perceiving import no_value_perceived
from app.early_warning.opportunities.rules import DAYS_MAX, KINDS, OWN_RHYTHM, Kind, usual

Part = tuple[str, str]
Parts = tuple[Part, ...]

_IDS = "CAST(CAST(:customers AS text) AS uuid[])"
# Scopes: customers by their ids, a stretch of all, and those of whose figures a push has changed (with their net before
# and after it) who have passed an amount on the way.
BY_ID: Part = ("o_scope", f"SELECT DISTINCT unnest({_IDS}) AS customer_id")
STRETCH: Part = ("o_scope", "SELECT c.id AS customer_id FROM customers c WHERE c.id > :after AND c.id <= :upto")
PASSED: Part = (
    "o_scope",
    """SELECT m.*, (SELECT max(amount) FROM unnest(rule.amounts) AS amount
                    WHERE amount > m.before AND amount <= m.net) AS reached
       FROM ROWS FROM (unnest(CAST(CAST(:o_customers AS text) AS uuid[])), unnest(CAST(CAST(:o_before AS text) AS
         bigint[])), unnest(CAST(CAST(:o_net AS text) AS bigint[])), unnest(CAST(CAST(:o_last AS text) AS date[])))
         AS m(customer_id, before, net, last_on)
       CROSS JOIN o_rule rule
       WHERE EXISTS (SELECT FROM unnest(rule.amounts) AS amount
                     WHERE amount > least(m.before, m.net) AND amount <= greatest(m.before, m.net))""",
)


def _listed(name: str, kind: str, values: list[Any]) -> str:
    given = f"given.settings->'{name}'"
    usual_ones = ", ".join(f"'{one}'" if kind == "text" else str(one) for one in values)
    return (
        f"CASE WHEN {given} IS NULL THEN CAST(ARRAY[{usual_ones}] AS {kind}[])"
        f" ELSE ARRAY(SELECT one::{kind} FROM jsonb_array_elements_text({given}) AS one) END AS {name}"
    )


def _rule(kind: Kind) -> Part:
    """The settings of a rule in one row: as they were set, or as usual."""
    columns = []
    for name, value in usual(kind).items():
        given = f"(given.settings->>'{name}')"
        if name == "boundaries":
            columns.append("coalesce(given.settings->'boundaries', '[]') AS boundaries")
        elif isinstance(value, list):
            columns.append(_listed(name, "text" if name == "grades" else "bigint", value))
        elif isinstance(value, bool):
            columns.append(f"coalesce({given}::boolean, {str(value).lower()}) AS {name}")
        else:
            columns.append(f"coalesce({given}::int, {value}) AS {name}")
    found = f"(SELECT settings FROM opportunity_rules WHERE kind = '{kind}') AS settings"
    return "o_rule", f"SELECT {', '.join(columns)} FROM (SELECT {found}) given"


def _open(kind: Kind) -> Part:
    return (
        "o_open",
        f"""SELECT o.customer_id, o.id, o.subject, o.episode, o.value, o.expires_on, o.evidence
       FROM o_scope s JOIN opportunities o ON o.customer_id = s.customer_id
       WHERE o.kind = '{kind}' AND o.status = 'open'""",
    )


_WHO: Part = (
    "o_who",
    """SELECT c.id, c.birth_month, c.birth_day, c.birth_year, c.sponsor, c.grade,
              (c.created_at AT TIME ZONE :zone)::date AS created_on
       FROM o_scope s JOIN customers c ON c.id = s.customer_id
       WHERE c.kind IN ('person', 'business') AND c.status NOT IN ('merged', 'erased')""",
)
_TODAY = "CAST(:today AS date)"
# This year's day and the next one's: one of them may be near. Adding years makes the 29th of February the 28th.
_COMING = f"""(
  SELECT year, (first_day + make_interval(years => year - extract(year FROM first_day)::int))::date AS day
  FROM (VALUES (0), (1)) AS ahead(years), LATERAL (SELECT extract(year FROM {_TODAY})::int + ahead.years AS year) y)"""

_BIRTHDAY = f"""
SELECT who.customer_id, who.subject, near.day::text AS episode, true AS fresh, NULL::bigint AS value,
       near.day AS expires_on, NULL::text AS owner,
       jsonb_strip_nulls(jsonb_build_object('day', near.day, 'turns', near.year - who.birth_year,
                                            'contact_id', who.contact_id)) AS evidence
FROM (
  SELECT c.id AS customer_id, 'customer' AS subject, NULL::uuid AS contact_id, c.birth_year,
         make_date(2000, c.birth_month, 1) + (c.birth_day - 1) AS first_day
  FROM o_who c WHERE c.birth_month IS NOT NULL
  UNION ALL
  SELECT k.customer_id, k.id::text, k.id, k.birth_year, make_date(2000, k.birth_month, 1) + (k.birth_day - 1)
  FROM o_who c JOIN contacts k ON k.customer_id = c.id WHERE k.birth_month IS NOT NULL
) who
CROSS JOIN o_rule rule
CROSS JOIN LATERAL {_COMING} near
WHERE rule.enabled AND near.day BETWEEN {_TODAY} AND {_TODAY} + rule.days_before
  AND (who.birth_year IS NULL OR who.birth_year < near.year)"""

_ANNIVERSARY = f"""
SELECT who.customer_id, 'first_purchase' AS subject, near.day::text AS episode, true AS fresh, NULL::bigint AS value,
       near.day AS expires_on, NULL::text AS owner,
       jsonb_build_object('day', near.day, 'since', who.first_day, 'years', near.year - extract(year FROM who.first_day)
       ) AS evidence
FROM (SELECT c.id AS customer_id, f.first_occasion AS first_day
      FROM o_who c JOIN customer_figures f ON f.customer_id = c.id WHERE f.first_occasion IS NOT NULL) who
CROSS JOIN o_rule rule
CROSS JOIN LATERAL {_COMING} near
WHERE rule.enabled AND near.day BETWEEN {_TODAY} AND {_TODAY} + rule.days_before
  AND near.year - extract(year FROM who.first_day)::bigint = ANY (rule.years)"""

# Days on which a product was bought; what was sold as a one-off says nothing of a habit.
_DUE_TO_REBUY = f"""
SELECT b.customer_id, b.product AS subject, b.last_on::text AS episode, true AS fresh, b.value,
       b.last_on + b.gap + rule.keep_days AS expires_on, NULL::text AS owner,
       jsonb_strip_nulls(jsonb_build_object('product', b.product, 'name', b.name, 'last_on', b.last_on,
         'due_on', b.last_on + b.gap, 'gap_days', b.gap, 'times', b.times,
         'basis', CASE WHEN b.times >= {OWN_RHYTHM} THEN 'product_and_customer' ELSE 'product' END)) AS evidence
FROM (
  SELECT p.customer_id, p.product, p.name, p.times, p.last_on, p.value,
         CASE WHEN p.times < {OWN_RHYTHM} THEN p.replaced
              ELSE greatest(1, round(sqrt(p.replaced::float8 * (p.last_on - p.first_on) / (p.times - 1))))::int END
           AS gap
  FROM (
    SELECT d.customer_id, d.product, d.name, d.replaced, count(*) AS times, min(d.day) AS first_on,
           max(d.day) AS last_on, (array_agg(d.net ORDER BY d.day DESC))[1]::bigint AS value
    FROM (
      SELECT l.customer_id, l.product, p.name, least(p.replaces_after_days, {DAYS_MAX}) AS replaced,
             l.business_date AS day, sum(l.base_net) AS net
      FROM o_who c
      JOIN receipt_lines l ON l.customer_id = c.id AND l.quantity > 0
      JOIN products p ON p.code = l.product AND p.replaces_after_days IS NOT NULL
      JOIN receipts r ON r.customer_id = l.customer_id AND r.id = l.receipt_id
        AND r.kind = 'sale' AND r.voided_at IS NULL AND NOT r.one_off
      WHERE (SELECT enabled FROM o_rule)
      GROUP BY 1, 2, 3, 4, 5
    ) d GROUP BY 1, 2, 3, 4
  ) p
) b
CROSS JOIN o_rule rule
WHERE {_TODAY} BETWEEN b.last_on + b.gap - rule.days_before AND b.last_on + b.gap + rule.keep_days"""

_KEY_CUSTOMER_SILENT = f"""
SELECT k.customer_id, 'silence' AS subject, k.heard_on::text AS episode, true AS fresh, NULL::bigint AS value,
       NULL::date AS expires_on, NULL::text AS owner,
       jsonb_build_object('heard_on', k.heard_on, 'silent_days', {_TODAY} - k.heard_on, 'days', rule.days) AS evidence
FROM (
  SELECT c.id AS customer_id, greatest(
    c.created_on, f.last_occasion,
    (SELECT max(i.occurred_on) FROM interactions i WHERE i.customer_id = c.id AND i.reached),
    (SELECT (max(m.at) AT TIME ZONE :zone)::date FROM contact_log m WHERE m.customer_id = c.id AND m.reached)
  ) AS heard_on
  FROM o_who c
  CROSS JOIN o_rule rule
  LEFT JOIN customer_figures f ON f.customer_id = c.id
  WHERE rule.enabled AND (c.sponsor IS NOT NULL OR c.grade = ANY (rule.grades))
) k
CROSS JOIN o_rule rule
WHERE {_TODAY} - k.heard_on >= rule.days"""

# As `customers.fields.contact.cadence` has it.
_CONTACT_DUE = f"""
SELECT d.customer_id, 'contact' AS subject, d.due_on::text AS episode, true AS fresh, NULL::bigint AS value,
       NULL::date AS expires_on, NULL::text AS owner,
       jsonb_strip_nulls(jsonb_build_object('due_on', d.due_on, 'last_on', d.last_on, 'wanted_days', d.wanted_days))
         AS evidence
FROM (
  SELECT c.id AS customer_id, p.wanted_days, last.day AS last_on,
         coalesce(last.day + p.wanted_days, c.created_on) AS due_on
  FROM o_who c
  JOIN contact_policies p ON p.customer_id = c.id AND p.wanted_days IS NOT NULL
  CROSS JOIN LATERAL (
    SELECT (max(m.at) AT TIME ZONE :zone)::date AS day FROM contact_log m
    WHERE m.customer_id = c.id AND m.reached AND (m.at AT TIME ZONE :zone)::date <= {_TODAY}) last
) d
CROSS JOIN o_rule rule
WHERE rule.enabled AND d.due_on - rule.days_before <= {_TODAY}"""

_WELCOME = f"""
SELECT c.id AS customer_id, 'first_purchase' AS subject, '' AS episode, true AS fresh, NULL::bigint AS value,
       f.first_occasion + rule.keep_days AS expires_on, NULL::text AS owner,
       jsonb_build_object('first_on', f.first_occasion) AS evidence
FROM o_who c
JOIN customer_figures f ON f.customer_id = c.id
CROSS JOIN o_rule rule
WHERE rule.enabled AND {_TODAY} <= f.first_occasion + rule.keep_days"""

_PROMISE_DUE = f"""
SELECT p.customer_id, p.id::text AS subject, due.day::text AS episode, true AS fresh, NULL::bigint AS value,
       NULL::date AS expires_on, p.owner,
       jsonb_build_object('promise_id', p.id, 'due_on', due.day) AS evidence
FROM o_who c
JOIN promises p ON p.customer_id = c.id AND p.state = 'open'
CROSS JOIN LATERAL (SELECT (p.due_at AT TIME ZONE :zone)::date AS day) due
CROSS JOIN o_rule rule
WHERE rule.enabled AND due.day - rule.days_before <= {_TODAY}"""

# Reaching an amount happens once, with a receipt. Later on it can only cease to be true.
_STILL_REACHED = """
SELECT o.customer_id, o.subject, o.episode, false AS fresh, o.value, o.expires_on, NULL::text AS owner, o.evidence
FROM o_open o
JOIN @net@ f ON f.customer_id = o.customer_id
CROSS JOIN o_rule rule
WHERE rule.enabled AND o.value = ANY (rule.amounts) AND f.net >= o.value"""
_REACHED = f"""
SELECT s.customer_id, 'net' AS subject, s.reached::text AS episode, true AS fresh, s.reached AS value,
       coalesce(s.last_on, {_TODAY}) + rule.keep_days AS expires_on, NULL::text AS owner,
       jsonb_build_object('amount', s.reached, 'net', s.net, 'reached_on', coalesce(s.last_on, {_TODAY})) AS evidence
FROM o_scope s
JOIN customers c ON c.id = s.customer_id AND c.kind IN ('person', 'business') AND c.status NOT IN ('merged', 'erased')
CROSS JOIN o_rule rule
WHERE rule.enabled AND s.reached IS NOT NULL
UNION ALL
{_STILL_REACHED.replace("@net@", "(SELECT * FROM o_scope s WHERE s.reached IS NULL)")}"""

_JUDGED: dict[Kind, str] = {
    "cumulative_spend": _STILL_REACHED.replace("@net@", "customer_figures"),
    "birthday": _BIRTHDAY,
    "anniversary": _ANNIVERSARY,
    "due_to_rebuy": _DUE_TO_REBUY,
    "key_customer_silent": _KEY_CUSTOMER_SILENT,
    "contact_due": _CONTACT_DUE,
    "welcome": _WELCOME,
    "promise_due": _PROMISE_DUE,
}
# What reads a table of many rows a customer: bounded by the ids of a stretch it is read as one range of its key.
_JUDGED_WITHIN: dict[Kind, Callable[[Callable[[str], str]], str]] = {
    "grade_about_to_change": grade_about_to_change,
    "no_value_perceived": no_value_perceived,
}


def _judged(kind: Kind, scope: Part) -> Part:
    """What the rule says of a scope."""
    if kind in _JUDGED:
        return "o_judged", _JUDGED[kind]
    bounds = " AND {0} > :after AND {0} <= :upto".format if scope == STRETCH else lambda _: ""
    return "o_judged", _JUDGED_WITHIN[kind](bounds)


def _wanted(kind: Kind) -> Part:
    """What is to be open: all that the rule says, but what somebody has dealt with, and what is over."""
    return (
        "o_wanted",
        f"""SELECT j.* FROM o_judged j
       WHERE (j.expires_on IS NULL OR j.expires_on >= {_TODAY}) AND NOT EXISTS (
         SELECT FROM opportunities d
         WHERE d.customer_id = j.customer_id AND d.kind = '{kind}' AND d.subject = j.subject AND d.episode = j.episode
           AND (d.status IN ('taken', 'dismissed') OR d.outcome = 'lapsed'))""",
    )


_PLAN: Part = (
    "o_plan",
    f"""SELECT coalesce(w.customer_id, o.customer_id) AS customer_id, coalesce(w.subject, o.subject) AS subject,
              o.id AS opportunity_id, w.episode, w.value, w.expires_on, w.owner, w.evidence,
              CASE WHEN o.expires_on < {_TODAY} THEN 'lapsed' ELSE 'cause_gone' END AS outcome,
              CASE WHEN w.customer_id IS NULL THEN 'expired'
                   WHEN o.id IS NULL THEN CASE WHEN w.fresh THEN 'opened' END
                   WHEN o.episode <> w.episode OR o.expires_on IS DISTINCT FROM w.expires_on THEN 'changed' END
                AS action
       FROM o_wanted w FULL JOIN o_open o ON o.customer_id = w.customer_id AND o.subject = w.subject""",
)


def planned(kind: Kind, scope: Part) -> Parts:
    """The chain up to `o_plan`: per customer and subject in `action` what is to be done, if anything."""
    return (scope, _rule(kind), _open(kind), _WHO, _judged(kind, scope), _wanted(kind), _PLAN)


def passed() -> Parts:
    """The same for who has passed an amount with a push."""
    kind: Kind = "cumulative_spend"
    return (_rule(kind), PASSED, _open(kind), ("o_judged", _REACHED), _wanted(kind), _PLAN)


def to_do(kind: Kind, scope: Part) -> str:
    """A SELECT of the customers of a scope about whom there is something to do, in the order of ids."""
    found = "SELECT DISTINCT customer_id FROM o_plan WHERE action IS NOT NULL ORDER BY customer_id"
    return chained(planned(kind, scope), found)


def chained(parts: Parts, final: str) -> str:
    """One statement of the chain and what follows it. Each part is computed once."""
    return "WITH " + ",\n".join(f"{name} AS MATERIALIZED (\n{body}\n)" for name, body in parts) + "\n" + final


# --- what the feed says -----------------------------------------------------------------------------------------------

_SILENT: tuple[Kind, ...] = ("key_customer_silent",)
_BOUGHT: tuple[Kind, ...] = ("welcome", "due_to_rebuy", "key_customer_silent", "grade_about_to_change")
_TALKED: tuple[Kind, ...] = ("contact_due", "key_customer_silent")
_WRITTEN: tuple[Kind, ...] = ("birthday", "key_customer_silent", "grade_about_to_change")
# After which events what may be otherwise. Amounts are reached with the receipt itself, and time is for the sweep.
CONCERNS: dict[str, tuple[Kind, ...]] = {
    **dict.fromkeys(("receipt.recorded", "receipt.voided", "receipt.attributed"), _BOUGHT),
    **dict.fromkeys(("customer.created", "customer.updated"), _WRITTEN),
    "customer.assigned": _SILENT,
    **dict.fromkeys(("customer.merged", "customer.unmerged"), KINDS),
    "contact.updated": ("birthday",),
    "contact_policy.updated": ("contact_due",),
    **dict.fromkeys(("contact.made", "contact.corrected", "contact.withdrawn"), _TALKED),
    **dict.fromkeys(("interaction.recorded", "interaction.updated"), _TALKED),
    **dict.fromkeys(("promise.made", "promise.updated", "promise.due", "promise.kept", "promise.broken"),
                    ("promise_due",)),
    "survey.recorded": ("no_value_perceived",),
}  # fmt: skip
