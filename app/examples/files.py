"""Bodies for imports, by media type."""

from typing import Any

BODIES: dict[str, Any] = {
    "POST /v1/imports": {
        "text/csv": "display_name,phone,card\n王芳,139 0851 2345,86001234\n陈明,137 0851 7788,86001235\n",
        "application/x-ndjson": '{"display_name": "王芳", "identifiers": [{"kind": "card", "value": "86001234"}]}\n',
    }
}
