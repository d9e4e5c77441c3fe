"""Bodies for receipts."""

from typing import Any

from app.examples.customers import CUSTOMER

_RECEIPT = {
    "source": "till", "number": "S01-20261120-0007", "store": "S01", "till": "3", "kind": "sale",
    "occurred_at": "2026-11-20T12:30:00+08:00", "currency": "CNY", "seller": "emp-12",
    "customer": {"identifier": {"kind": "card", "value": "01104905"}}, "on_unknown_customer": "create",
    "lines": [
        {
            "product": "TEA-1", "category": "food/tea", "quantity": "2", "gross": 33600, "discount": 600, "net": 33000,
            "tax": 3796, "cost": 22400,
        },
    ],
    "tenders": [{"kind": "cash", "amount": 33000}],
}  # fmt: skip

BODIES: dict[str, Any] = {
    "POST /v1/receipts": _RECEIPT,
    "POST /v1/receipts/batch": {"items": [_RECEIPT, {**_RECEIPT, "number": "S01-20261120-0008"}]},
    "POST /v1/receipts/{receipt_id}/attribution": {
        "customer": {"identifier": {"kind": "phone", "value": "138 1234 5678"}},
    },
    "POST /v1/receipts/{receipt_id}/void": {},
    "POST /v1/credit-allowances": {
        "customer_id": CUSTOMER,
        "amount": 200000,
        "hours": 48,
        "store": "S01",
        "till": "3",
    },
    "POST /v1/credit-authorisations": {
        "customer_id": CUSTOMER,
        "amount": 128000,
        "minutes": 30,
        "store": "S01",
        "till": "3",
        "receipt": {"source": "till", "number": "S01-20261120-0009"},
    },
    "POST /v1/credit-authorisations/{authorisation_id}/capture": {
        "receipt": {"source": "till", "number": "S01-20261120-0009"},
    },
}
