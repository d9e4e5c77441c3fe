"""Whether there are lately such rows is told by the rows of a longer time, where these are read anyway."""

from datetime import date

import pytest
from sqlalchemy.dialects import postgresql

from app.segments import definition
from app.segments.check import check
from app.segments.parse import parse
from app.segments.queries import evaluate
from app.segments.queries.evaluate import Question
from tests.segments.test_same import ZONE, Comparison

ANCHOR = date(2026, 1, 1)
ONCE = (
    ("count(distinct lines.receipt during last 90 days where category under 'food') >= 2"
     " and none(lines during last 30 days where category under 'food')"),
    "sum(receipts.net during last 3 months) > 10.00 and any(receipts during last 2 weeks)",
    "count(lines before 2026-01-02) > 1 or none(lines from 2025-12-01 to 2026-01-01)",
    ("count(lines where net > 0.50) >= 0 and count(lines during last 1 year where not net > 0.50) < 3"
     " and all(lines during last 31 days where net > 0.50)"),
    "count(lines during last 7 days) >= 0 and not any(lines during last 7 days)",
    "net_90d > 10.00 and none(receipts during last 30 days)",
    "ratio(margin_365d, sum(receipts.net during last 365 days)) > 0.1 or receipts_365d = 0",
)  # fmt: skip
TWICE = (
    "count(lines during last 30 days) >= 2 and none(lines during last 90 days)",
    "count(lines during last 90 days) >= 2 and none(lines from 2025-12-01 to 2025-12-15)",
    "count(lines during last 90 days where net > 1.00) >= 2 and none(lines during last 30 days)",
    "count(lines during last 90 days) >= 2 and none(lines)",
    "net_90d > 10.00 and none(receipts during last 1 year)",
)


@pytest.mark.parametrize("seed", range(2))
async def test_they_are_found_whom_plain_python_finds(house, registry, seed):
    comparison = Comparison(house, registry, ANCHOR, seed)
    await house.services.db.run(comparison.company.insert)
    for one in (*ONCE, *TWICE):
        checked, faults = check(parse(one).tree, comparison.world, from_text=True)
        assert checked is not None, (one, [fault.detail for fault in faults.all])
        await comparison.ask(checked.tree, ANCHOR)


def reads(registry, world, text):
    asked = Question(registry, definition.of_text(text, world).tree, ANCHOR, ZONE)
    statement = str(evaluate.matching(asked).compile(dialect=postgresql.dialect()))
    return statement.count("FROM receipt_lines AS") + statement.count("FROM customer_days AS")


def test_the_rows_are_read_once_where_that_is_enough(registry, world):
    assert [reads(registry, world, text) for text in ONCE] == [1, 1, 1, 2, 1, 1, 1]
    assert [reads(registry, world, text) for text in TWICE] == [2, 2, 2, 2, 2]
