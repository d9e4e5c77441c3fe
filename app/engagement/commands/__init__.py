"""Every write of engagement: records and what is done to them, rules, and the tasks that the worker makes."""

from app.engagement.commands.following import follow, make_due_tasks, set_rules
from app.engagement.commands.recording import act, change, create

__all__ = ["act", "change", "create", "follow", "make_due_tasks", "set_rules"]
