"""Every SELECT of opportunities: judging customers, and reading opportunities and rules."""

from app.early_warning.opportunities.queries.judging import BY_ID, STRETCH, Part, Parts, chained, passed, planned, to_do
from app.early_warning.opportunities.queries.reading import (
    Filter,
    concerned,
    counts,
    customers_of,
    held,
    live,
    opportunities,
    page,
    rules,
)  # fmt: skip

__all__ = [
    "BY_ID", "STRETCH", "Filter", "Part", "Parts", "chained", "concerned", "counts", "customers_of", "held", "live",
    "opportunities", "page", "passed", "planned", "rules", "to_do",
]  # fmt: skip
