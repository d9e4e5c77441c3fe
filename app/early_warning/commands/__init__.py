"""Every write of early warnings: what the rules do, what people do, rules, and holds."""

from app.early_warning.commands.evaluating import (
    NOTHING,
    SWEEP,
    Done,
    Ending,
    after_purchases,
    end_promises,
    enqueue_daily_sweep,
    enqueue_sweep,
    evaluate,
    evaluate_customers,
    evaluate_stretch,
)  # fmt: skip
from app.early_warning.commands.following import place_hold, release_hold, set_rule
from app.early_warning.commands.handling import Order, Outcome, handle, handle_one
from app.early_warning.commands.timing import escalate, follow_managers, wake

__all__ = [
    "NOTHING", "SWEEP", "Done", "Ending", "Order", "Outcome", "after_purchases", "end_promises", "enqueue_daily_sweep",
    "enqueue_sweep", "escalate", "evaluate", "evaluate_customers", "evaluate_stretch", "follow_managers", "handle",
    "handle_one", "place_hold", "release_hold", "set_rule", "wake",
]  # fmt: skip
