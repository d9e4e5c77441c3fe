"""Every write of receipts: writing them, counting them into figures, moving and voiding them, and repair."""

from app.receipts.commands.counting import Effect, Moved, count_receipts
from app.receipts.commands.keeping import Kept, flag_receipts, hold_receipt, lock_customers, move_receipt, void_receipt
from app.receipts.commands.repairing import rebuild
from app.receipts.commands.writing import write_receipts

__all__ = [
    "Effect", "Kept", "Moved", "count_receipts", "flag_receipts", "hold_receipt", "lock_customers", "move_receipt",
    "rebuild",
    "void_receipt", "write_receipts",
]  # fmt: skip
