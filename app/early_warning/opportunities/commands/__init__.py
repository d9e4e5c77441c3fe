"""Every write of opportunities: what the rules do, what people do, and rules."""

from app.early_warning.opportunities.commands.deciding import decide, dismiss, set_rule, take
from app.early_warning.opportunities.commands.evaluating import (
    SWEEP,
    Done,
    after_purchases,
    enqueue_daily_sweep,
    enqueue_sweep,
    evaluate,
    evaluate_stretch,
    follow,
)  # fmt: skip

__all__ = [
    "SWEEP", "Done", "after_purchases", "decide", "dismiss", "enqueue_daily_sweep", "enqueue_sweep", "evaluate",
    "evaluate_stretch", "follow", "set_rule", "take",
]  # fmt: skip
