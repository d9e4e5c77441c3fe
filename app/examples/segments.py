"""Bodies for segments."""

from typing import Any

_TEXT = "status = 'active' and home_store = 'S01'"

BODIES: dict[str, Any] = {
    "POST /v1/segments": {"name": "active-s01", "description": "Who buys at the first store", "text": _TEXT},
    "POST /v1/segments/parse": {"text": _TEXT},
    "POST /v1/segments/preview": {"text": _TEXT, "sample": 5},
    "PATCH /v1/segments/{segment_id}": {"name": "lost", "text": "status = 'lost'"},
}
