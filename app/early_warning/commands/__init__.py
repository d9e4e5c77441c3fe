"""Every write of early warnings: what the rules do, what people do, rules, and holds."""

from app.early_warning.commands.evaluating import (
    NOTHING,
    SWEEP,
    Done,
    Ending,
    after_purchases,
    enqueue_daily_sweep,
    enqueue_sweep,
    evaluate,
    evaluate_customers,
    evaluate_stretch,
)  # fmt: skip
from app.early_warning.commands.following import acknowledge, resolve, set_rule
from app.early_warning.commands.holding import place_hold, release_hold
from app.early_warning.commands.watching import watch

__all__ = [
    "NOTHING", "SWEEP", "Done", "Ending", "acknowledge", "after_purchases", "enqueue_daily_sweep", "enqueue_sweep",
    "evaluate", "evaluate_customers", "evaluate_stretch", "place_hold", "release_hold", "resolve", "set_rule", "watch",
]  # fmt: skip
