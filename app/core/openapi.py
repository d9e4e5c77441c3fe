"""The OpenAPI document: FastAPI's own, plus hot routes, bodies that routes read themselves, and problems everywhere."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.routing import BaseRoute

from app.core.batch import ProblemBody
from app.core.edge import HotRoute
from app.core.errors import PROBLEM_MEDIA_TYPE
from app.core.http import DocumentedBody, GatedRoute, building_models, schema_name

DESCRIPTION = """\
The customer record that tills, call centre and partner systems share.

Send the API key as `Authorization: Bearer clk_...`. Errors are `application/problem+json` (RFC 9457) with a stable
`code`.
Every list answers `data`, `next_cursor` and `has_more`, and with `count=true` how many there are on all pages, `total`.
Money is in minor units, times are RFC 3339 in UTC, and unknown fields are refused. Ignore fields in an answer that you
do not know.
"""
_JSON = "application/json"
_METHODS = ("get", "put", "post", "delete", "patch")


class MadeOnce:
    """The document's bytes, made at the first call and kept.

    Making them takes a second of CPU and anybody may ask: in a thread, requests go on meanwhile.
    """

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make
        self._made: bytes | None = None
        self._making = asyncio.Lock()

    async def __call__(self) -> bytes:
        """The bytes; callers that come while they are made wait for the same ones."""
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
        return self._made


def document(
    app: FastAPI,
    hot: Iterable[HotRoute],
    public: frozenset[str],
    examples: Mapping[str, Any],
) -> dict[str, Any]:
    """The whole document; the same input gives the same bytes. `examples` are bodies by `METHOD /path`."""
    from fastapi.openapi.utils import get_openapi  # noqa: PLC0415  slow to import, and only needed here

    told = [route.documented() if isinstance(route, GatedRoute) else route for route in app.routes]
    with building_models():
        spec = get_openapi(
            title="Clientele", version="1", openapi_version="3.1.0", description=DESCRIPTION, routes=told
        )
    schemas = spec.setdefault("components", {}).setdefault("schemas", {})
    for route in hot:
        operation = dict(route.operation())
        schemas.update(operation.pop("x-schemas", {}))
        spec["paths"].setdefault(route.path, {})[route.method.lower()] = operation
    for model in [ProblemBody, *_body_models(told)]:
        schema = TypeAdapter(model).json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[schema_name(model)] = schema
    for path, operations in spec["paths"].items():
        for method in _METHODS:
            if method in operations:
                _finish(operations[method], path, public)
                _exemplify(operations[method], examples.get(f"{method.upper()} {path}"))
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    spec["components"]["schemas"] = dict(sorted(schemas.items()))
    spec["components"]["securitySchemes"] = {"api_key": {"type": "http", "scheme": "bearer", "bearerFormat": "clk_..."}}
    spec["security"] = [{"api_key": []}]
    spec["paths"] = dict(sorted(spec["paths"].items()))
    return spec


def _body_models(routes: Iterable[BaseRoute]) -> list[Any]:
    extras = (route.openapi_extra for route in routes if isinstance(route, APIRoute))
    return [extra.model for extra in extras if isinstance(extra, DocumentedBody)]


def _finish(operation: dict[str, Any], path: str, public: frozenset[str]) -> None:
    problem = {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
    responses = operation.setdefault("responses", {})
    responses.pop("422", None)
    if path in public:
        operation["security"] = []
    responses["4XX"] = {"description": "The request cannot be done; `code` says why.", "content": problem}
    responses["5XX"] = {"description": "The service cannot answer now; try again.", "content": problem}


def _exemplify(operation: dict[str, Any], example: Any) -> None:
    """Show a body that works. Where a body is no JSON, the example has one for each media type."""
    if example is None:
        return
    # Copies: routes keep what they say of their bodies.
    body = operation["requestBody"]
    shown = {
        media_type: {**content, "example": example if media_type == _JSON else example[media_type]}
        for media_type, content in body["content"].items()
    }
    operation["requestBody"] = {**body, "content": shown}
