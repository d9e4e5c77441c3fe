"""Bodies for credit."""

from typing import Any

BODIES: dict[str, Any] = {
    "PUT /v1/customers/{customer_id}/credit": {
        "limit": 5000000, "term_days": 30, "currency": "CNY", "status": "active",
    },
    "POST /v1/customers/{customer_id}/receivables/batch": {
        "items": [
            {
                "external_id": "inv-2026-0815", "kind": "charge", "amount": 128000, "occurred_on": "2026-11-01",
                "due_on": "2026-12-01", "note": "Invoice 2026-0815",
            },
            {"external_id": "pay-2026-0099", "kind": "payment", "amount": 50000, "occurred_on": "2026-11-15"},
        ]
    },
}  # fmt: skip
