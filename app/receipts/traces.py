"""What `receipts` holds on a person: a ledger, so its rows and amounts stay."""

from app.core.rights import Trace
from app.receipts.models import (
    CustomerCategory,
    CustomerDay,
    CustomerFigures,
    Receipt,
    ReceiptLine,
    ReceiptNumber,
)

TRACES = (
    Trace(Receipt, "Receipts", clear={"extensions": {}, "purpose": None}),
    Trace(ReceiptLine, "Lines of the receipts", clear={}),
    Trace(ReceiptNumber, "Numbers of the receipts", clear={}, hidden=frozenset({"content_hash"})),
    Trace(CustomerFigures, "Figures over all receipts", clear={}),
    Trace(CustomerDay, "Figures by day", clear={}),
    Trace(CustomerCategory, "Figures by category", clear={}),
)
