"""What `credit` holds on a person: a ledger, so its entries and amounts stay."""

from app.core.rights import Trace
from app.credit.models import (
    CreditAccount,
    CreditAllowance,
    CreditAllowanceUse,
    CreditAuthorisation,
    CreditChange,
    Expense,
    ExpenseBudget,
    Receivable,
    ReceivableAllocation,
    SalesPlan,
)

# The retention rule for what was noted with an entry.
RECEIVABLE_NOTES = "receivable_notes"

TRACES = (
    # No ledger: what was sold on account stands in the entries.
    Trace(CreditAuthorisation, "Amounts that were reserved for sales on account"),
    Trace(CreditAllowanceUse, "Receipts that were sold on account while a till was cut off"),
    Trace(CreditAllowance, "Amounts that a till might sell on account while it was cut off"),
    Trace(CreditChange, "Changes of the account's terms that a second key had to confirm"),
    Trace(ReceivableAllocation, "Which charges were paid by name", clear={}),
    Trace(CreditAccount, "The account: what may be owed, and is", clear={"review_on": None}),
    Trace(SalesPlan, "What was planned that you would buy"),
    Trace(ExpenseBudget, "What was planned to be spent on you"),
    # What was spent is in the company's books.
    Trace(Expense, "What was spent on you", clear={"note": None}),
    Trace(Receivable, "What was owed and paid", clear={"note": None}, rule=RECEIVABLE_NOTES),
)
