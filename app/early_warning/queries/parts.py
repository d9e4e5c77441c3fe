"""Pieces of the statements that judge: named parts (common table expressions), each reading those before it.

Parameters: `today` (the company's day), `now`, those of the scope, and where expenses are read `zone` and `currency`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

Part = tuple[str, str]
Parts = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """Customers who are judged: a SELECT of them, and, if they are a stretch of all, the bounds of their ids.

    Whatever is read of a stretch is bounded itself, so that every table is read as one range of its key: from joins
    alone PostgreSQL does not conclude that, and looks up customers one by one, or reads the table whole.
    """

    select: str
    low: str = ""
    high: str = ""

    @property
    def part(self) -> Part:
        """The part `scope`."""
        return "scope", self.select

    def also(self, column: str) -> str:
        """What a condition on the customer in this column adds to a join with the scope: nothing that it lacks."""
        return f" AND {column} > {self.low} AND {column} <= {self.high}" if self.low else ""

    def among(self, customers: str, table: str, alias: str) -> str:
        """FROM and WHERE of the rows of a table that are about the customers of a part with the whole scope."""
        if self.low:
            return f"FROM {table} {alias} WHERE true{self.also(f'{alias}.customer_id')}"
        return f"FROM {customers} s JOIN {table} {alias} ON {alias}.customer_id = s.customer_id WHERE true"


# Customers by their ids, a stretch of all customers, and those of some customers whose silence was warned of.
BY_ID = Scope("SELECT DISTINCT unnest(CAST(CAST(:customers AS text) AS uuid[])) AS customer_id")
STRETCH = Scope("SELECT c.id AS customer_id FROM customers c WHERE c.id > :after AND c.id <= :upto", ":after", ":upto")
WARNED = Scope(
    """SELECT DISTINCT w.customer_id FROM warnings w
       WHERE w.customer_id = ANY (CAST(CAST(:customers AS text) AS uuid[])) AND w.kind = 'loss'
         AND w.status <> 'resolved'"""
)


def narrowed(scope: Scope, kind: str, *some: str, before: Parts = ()) -> Parts:
    """The scope without those of whom there is nothing to say: left are `some`, and who was warned of before.

    `some` are SELECTs of customers of the part `everybody`, which is the whole scope; they may read the parts `before`.
    """
    warned = f"SELECT w.customer_id {scope.among('everybody', 'warnings', 'w')} AND w.kind = '{kind}'"
    everybody: Parts = () if scope.low else (("everybody", scope.select),)
    return (*everybody, *before, ("scope", "\n  UNION ".join((warned, *some))))


def chained(parts: Iterable[Part], final: str) -> str:
    """One statement of the chain and what follows it. Each part is computed once."""
    return "WITH " + ",\n".join(f"{name} AS MATERIALIZED (\n{body}\n)" for name, body in parts) + "\n" + final
