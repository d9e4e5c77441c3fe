"""Who sees no value in us, by what he has answered: a part of a chain of `judging`."""

from collections.abc import Callable

_TODAY = "CAST(:today AS date)"
_EXPECTED = "a.kind = 'dimension' AND a.expected IS NOT NULL"


def _mean(column: str, kind: str) -> str:
    return f"round(avg({column}) FILTER (WHERE a.kind = '{kind}'), 1)"


def no_value_perceived(bounds: Callable[[str], str]) -> str:
    """What the rule says; `bounds` adds to a condition on the customer in a column those of the scope.

    Scores are from 1 to 5: of a benefit how much there is of it, of a sacrifice how much it costs the customer. Sums
    are compared crosswise, since a mean may have no end.
    """
    return f"""
SELECT n.customer_id, 'value' AS subject, n.survey_id::text AS episode, true AS fresh, NULL::bigint AS value,
       n.day + rule.days - 1 AS expires_on, NULL::text AS owner,
       jsonb_strip_nulls(jsonb_build_object('survey_id', n.survey_id, 'day', n.day, 'product', n.product,
         'worst_dimension', n.worst) || CASE WHEN n.weighed
         THEN jsonb_build_object('basis', 'benefits_and_sacrifices', 'benefits', n.benefits,
           'sacrifices', n.sacrifices, 'alternative', n.alternative, 'alternative_benefits', n.other_benefits,
           'alternative_sacrifices', n.other_sacrifices)
         ELSE jsonb_build_object('basis', 'dimensions', 'perceived', n.perceived, 'expected', n.expected) END)
         AS evidence
FROM (
  SELECT DISTINCT ON (v.customer_id) v.*
  FROM (
    SELECT s.customer_id, s.id AS survey_id, s.occurred_at, s.occurred_on AS day, s.product, s.alternative,
           count(*) FILTER (WHERE a.kind = 'benefit') > 0 AND count(*) FILTER (WHERE a.kind = 'sacrifice') > 0
             AS weighed,
           sum(a.score) FILTER (WHERE a.kind = 'benefit') * count(*) FILTER (WHERE a.kind = 'sacrifice')
             <= sum(a.score) FILTER (WHERE a.kind = 'sacrifice') * count(*) FILTER (WHERE a.kind = 'benefit')
             AS outweighed,
           bool_and(a.score < a.expected) FILTER (WHERE {_EXPECTED}) AS below,
           {_mean("a.score", "benefit")} AS benefits, {_mean("a.score", "sacrifice")} AS sacrifices,
           {_mean("a.alternative", "benefit")} AS other_benefits,
           {_mean("a.alternative", "sacrifice")} AS other_sacrifices,
           round(avg(a.score) FILTER (WHERE {_EXPECTED}), 1) AS perceived,
           round(avg(a.expected) FILTER (WHERE {_EXPECTED}), 1) AS expected,
           (array_agg(a.name ORDER BY a.score - a.expected, a.score, a.name COLLATE "C")
             FILTER (WHERE a.kind = 'dimension'))[1] AS worst
    FROM o_who c
    CROSS JOIN o_rule rule
    JOIN surveys s ON s.customer_id = c.id{bounds("s.customer_id")}
      AND s.occurred_on > {_TODAY} - rule.days AND s.occurred_on <= {_TODAY}
    JOIN survey_answers a ON a.customer_id = s.customer_id AND a.survey_id = s.id{bounds("a.customer_id")}
    WHERE (SELECT enabled FROM o_rule)
    GROUP BY 1, 2, 3, 4, 5, 6
  ) v
  WHERE v.weighed OR v.below IS NOT NULL
  ORDER BY v.customer_id, v.occurred_at DESC, v.survey_id DESC
) n
CROSS JOIN o_rule rule
WHERE CASE WHEN n.weighed THEN n.outweighed ELSE n.below END"""
