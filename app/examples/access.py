"""Bodies for API keys."""

from typing import Any

BODIES: dict[str, Any] = {
    "POST /v1/api-keys": {"name": "Tills of store S01", "role": "pos", "store": "S01"},
    "POST /v1/api-keys/{key_id}/rotate": {"grace_seconds": 86400},
}
