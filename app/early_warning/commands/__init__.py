"""Every write of early warnings: what the rules do, what people do, rules, and holds."""

from app.early_warning.commands.evaluating import (
    NOTHING,
    STRETCH_SIZE,
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
from app.early_warning.commands.handling import Order, Outcome, handle, handle_one
from app.early_warning.commands.holding import place_hold, release_hold, release_parted
from app.early_warning.commands.setting import (
    MEMBERS,
    drop_override,
    enqueue_members,
    look_up_members,
    set_override,
    set_rule,
)  # fmt: skip
from app.early_warning.commands.timing import escalate, follow_managers, wake
from app.early_warning.commands.watching import watch

__all__ = [
    "MEMBERS", "NOTHING", "STRETCH_SIZE", "SWEEP", "Done", "Ending", "Order", "Outcome", "after_purchases",
    "drop_override", "end_promises", "enqueue_daily_sweep", "enqueue_members", "enqueue_sweep", "escalate", "evaluate",
    "evaluate_customers", "evaluate_stretch", "follow_managers", "handle", "handle_one", "look_up_members",
    "place_hold", "release_hold", "release_parted", "set_override", "set_rule", "wake", "watch",
]  # fmt: skip
