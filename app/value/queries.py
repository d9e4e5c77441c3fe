"""Every SELECT of value, and the fragments that put a customer's rhythm into the statements of higher rooms."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from sqlalchemy import text

from app.core.db import Tx
from app.value.rhythm import LARGEST, PARENT, History

MODEL = "mbg_nbd"


def _parameter(name: str) -> str:
    fitted = ", ".join(f"({fit}.parameters->>'{name}')::float8" for fit in ("own", "everyone"))
    return f"coalesce({fitted}, {asdict(PARENT)[name]}::float8) AS {name}"


def _newest(population: str) -> str:
    return f"""(SELECT * FROM model_fits f WHERE f.model = '{MODEL}' AND f.population = {population}
     ORDER BY f.fitted_at DESC, f.id DESC LIMIT 1)"""


# A common table expression (name, body): the parameters of each kind of customer, and where they are from: a fit of
# that kind's own, of all customers, or of other people's (`parent`).
RHYTHM = (
    "rhythm",
    f"""
  SELECT kind.name AS kind, coalesce(own.population, everyone.population, 'parent') AS source,
    {", ".join(_parameter(name) for name in asdict(PARENT))}
  FROM (VALUES ('person'), ('business')) AS kind(name)
  LEFT JOIN LATERAL {_newest("kind.name")} AS own ON true
  LEFT JOIN LATERAL {_newest("'all'")} AS everyone ON true
""",
)

# The formulas of `value.rhythm` over columns x, recency, age, r, alpha, a, b, all of them float8.
SILENCE = f"least((r + x) * ln((alpha + age) / (alpha + recency)), {LARGEST}::float8)"
OVERDUE = f"(1 - exp(-{SILENCE}))"


def buys_within(horizon: str) -> str:
    """SQL of the probability of a purchase within `horizon` days (an expression)."""
    alive = f"(1 / (1 + a / (b + x) * exp({SILENCE})))"
    return f"({alive} * (1 - exp(-least((r + x) * ln((alpha + age + {horizon}) / (alpha + age)), {LARGEST}::float8))))"


def usual_gap(quantile: str) -> str:
    """SQL of the silence, in days, that is longer than this share of a customer's gaps."""
    return f"((alpha + recency) * (exp(least(-ln(1 - {quantile}) / (r + x), {LARGEST / 2}::float8)) - 1))"


_HISTORIES = """
SELECT count(*) AS buyers, min(f.first_occasion) AS since
FROM customer_figures f JOIN customers c ON c.id = f.customer_id
WHERE f.occasions > 0 AND f.last_occasion <= :as_of
  AND (c.kind = :population OR :population = 'all' AND c.kind IN ('person', 'business'))
"""
_SAMPLED = """
SELECT (f.occasions - 1)::int, f.last_occasion - f.first_occasion, CAST(:as_of AS date) - f.first_occasion, count(*)
FROM customer_figures f JOIN customers c ON c.id = f.customer_id
WHERE f.occasions > 0 AND f.last_occasion <= :as_of
  AND (c.kind = :population OR :population = 'all' AND c.kind IN ('person', 'business'))
  AND hashtextextended(c.id::text, 0) % CAST(:modulus AS int) = 0
GROUP BY 1, 2, 3
"""


async def buyers(tx: Tx, population: str, as_of: date) -> tuple[int, int]:
    """(how many customers of a population have bought, for how many days the first of them has been one)."""
    row = (await tx.rows(text(_HISTORIES), {"as_of": as_of, "population": population}))[0]
    return int(row.buyers), (as_of - row.since).days if row.since is not None else 0


async def histories(tx: Tx, population: str, as_of: date, modulus: int) -> dict[History, int]:
    """How many customers share each history in days, of one customer in `modulus`: always the same ones."""
    rows = await tx.rows(text(_SAMPLED), {"as_of": as_of, "population": population, "modulus": modulus})
    return {History(row[0], float(row[1]), float(row[2])): int(row[3]) for row in rows}


async def newest_fit(tx: Tx) -> datetime | None:
    """When a model was last fitted."""
    found: datetime | None = await tx.scalar(text(f"SELECT max(fitted_at) FROM model_fits WHERE model = '{MODEL}'"))
    return found


async def fits(tx: Tx) -> list[dict[str, Any]]:
    """The fits in use, with what they were fitted on."""
    found = text(
        f"SELECT DISTINCT ON (population) population, as_of, parameters, basis FROM model_fits WHERE model = '{MODEL}'"
        " ORDER BY population, fitted_at DESC, id DESC"
    )
    return [dict(row._mapping) for row in await tx.rows(found)]  # noqa: SLF001  the documented way to a row's names
