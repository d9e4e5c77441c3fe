"""Bodies for merging two records of one person."""

from typing import Any

from app.examples.customers import CUSTOMER

# Another record of the same person.
SECOND = "0199d3a1-7c52-7b6e-9a41-2f7f0c6d8e22"

BODIES: dict[str, Any] = {
    "POST /v1/merges": {
        "winner": CUSTOMER, "loser": SECOND, "choices": {"display_name": "winner"},
        "reason": "Same phone, same birthday; she says so herself", "dry_run": True,
    },
}  # fmt: skip
