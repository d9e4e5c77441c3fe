"""Every SELECT of receipts: what is shown, and what the figures ought to be."""

from app.receipts.queries.reading import (
    FINANCIAL,
    Listed,
    figures_of,
    last_receipts,
    one_document,
    receipt,
    receipts_of,
    sees_cost,
    stored,
)  # fmt: skip
from app.receipts.queries.truth import Difference, differences, slices

__all__ = [
    "FINANCIAL", "Difference", "Listed", "differences", "figures_of", "last_receipts", "one_document", "receipt",
    "receipts_of", "sees_cost", "slices", "stored",
]  # fmt: skip
