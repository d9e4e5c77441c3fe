"""Bodies for erasures."""

from typing import Any

from app.examples.customers import CUSTOMER

BODIES: dict[str, Any] = {
    "POST /v1/erasures": {
        "customer_id": CUSTOMER, "reason": "request", "requested_at": "2026-11-20T10:15:00+08:00",
        "reference": "DSR-2026-0042",
    },
}  # fmt: skip
