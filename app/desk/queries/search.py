"""From what somebody typed to finished candidates: every part goes through an index and stops at a bound.

Of more than CONSIDERED customers that match equally well the newest are considered (of names that only begin so: the
first in the alphabet), so that a question after a common surname costs no more than one after a rare one.
"""

from typing import Any

from sqlalchemy import Float, Integer, Select, SmallInteger, Text, Uuid, bindparam, column, select, text, true
from sqlalchemy.sql.selectable import CTE

from app.core.caller import Caller
from app.core.documents import Sections
from app.customers import queries as customers_queries
from app.customers.completeness import Weights
from app.customers.identifiers import WALK_IN
from app.customers.models import SPELT, Customer
from app.desk.queries.lookup import about, answer, ask_next
from app.desk.question import EMAIL_START, EXACT, FEW, SIMILAR, Kind
from app.receipts.models import CustomerFigures

CONSIDERED = 100
# So many names with typos at most.
ALIKE = 50

_NAMES = f"""
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:lows AS text[]), CAST(:highs AS text[]),
                       CAST(:ranks AS smallint[]), CAST(:matches AS text[])) AS a (kind, low, high, rank, match)
), hits AS (
  SELECT t.customer_id, a.rank, a.match FROM asked a CROSS JOIN LATERAL (
    SELECT s.customer_id FROM search_terms s
    WHERE s.kind = a.kind AND s.term = a.low COLLATE "C" AND @shown@
    ORDER BY s.customer_id DESC LIMIT {CONSIDERED}) t
  WHERE a.high IS NULL
  UNION ALL
  SELECT t.customer_id, a.rank, a.match FROM asked a CROSS JOIN LATERAL (
    SELECT s.customer_id FROM search_terms s
    WHERE s.kind = a.kind AND s.term > a.low COLLATE "C" AND s.term < a.high COLLATE "C" AND @shown@
    ORDER BY s.term, s.customer_id LIMIT {CONSIDERED}) t
  WHERE a.high IS NOT NULL
  @reached@
), best AS MATERIALIZED (
  SELECT * FROM (SELECT DISTINCT ON (customer_id) customer_id, rank, match FROM hits ORDER BY customer_id, rank) h
  ORDER BY rank, customer_id DESC LIMIT {CONSIDERED}
), slips AS MATERIALIZED (
  SELECT s.customer_id FROM search_terms s
  WHERE (SELECT count(*) FROM best) < {FEW} AND s.kind IN ('name', 'part', 'pinyin', 'reading')
    AND s.term = ANY (CAST(:slips AS text[]) COLLATE "C") AND @shown@
  LIMIT {CONSIDERED}
), trigrams AS (
  SELECT s.customer_id, similarity(s.term, :spelt) AS closeness FROM search_terms s
  WHERE NOT EXISTS (SELECT FROM best) AND NOT EXISTS (SELECT FROM slips)
    AND {SPELT.replace("kind", "s.kind").replace("term", "s.term")} AND s.term % :spelt AND @shown@
  ORDER BY closeness DESC, s.customer_id DESC LIMIT {ALIKE}
), alike AS (
  SELECT customer_id, max(closeness) AS closeness
  FROM (SELECT customer_id, CAST(1 AS real) AS closeness FROM slips UNION ALL TABLE trigrams) a
  GROUP BY customer_id
)
SELECT customer_id, rank, match, CAST(1 AS real) AS closeness FROM best
UNION ALL
SELECT customer_id, CAST({SIMILAR} AS smallint), 'similar_name', closeness FROM alike a
WHERE NOT EXISTS (SELECT FROM best b WHERE b.customer_id = a.customer_id)
"""  # noqa: S608  put together from constants

_REACHED = f"""
  UNION ALL
  SELECT i.customer_id, CAST({EXACT} AS smallint), 'card' FROM identifiers i
  WHERE i.kind = 'card' AND i.value = CAST(:card AS text) AND @mine@
  UNION ALL
  (SELECT i.customer_id, CAST({EMAIL_START} AS smallint), 'email_start' FROM identifiers i
   WHERE i.kind = 'email' AND i.value ~>=~ :email AND i.value ~<~ :email_end AND @mine@
   ORDER BY i.value USING ~<~ LIMIT {CONSIDERED})
"""  # noqa: S608  (same)

