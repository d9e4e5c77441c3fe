"""Pieces of the statements that judge: named parts (common table expressions), each reading those before it.

Parameters: `today` (the company's day), `now`, those of the scope, and where expenses are read `zone` and `currency`.
"""

from collections.abc import Iterable

Part = tuple[str, str]
Parts = tuple[Part, ...]

# Scopes: customers by their ids, a stretch of all customers, and those of some customers whose silence was warned of.
BY_ID: Part = ("scope", "SELECT DISTINCT unnest(CAST(CAST(:customers AS text) AS uuid[])) AS customer_id")
STRETCH: Part = ("scope", "SELECT c.id AS customer_id FROM customers c WHERE c.id > :after AND c.id <= :upto")
WARNED: Part = (
    "scope",
    """SELECT DISTINCT w.customer_id FROM warnings w
       WHERE w.customer_id = ANY (CAST(CAST(:customers AS text) AS uuid[])) AND w.kind = 'loss'
         AND w.status <> 'resolved'""",
)


def narrowed(scope: Part, kind: str, *some: str, before: Parts = ()) -> Parts:
    """The scope without those of whom there is nothing to say: left are `some`, and who was warned of before.

    `some` are SELECTs of customers of the part `everybody`, which is the whole scope; they may read the parts `before`.
    """
    warned = f"""SELECT w.customer_id FROM everybody s JOIN warnings w ON w.customer_id = s.customer_id
  WHERE w.kind = '{kind}'"""
    return ("everybody", scope[1]), *before, ("scope", "\n  UNION ".join((warned, *some)))


def chained(parts: Iterable[Part], final: str) -> str:
    """One statement of the chain and what follows it. Each part is computed once."""
    return "WITH " + ",\n".join(f"{name} AS MATERIALIZED (\n{body}\n)" for name, body in parts) + "\n" + final
