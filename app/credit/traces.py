"""What `credit` holds on a person: a ledger, so its entries and amounts stay."""

from app.core.rights import Trace
from app.credit.models import CreditAccount, CreditAuthorisation, Receivable

# The retention rule for what was noted with an entry.
RECEIVABLE_NOTES = "receivable_notes"

TRACES = (
    # No ledger: what was sold on account stands in the entries.
    Trace(CreditAuthorisation, "Amounts that were reserved for sales on account"),
    Trace(CreditAccount, "The account: what may be owed, and is", clear={}),
    Trace(Receivable, "What was owed and paid", clear={"note": None}, rule=RECEIVABLE_NOTES),
)
