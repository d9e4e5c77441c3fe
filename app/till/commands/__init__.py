"""Every write of the till: pushing receipts, attributing and voiding them, reserving credit."""

from app.till.commands.authorising import allow, authorise
from app.till.commands.changing import attribute_receipt, void_receipt
from app.till.commands.pushing import Regions, record_receipt, record_receipts

__all__ = ["Regions", "allow", "attribute_receipt", "authorise", "record_receipt", "record_receipts", "void_receipt"]
