"""Bodies for credit."""

from typing import Any

from app.examples.catalog import STORE
from app.examples.customers import CUSTOMER

BODIES: dict[str, Any] = {
    "PUT /v1/customers/{customer_id}/credit": {
        "limit": 5000000, "term_days": 30, "currency": "CNY", "status": "active", "review_on": "2027-06-30",
    },
    "POST /v1/credit-changes/{change_id}/refuse": {"reason": "Not before the annual accounts are here"},
    "POST /v1/customers/{customer_id}/receivables/batch": {
        "items": [
            {
                "external_id": "inv-2026-0815", "kind": "charge", "amount": 128000, "occurred_on": "2026-11-01",
                "due_on": "2026-12-01", "note": "Invoice 2026-0815",
            },
            {"external_id": "pay-2026-0099", "kind": "payment", "amount": 50000, "occurred_on": "2026-11-15",
             "allocations": [{"external_id": "inv-2026-0815", "amount": 30000}]},
        ]
    },
    "PUT /v1/customers/{customer_id}/sales-plans/{period}": {
        "planned": 1200000, "monthly_shares": ["0.2", "0.3", "0.5"],
    },
    "PUT /v1/customers/{customer_id}/expense-budgets/{period}": {"planned": 30000},
    "POST /v1/sales-plans/batch": {
        "items": [
            {"customer_id": CUSTOMER, "period": "2026", "planned": 5000000},
            {"customer_id": CUSTOMER, "period": "2026-12", "planned": 400000},
        ]
    },
    "POST /v1/expense-budgets/batch": {
        "items": [{"customer_id": CUSTOMER, "period": "2026-Q4", "planned": 50000,
                   "monthly_amounts": [10000, 10000, 30000]}],
    },
    "POST /v1/sales-plans/copies": {
        "from_period": "2026", "to_period": "2027", "factor": "1.05", "home_store": STORE, "dry_run": True,
    },
    "POST /v1/expense-budgets/copies": {
        "from_period": "2026", "to_period": "2027", "customer_ids": [CUSTOMER], "replace": True,
    },
    "POST /v1/customers/{customer_id}/expenses/batch": {
        "items": [
            {"external_id": "exp-2026-311", "kind": "travel", "amount": 18000, "occurred_on": "2026-11-12",
             "by": "emp-7", "note": "Visit to the new shop"},
            {"external_id": "exp-2026-312", "kind": "travel", "amount": -3000, "corrects": "exp-2026-311"},
        ]
    },
}  # fmt: skip
