"""Bodies for warnings, their rules, and holds."""

from typing import Any

from app.examples.customers import CUSTOMER

WARNING = "01989e3c-7a00-7c11-9d53-2f6a0c8e4b17"
# An opportunity that is open.
OPPORTUNITY = "01932f5a-6b10-7d42-8a08-5c1e9f2b4d77"
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
    "POST /v1/warnings/{warning_id}/snooze": {"until": "2099-12-01T09:00:00+08:00", "note": "Pays every December"},
    "POST /v1/warnings/{warning_id}/investigate": {
        "owner": "emp-3", "due_at": "2026-12-01T09:00:00+08:00", "note": "Asking the driver",
    },
    "POST /v1/warnings/{warning_id}/assign": {
        "owner": "emp-3", "due_at": "2026-12-01T09:00:00+08:00", "note": "Knows the shop",
    },
    "POST /v1/warnings/{warning_id}/reopen": {"note": "Still not paid"},
    "POST /v1/warnings/{warning_id}/comments": {"text": "The owner is away until Monday", "by": "emp-3"},
    "POST /v1/warnings/batch": {
        "items": [
            {"id": WARNING, "action": "assign", "owner": "emp-3", "note": "Takes over the north"},
            {
                "id": WARNING, "action": "resolve", "outcome": "promised", "remedy": "Pays in two parts",
                "promise": {"amount": 50000, "due_on": "2099-12-20"},
            },
        ]
    },
    "PUT /v1/warning-rules/credit": {
        "enabled": True, "notice_percent": 80, "critical_percent": 110, "cooling_days": 3,
        "handling": {"owner": "emp-1", "escalate_to": "emp-2", "notice_hours": 168, "warning_hours": 72,
                     "critical_hours": 24},
    },
    "PUT /v1/warning-rules/loss": {
        "enabled": True, "late_percent": 80, "risk_percent": 90, "risk_chance_percent": 50, "lost_chance_percent": 10,
        "horizon_days": 90, "occasions": 2, "silent_days": 365, "cooling_days": 30,
    },
    "POST /v1/opportunities/{opportunity_id}/take": {
        "owner": "emp-3", "outcome": "contacted", "note": "Was glad to hear from us",
    },
    "POST /v1/opportunities/{opportunity_id}/dismiss": {"reason": "not_wanted", "note": "Does not care for birthdays"},
    "POST /v1/opportunities/batch": {"items": [{"id": OPPORTUNITY, "action": "dismiss", "reason": "no_time"}]},
    "POST /v1/opportunities/evaluations": {"kinds": ["birthday", "contact_due"], "customer_ids": [CUSTOMER]},
    "PUT /v1/opportunity-rules/{kind}": {"enabled": True, "priority": 2, "days_before": 14},
    "PUT /v1/warning-rules/sales_progress": _PROGRESS,
    "PUT /v1/warning-rules/sales_expense": _EXPENSE,
    "PUT /v1/warning-rules/credit/overrides/{by}/{key}": {"settings": {"notice_percent": 70}, "priority": 0},
    "PUT /v1/warning-rules/loss/overrides/{by}/{key}": {"settings": {"late_percent": 70}, "priority": 0},
    "PUT /v1/warning-rules/sales_progress/overrides/{by}/{key}": {"settings": _PROGRESS, "priority": 0},
    "PUT /v1/warning-rules/sales_expense/overrides/{by}/{key}": {"settings": _EXPENSE, "priority": 0},
    "POST /v1/customers/{customer_id}/holds": {"reason": "Cheque returned"},
    "POST /v1/holds/{hold_id}/release": {"reason": "Paid in full"},
}  # fmt: skip
