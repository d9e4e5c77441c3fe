"""Every SELECT of early warnings: judging customers, and reading warnings, rules and holds."""

from app.early_warning.queries.judging import BY_ID, STRETCH, WARNED, Part, Parts, acting, chained, to_do
from app.early_warning.queries.reading import (
    Filter,
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
    "BY_ID", "STRETCH", "WARNED", "Filter", "Part", "Parts", "acting", "chained", "history", "hold", "live",
    "live_holds",     "page", "rules", "stretch_end", "to_do", "warning",
]  # fmt: skip
