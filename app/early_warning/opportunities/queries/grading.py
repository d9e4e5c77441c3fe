"""Whose spend and grade do not go together: a part of a chain of `judging`. Grades are laid down by people."""

from collections.abc import Callable

from app.early_warning.opportunities.rules import YEAR

_TODAY = "CAST(:today AS date)"
# What is judged where: without boundaries nothing at all is read.
_SAYS_SOMETHING = "(SELECT enabled AND boundaries <> '[]' FROM o_rule)"
# The grades and their amounts from low to high. A customer has the place of his grade among them (0: no grade), and his
# spend covers as many as it reaches: at most one of what `how` says is true.
_LADDER = """
  SELECT array_agg(b.grade ORDER BY b.place) AS grades, array_agg(b.net ORDER BY b.place) AS nets
  FROM o_rule rule, ROWS FROM (jsonb_to_recordset(rule.boundaries) AS (grade text, net bigint)) WITH ORDINALITY
    AS b(grade, net, place)"""


def grade_about_to_change(bounds: Callable[[str], str]) -> str:
    """What the rule says; `bounds` adds to a condition on the customer in a column those of the scope.

    Which grades a customer's spend covers says `width_bucket`: how many of the amounts it reaches.
    """
    return f"""
SELECT h.customer_id, h.direction || ':' || coalesce(h.next_grade, '') AS subject,
       concat_ws(' ', h.grade, h.how, h.boundary, extract(year FROM {_TODAY})) AS episode, true AS fresh,
       h.boundary AS value, NULL::date AS expires_on, NULL::text AS owner,
       jsonb_strip_nulls(jsonb_build_object('direction', h.direction, 'grade', h.grade, 'next_grade', h.next_grade,
         'net_365d', h.net, 'boundary', h.boundary, 'difference', h.net - h.boundary)) AS evidence
FROM (
  SELECT p.customer_id, p.grade, p.net, step.how, CASE step.how WHEN 'below' THEN 'down' ELSE 'up' END AS direction,
         p.grades[CASE step.how WHEN 'near' THEN p.has + 1 ELSE p.covers END] AS next_grade,
         p.nets[CASE step.how WHEN 'near' THEN p.has + 1 WHEN 'reached' THEN p.covers ELSE p.has END] AS boundary
  FROM (
    SELECT n.customer_id, n.grade, n.net, l.grades, l.nets, width_bucket(n.net, l.nets) AS covers,
           CASE WHEN n.grade IS NULL THEN 0 ELSE array_position(l.grades, n.grade) END AS has
    FROM (
      SELECT c.id AS customer_id, c.grade, coalesce(sum(d.net), 0)::bigint AS net
      FROM o_who c
      LEFT JOIN customer_days d ON d.customer_id = c.id{bounds("d.customer_id")}
        AND d.business_date > {_TODAY} - {YEAR} AND d.business_date <= {_TODAY}
      WHERE {_SAYS_SOMETHING}
      GROUP BY 1, 2
    ) n CROSS JOIN ({_LADDER}
    ) l
  ) p
  CROSS JOIN o_rule rule
  CROSS JOIN LATERAL (
    SELECT CASE WHEN p.covers < p.has THEN 'below' WHEN p.covers > p.has THEN 'reached'
                WHEN p.net::numeric * 100 >= p.nets[p.has + 1]::numeric * (100 - rule.within_percent) THEN 'near'
           END AS how) step
  WHERE step.how IS NOT NULL
) h"""
