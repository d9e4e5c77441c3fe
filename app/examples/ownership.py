"""Bodies for who looks after customers."""

from typing import Any

from app.examples.customers import CUSTOMER

BODIES: dict[str, Any] = {
    "PUT /v1/customers/{customer_id}/assignment": {"account_manager": "emp-7", "reason": "New district"},
    "PUT /v1/customers/{customer_id}/grade": {"grade": "A"},
    "POST /v1/handovers": {
        "customers": [CUSTOMER], "to": {"account_manager": "emp-9", "sponsor": None}, "reason": "emp-7 leaves us",
        "dry_run": False,
    },
}  # fmt: skip
