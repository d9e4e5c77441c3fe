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


def chained(parts: Iterable[Part], final: str) -> str:
    """One statement of the chain and what follows it. Each part is computed once."""
    return "WITH " + ",\n".join(f"{name} AS MATERIALIZED (\n{body}\n)" for name, body in parts) + "\n" + final
