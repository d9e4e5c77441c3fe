"""Every SELECT of early warnings: judging customers, and reading warnings, rules and holds."""

from app.early_warning.queries.applied import HANDLING, due
from app.early_warning.queries.counting import Period, counts, times
from app.early_warning.queries.handling import customers_of, live_causes, locked, promises_due
from app.early_warning.queries.judging import acting, stands, to_do
from app.early_warning.queries.overriding import by_segment, hold_override, other_segments, override, overrides
from app.early_warning.queries.parts import BY_ID, STRETCH, WARNED, Part, Parts, Scope, chained
from app.early_warning.queries.reading import (
    Filter,
    comments,
    happened,
    history,
    hold,
    in_stretch,
    live,
    live_holds,
    page,
    rules,
    stretch_end,
    warning,
)  # fmt: skip

__all__ = [
    "BY_ID", "HANDLING", "STRETCH", "WARNED", "Filter", "Part", "Parts", "Period", "Scope", "acting", "by_segment",
    "chained", "comments", "counts", "customers_of", "due", "happened", "history", "hold", "hold_override",
    "in_stretch", "live", "live_causes", "live_holds", "locked", "other_segments", "override", "overrides", "page",
    "promises_due", "rules", "stands", "stretch_end", "times", "to_do", "warning",
]  # fmt: skip
