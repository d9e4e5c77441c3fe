"""Bodies for segments."""

from typing import Any

from app.examples.customers import CUSTOMER

_TEXT = "status = 'active' and home_store = 'S01'"

BODIES: dict[str, Any] = {
    "POST /v1/segments": {
        "name": "active-s01",
        "description": "Who buys at the first store",
        "text": _TEXT,
        "materialised": True,
    },
    "POST /v1/segments/parse": {"text": _TEXT},
    "POST /v1/segments/preview": {"text": _TEXT, "sample": 5},
    "POST /v1/segments/composition": {"text": _TEXT, "field": "home.city", "measure": "net_365d"},
    "POST /v1/segments/{segment_id}/difference": {"text": "status = 'lost'", "sample": 5},
    "POST /v1/segments/{segment_id}/members/batch": {"items": [{"id": CUSTOMER}]},
    "POST /v1/segments/{segment_id}/exports": {"format": "csv", "columns": ["display_name", "net_365d"]},
    "POST /v1/segments/{segment_id}/snapshots": {"field": "home.city", "measure": "net_365d"},
    "PATCH /v1/segments/{segment_id}": {"name": "lost", "text": "status = 'lost'"},
}
