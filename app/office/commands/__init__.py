"""What the office changes across rooms: credit with the warnings that follow, and records that are one person's."""

from app.office.commands.credit import enter_receivables, put_credit
from app.office.commands.merging import Order, Rehearsed, merge, undo

__all__ = ["Order", "Rehearsed", "enter_receivables", "merge", "put_credit", "undo"]
