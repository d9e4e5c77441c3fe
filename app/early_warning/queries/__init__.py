"""Every SELECT of early warnings: judging customers, and reading warnings, rules and holds."""

from app.early_warning.queries.judging import acting, stands, to_do
from app.early_warning.queries.overriding import by_segment, hold_override, override, overrides
from app.early_warning.queries.parts import BY_ID, STRETCH, WARNED, Part, Parts, chained
from app.early_warning.queries.reading import (
    Filter,
    happened,
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
    "BY_ID", "STRETCH", "WARNED", "Filter", "Part", "Parts", "acting", "by_segment", "chained", "happened", "history",
    "hold", "hold_override", "live", "live_holds", "override", "overrides", "page", "rules", "stands", "stretch_end",
    "to_do", "warning",
]  # fmt: skip
