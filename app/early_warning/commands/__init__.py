"""Every write of early warnings: what the rules do, what people do, rules, and holds."""

from app.early_warning.commands.evaluating import (
    NOTHING,
    STRETCH_SIZE,
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
from app.early_warning.commands.following import acknowledge, resolve
from app.early_warning.commands.holding import place_hold, release_hold
from app.early_warning.commands.setting import (
    MEMBERS,
    drop_override,
    enqueue_members,
    look_up_members,
    set_override,
    set_rule,
)  # fmt: skip
from app.early_warning.commands.watching import watch

__all__ = [
    "MEMBERS", "NOTHING", "STRETCH_SIZE", "SWEEP", "Done", "Ending", "acknowledge", "after_purchases", "drop_override",
    "enqueue_daily_sweep", "enqueue_members", "enqueue_sweep", "evaluate", "evaluate_customers", "evaluate_stretch",
    "look_up_members", "place_hold", "release_hold", "resolve", "set_override", "set_rule", "watch",
]  # fmt: skip
