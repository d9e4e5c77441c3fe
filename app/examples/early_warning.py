"""Bodies for warnings, their rules, and holds."""

from typing import Any

from app.examples.customers import CUSTOMER

# An opportunity that is open.
OPPORTUNITY = "01932f5a-6b10-7d42-8a08-5c1e9f2b4d77"

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
    "POST /v1/opportunities/{opportunity_id}/take": {
        "owner": "emp-3", "outcome": "contacted", "note": "Was glad to hear from us",
    },
    "POST /v1/opportunities/{opportunity_id}/dismiss": {"reason": "not_wanted", "note": "Does not care for birthdays"},
    "POST /v1/opportunities/batch": {"items": [{"id": OPPORTUNITY, "action": "dismiss", "reason": "no_time"}]},
    "POST /v1/opportunities/evaluations": {"kinds": ["birthday", "contact_due"], "customer_ids": [CUSTOMER]},
    "PUT /v1/opportunity-rules/{kind}": {"enabled": True, "priority": 2, "days_before": 14},
    "POST /v1/customers/{customer_id}/holds": {"reason": "Cheque returned"},
    "POST /v1/holds/{hold_id}/release": {"reason": "Paid in full"},
}  # fmt: skip
