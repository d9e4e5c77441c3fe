"""What days, categories and figures ought to be, computed from nothing but receipts, and how what is kept differs."""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from app.core.db import Tx
from app.core.sql import allow_loops

# Every truth is a SELECT over the customers `@which@` picks, with the columns of its table by name. Walk-ins have none.
_COUNTED = """
SELECT r.* FROM receipts r
WHERE r.voided_at IS NULL AND @which@ AND r.customer_id NOT IN (SELECT id FROM customers WHERE kind = 'walk_in')
"""

_SUMS = """
count(*) AS receipts, sum(base_net)::bigint AS net, count(base_margin) AS costed, sum(base_margin)::bigint AS margin,
coalesce(sum(base_discount), 0)::bigint AS discount, sum(base_returns)::bigint AS returns,
min(occurred_at) FILTER (WHERE kind = 'sale' AND base_net > 0) AS first_purchase_at,
max(occurred_at) FILTER (WHERE kind = 'sale' AND base_net > 0) AS last_purchase_at,
(array_agg(store ORDER BY occurred_at DESC, store COLLATE "C" DESC) FILTER (WHERE kind = 'sale' AND base_net > 0))[1]
  AS last_store
"""

_DAYS = "WITH counted AS (@counted@) SELECT customer_id, business_date, @sums@ FROM counted GROUP BY 1, 2"

_CATEGORIES = """
WITH counted AS (@counted@)
SELECT l.customer_id, l.category, sum(l.base_net)::bigint AS net, count(*) AS lines
FROM counted c JOIN receipt_lines l ON l.customer_id = c.customer_id AND l.receipt_id = c.id
WHERE l.category IS NOT NULL GROUP BY 1, 2
"""

_FIGURES = """
WITH counted AS MATERIALIZED (@counted@),
sums AS (SELECT customer_id, @sums@ FROM counted GROUP BY customer_id),
occasion AS (
  SELECT customer_id, business_date,
         (business_date - lag(business_date) OVER (PARTITION BY customer_id ORDER BY business_date))::bigint AS days
  FROM counted GROUP BY customer_id, business_date HAVING sum(base_net) > 0
),
rhythm AS (
  SELECT customer_id, count(*) AS occasions, coalesce(sum(days), 0)::bigint AS gap_sum,
         coalesce(sum(days * days), 0)::bigint AS gap_square_sum, min(business_date) AS first_occasion,
         max(business_date) AS last_occasion
  FROM occasion GROUP BY customer_id
),
favourite AS (
  SELECT DISTINCT ON (l.customer_id) l.customer_id, l.category
  FROM counted c JOIN receipt_lines l ON l.customer_id = c.customer_id AND l.receipt_id = c.id
  WHERE l.category IS NOT NULL GROUP BY l.customer_id, l.category HAVING sum(l.base_net) > 0
  ORDER BY l.customer_id, sum(l.base_net) DESC, l.category COLLATE "C"
)
SELECT s.*, coalesce(r.occasions, 0) AS occasions, coalesce(r.gap_sum, 0) AS gap_sum,
       coalesce(r.gap_square_sum, 0) AS gap_square_sum, r.first_occasion, r.last_occasion, f.category AS
       favourite_category
FROM sums s LEFT JOIN rhythm r ON r.customer_id = s.customer_id LEFT JOIN favourite f ON f.customer_id = s.customer_id
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A table that is kept from receipts: its key, its other columns, and the SELECT of what ought to be in it."""

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    truth: str

    def sql(self, which: str) -> str:
        """The truth for the customers of receipts `r` that a condition picks."""
        whole = self.truth.replace("@counted@", _COUNTED).replace("@sums@", _SUMS)
        return whole.replace("@which@", which)


_OF_SUMS = (
    "receipts", "net", "costed", "margin", "discount", "returns", "first_purchase_at", "last_purchase_at", "last_store",
)  # fmt: skip
KEPT = (
    Kept("customer_days", ("customer_id", "business_date"), _OF_SUMS, _DAYS),
    Kept("customer_categories", ("customer_id", "category"), ("net", "lines"), _CATEGORIES),
    Kept(
        "customer_figures",
        ("customer_id",),
        (
            *_OF_SUMS, "occasions", "gap_sum", "gap_square_sum", "first_occasion", "last_occasion",
            "favourite_category",
        ),
        _FIGURES,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is kept and ought to be another. `row` is the rest of the row's key; no value means no row."""

    customer_id: uuid.UUID
    table: str
    row: str | None
    column: str
    held: Any
    true: Any

    def __str__(self) -> str:
        row = "" if self.row is None else f" {self.row}"
        return (
            f"customer {self.customer_id}: {self.table}{row} {self.column} is {self.held} and ought to be {self.true}"
        )


async def differences(tx: Tx, low: uuid.UUID, high: uuid.UUID) -> list[Difference]:
    """What differs for the customers from `low` to `high`; each table as of one moment, whoever writes meanwhile."""
    await tx.execute(allow_loops(allowed=False))
    found: list[Difference] = []
    for kept in KEPT:
        rows = await tx.rows(text(_comparison(kept)), {"low": low, "high": high})
        for held, true in rows:
            one = held or true
            row = str(one[kept.key[1]]) if len(kept.key) > 1 else None
            found += [
                Difference(
                    uuid.UUID(one["customer_id"]),
                    kept.table,
                    row,
                    column,
                    (held or {}).get(column),
                    (true or {}).get(column),
                )
                for column in kept.columns
                if (held or {}).get(column) != (true or {}).get(column)
            ]
    return found


def _comparison(kept: Kept) -> str:
    names = [*kept.key, *kept.columns]
    template = """
        WITH truth AS (SELECT @names@ FROM (@truth@) whole),
        held AS (SELECT @names@ FROM @table@ WHERE customer_id BETWEEN :low AND :high)
        SELECT to_jsonb(held), to_jsonb(truth) FROM held FULL JOIN truth ON @same@
        WHERE (@held@) IS DISTINCT FROM (@true@)
    """
    same = " AND ".join(f"held.{name} = truth.{name}" for name in kept.key)
    filled = template.replace("@names@", ", ".join(names)).replace("@table@", kept.table).replace("@same@", same)
    for side, mark in (("held", "@held@"), ("truth", "@true@")):
        filled = filled.replace(mark, ", ".join(f"{side}.{name}" for name in names))
    return filled.replace("@truth@", kept.sql("r.customer_id BETWEEN :low AND :high"))


async def slices(tx: Tx, size: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """All possible customer ids in ranges that hold about `size` customers each."""
    every = """
        SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM customers) one
        WHERE place % :size = 0 ORDER BY place
    """
    ends = await tx.rows(text(every), {"size": size})
    highs = [row[0] for row in ends if row[0].int < 2**128 - 1]
    lows = [uuid.UUID(int=0), *(uuid.UUID(int=high.int + 1) for high in highs)]
    return list(zip(lows, [*highs, uuid.UUID(int=2**128 - 1)], strict=True))