# What is exactly that is the answer. Else what is found first: the ends of numbers, or the beginnings of addresses, and
# the rest only if that fills no page. The
# named parts are planned as if all of them were wanted, so through the index, and read only as far as they are needed.
_FRAGMENTS = f"""
WITH exact AS MATERIALIZED (
  SELECT i.customer_id, CAST({EXACT} AS smallint) AS rank, i.kind AS match
  FROM unnest(CAST(:exact_kinds AS text[]), CAST(:exact_values AS text[])) AS a (kind, value)
  CROSS JOIN LATERAL (SELECT customer_id, kind FROM identifiers i
                      WHERE i.kind = a.kind AND i.value = a.value AND @mine@ LIMIT {CONSIDERED}) i
), firsts AS MATERIALIZED (
  SELECT i.customer_id, i.kind FROM identifiers i WHERE @first@ AND @mine@ AND NOT EXISTS (SELECT FROM exact)
), first AS MATERIALIZED (
  SELECT customer_id, kind FROM firsts LIMIT {CONSIDERED}
), withins AS MATERIALIZED (
  SELECT i.customer_id, i.kind FROM identifiers i WHERE @kinds@ AND @mine@ AND i.value LIKE :within
    AND NOT EXISTS (SELECT FROM exact)
), within AS (
  SELECT customer_id, kind FROM withins WHERE (SELECT count(*) FROM first) < :limit LIMIT {CONSIDERED}
)
SELECT DISTINCT ON (customer_id) customer_id, rank, match, CAST(1 AS real) AS closeness FROM (
  SELECT customer_id, rank, match FROM exact
  UNION ALL SELECT customer_id, CAST({EMAIL_START} AS smallint), kind || '@first_match@' FROM first
  UNION ALL SELECT customer_id, CAST({EMAIL_START + 1} AS smallint), kind || '_fragment' FROM within
) h ORDER BY customer_id, rank
"""  # noqa: S608  (same)

_NUMBERS = {
    "@first@": "i.kind IN ('phone', 'card') AND i.value LIKE :first",
    "@kinds@": "i.kind IN ('phone', 'card')",
    "@first_match@": "_fragment",
}
_ADDRESSES = {
    "@first@": "i.kind = 'email' AND i.value ~>=~ :first AND i.value ~<~ :first_end",
    "@kinds@": "i.kind = 'email'",
    "@first_match@": "_start",
}


def search(caller: Caller, sections: Sections, weights: Weights, kind: Kind) -> Select[Any]:
    """What `caller` may see of whom a question finds: one row with the candidates' ids and their JSON array as text.

    Parameters: those of `Question.values`, today's `month` and `day`, and those of `customers.queries.reach_values`.
    """
    found, figures = _found(caller, kind), CustomerFigures.__table__
    last = select(figures.c.last_purchase_at).where(figures.c.customer_id == Customer.id).scalar_subquery()
    order = ("rank", "closeness", "last", "id")
    ranked = (
        select(Customer.id, found.c.rank, found.c.match, found.c.closeness, last.label("last"))
        .join(found, found.c.customer_id == Customer.id)
        .where(Customer.kind != WALK_IN, Customer.status.not_in(("merged", "erased")))
        .where(customers_queries.visible_to(customers_queries.sight(caller)))
        .order_by(found.c.rank, found.c.closeness.desc(), text("last DESC NULLS LAST"), Customer.id.desc())
        .limit(bindparam("limit", type_=Integer))
        .cte("ranked")
        .prefix_with("MATERIALIZED")
    )
    has = customers_queries.held(caller.field_groups)
    document = about(caller, sections, ranked.c.match, ask_next(caller, weights, has))
    shown = select(document.label("document"), *(ranked.c[name] for name in order))
    candidate = shown.join(ranked, ranked.c.id == Customer.id).join(has, true()).subquery("candidate")
    by = candidate.c
    return answer(candidate, (by.rank, by.closeness.desc(), by.last.desc().nulls_last(), by.id.desc()))


def _found(caller: Caller, kind: Kind) -> CTE:
    # Among all who match the newest are considered: of whom the caller may not know nobody takes a place.
    mine = customers_queries.reached_sql(caller, "i.customer_id")
    if kind == "name":
        shown = "true" if "personal" in caller.field_groups else "NOT s.personal"
        if caller.limited:
            shown = f"({shown} AND {customers_queries.reached_sql(caller, 's.customer_id')})"
        sql = _NAMES.replace("@shown@", shown).replace(
            "@reached@", _REACHED if "contact" in caller.field_groups else ""
        )
    else:
        sql = _FRAGMENTS
        for place, part in (_NUMBERS if kind == "number" else _ADDRESSES).items():
            sql = sql.replace(place, part)
    sql = sql.replace("@mine@", mine)
    columns = (column("customer_id", Uuid), column("rank", SmallInteger), column("match", Text))
    return text(sql).columns(*columns, column("closeness", Float)).cte("found")
