"""Every write of segments, with its audit row and event."""

from app.segments.commands.keeping import ask_anew, clear, held_row, keep_members, refresh
from app.segments.commands.listing import Entry, put
from app.segments.commands.saving import change, create, follow, remove, take_turn
from app.segments.commands.snapshots import keep, refuse_limited

__all__ = [
    "Entry",
    "ask_anew",
    "change",
    "clear",
    "create",
    "follow",
    "held_row",
    "keep",
    "keep_members",
    "put",
    "refresh",
    "refuse_limited",
    "remove",
    "take_turn",
]
