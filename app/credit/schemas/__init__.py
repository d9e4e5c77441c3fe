"""Wire types of credit. Amounts are minor units of the company's currency."""

from app.credit.schemas.accounts import (
    AccountQuery,
    Ageing,
    ChangeQuery,
    Credit,
    CreditChange,
    CreditTerms,
    OpenCharge,
    Receivable,
    ReceivableIn,
    ReceivableItem,
    ReceivableQuery,
    RefusalIn,
)
from app.credit.schemas.plans import (
    Expense,
    ExpenseBudget,
    ExpenseIn,
    ExpenseItem,
    PeriodText,
    PlanCopy,
    PlanIn,
    PlanItem,
    PlanQuery,
    PlansCopied,
    SalesPlan,
)

__all__ = [
    "AccountQuery", "Ageing", "ChangeQuery", "Credit", "CreditChange", "CreditTerms", "Expense", "ExpenseBudget",
    "ExpenseIn", "ExpenseItem", "OpenCharge", "PeriodText", "PlanCopy", "PlanIn", "PlanItem", "PlanQuery",
    "PlansCopied", "Receivable", "ReceivableIn", "ReceivableItem", "ReceivableQuery", "RefusalIn", "SalesPlan",
]  # fmt: skip
