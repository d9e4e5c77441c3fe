"""Every SELECT of early warnings: judging customers, and reading warnings, rules and holds."""

from app.early_warning.queries.counting import Period, counts, times
from app.early_warning.queries.handling import customers_of, live_causes, locked, promises_due
from app.early_warning.queries.judging import (
    BY_ID,
    HANDLING,
    STRETCH,
    WARNED,
    Part,
    Parts,
    acting,
    chained,
    due,
    to_do,
)  # fmt: skip
from app.early_warning.queries.reading import (
    Filter,
    comments,
    history,
    hold,
    live,
    live_holds,
    page,
    rules,
    stretch_end,
    warning,
)  # fmt: skip

__all__ = [
    "BY_ID", "HANDLING", "STRETCH", "WARNED", "Filter", "Part", "Parts", "Period", "acting", "chained", "comments",
    "counts", "customers_of", "due", "history", "hold", "live", "live_causes", "live_holds", "locked", "page",
    "promises_due", "rules", "stretch_end", "times", "to_do", "warning",
]  # fmt: skip
