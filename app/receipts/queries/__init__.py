"""Every SELECT of receipts: what is shown, and what the figures ought to be."""

from app.receipts.queries.reading import (
    FINANCIAL,
    RETURNED_MORE,
    UNKNOWN_ORIGINAL,
    Listed,
    figures_of,
    one_document,
    receipt,
    receipts_of,
    stored,
    with_return_flags,
)  # fmt: skip
from app.receipts.queries.truth import Difference, differences, slices

__all__ = [
    "FINANCIAL", "RETURNED_MORE", "UNKNOWN_ORIGINAL", "Difference", "Listed", "differences", "figures_of",
    "one_document", "receipt", "receipts_of", "slices", "stored", "with_return_flags",
]  # fmt: skip
