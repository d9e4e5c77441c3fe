"""Bodies for warnings, their rules, and holds."""

from typing import Any

from app.examples.customers import CUSTOMER

_PROGRESS: dict[str, Any] = {
    "enabled": True, "tolerance_percent": 5, "early_days": 9, "early_tolerance_percent": 10, "from_percent": 10,
    "critical_percent": 25, "hold_on": [], "cooling_days": 7,
}  # fmt: skip
_EXPENSE: dict[str, Any] = {
    "enabled": True, "budget_percent": 100, "forecast_from_percent": 25, "share_days": 90, "share_factor_percent": 150,
    "trend_percent": 20, "hold_on": ["above_budget"], "again_percent": 110, "cooling_days": 7,
}  # fmt: skip

BODIES: dict[str, Any] = {
    "POST /v1/warnings/evaluations": {"kinds": ["credit"], "customer_ids": [CUSTOMER]},
    "POST /v1/warnings/{warning_id}/acknowledge": {
        "owner": "emp-3", "due_at": "2026-12-01T09:00:00+08:00", "note": "Calling today",
    },
    "POST /v1/warnings/{warning_id}/resolve": {
        "outcome": "paid", "cause": "Moved to another office", "finding": "The invoice never arrived",
        "remedy": "Sent it again, address corrected", "note": "Paid the same day",
    },
    "PUT /v1/warning-rules/credit": {
        "enabled": True, "notice_percent": 80, "critical_percent": 110, "cooling_days": 3,
    },
    "PUT /v1/warning-rules/loss": {
        "enabled": True, "late_percent": 80, "risk_percent": 90, "risk_chance_percent": 50, "lost_chance_percent": 10,
        "horizon_days": 90, "occasions": 2, "silent_days": 365, "cooling_days": 30,
    },
    "PUT /v1/warning-rules/sales_progress": _PROGRESS,
    "PUT /v1/warning-rules/sales_expense": _EXPENSE,
    "PUT /v1/warning-rules/credit/overrides/{by}/{key}": {"settings": {"notice_percent": 70}, "priority": 0},
    "PUT /v1/warning-rules/loss/overrides/{by}/{key}": {"settings": {"late_percent": 70}, "priority": 0},
    "PUT /v1/warning-rules/sales_progress/overrides/{by}/{key}": {"settings": _PROGRESS, "priority": 0},
    "PUT /v1/warning-rules/sales_expense/overrides/{by}/{key}": {"settings": _EXPENSE, "priority": 0},
    "POST /v1/customers/{customer_id}/holds": {"reason": "Cheque returned"},
    "POST /v1/holds/{hold_id}/release": {"reason": "Paid in full"},
}  # fmt: skip
