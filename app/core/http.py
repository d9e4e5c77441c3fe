"""What routers use: the caller with a declared scope, the write dependency, raw bodies, replies, ETags."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Annotated, Any, TypeGuard

from fastapi import Depends, Header, Request, Response, params
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from app.core.caller import Caller
from app.core.db import Work
from app.core.errors import FORBIDDEN, INVALID, VERSION_REQUIRED, FieldError, Problem
from app.core.gate import check_names
from app.core.idempotency import RequestKey
from app.core.reply import Reply
from app.core.services import Services

# In the scope of a request: ends its deadline, for an answer that bounds its own time once it has begun.
LIFT_DEADLINE = "clientele.lift_deadline"


# Dependencies are coroutines: FastAPI sends plain functions to a thread, which costs more than most of them do.
async def _services(request: Request) -> Services:
    """The process's services, from a request."""
    found: Services = request.app.state.services
    return found


ServicesOf = Annotated[Services, Depends(_services)]


@dataclass(slots=True)
class Incoming:
    """What the edge learnt of a request before its handler runs: `scope["clientele"]`."""

    request_id: str
    caller: Caller | None = None
    body: bytes = b""
    json: Any = None


def incoming(request: Request) -> Incoming:
    """What the edge left for this request."""
    found: Incoming = request.scope["clientele"]
    return found


class GatedRequest(Request):
    """A request whose JSON the gate has already parsed."""

    async def body(self) -> bytes:
        """The body that the gate read."""
        return incoming(self).body

    async def json(self) -> Any:
        """The value that the gate parsed; never parsed twice."""
        return incoming(self).json


def _named(route: APIRoute) -> str:
    return route.name


def _is_model(kind: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


@contextmanager
def building_models() -> Iterator[None]:
    """For what builds models that FastAPI has put into fields.

    Pydantic warns of the names that FastAPI gives those fields. FastAPI hides that where it makes a field; ours are
    built later than it expects.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnsupportedFieldAttributeWarning)
        yield


class _MadeRoute(APIRoute):
    """FastAPI's own route."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # The first use of a model builds it.
        with building_models():
            for field in (self.body_field, *_query_parameters(self.dependant)):
                if field is not None and _is_model(field.field_info.annotation):
                    field.validate(None)

    def get_route_handler(self) -> Any:
        """FastAPI's handler, given a request that knows its parsed body."""
        inner = super().get_route_handler()
        once, often = _query_names(self)

        async def handler(request: Request) -> Response:
            # Monitors add what they like to the addresses that need no key.
            if request.scope["query_string"] and incoming(request).caller is not None:
                check_names(request.scope["query_string"], once, often)
            return await inner(GatedRequest(request.scope, request.receive))

        return handler


class GatedRoute(APIRoute):
    """A route behind the gate. Every room's router uses it: `APIRouter(route_class=GatedRoute)`.

    Its operation id is the name of its function. It knows what finds it and what its callers need; what FastAPI makes
    of its function is `made` with its first request: for all routes together that took a fifth of a start. Handlers
    answer bytes, so what they answer is described for the documentation alone, and made for it alone.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        Route.__init__(self, path, endpoint, name=options["name"], include_in_schema=options["include_in_schema"])
        # Starlette adds HEAD to GET; FastAPI does not.
        self.methods = {method.upper() for method in options["methods"] or ("GET",)}
        self.dependencies = list(options["dependencies"] or ())
        options["generate_unique_id_function"] = _named
        self.documented = partial(_MadeRoute, path, endpoint, **options)
        told = {
            status: {name: value for name, value in one.items() if name != "model"}
            for status, one in (options["responses"] or {}).items()
        }
        self._make = partial(_MadeRoute, path, endpoint, **{**options, "response_model": None, "responses": told})

    @cached_property
    def made(self) -> APIRoute:
        """FastAPI's route, which takes milliseconds to make. Raises what FastAPI raises of a bad function."""
        return self._make()

    def required(self) -> "list[Requires]":
        """The scopes that this route declares: of its own dependencies, and of its function's parameters."""
        named = (one for kind in self.endpoint.__annotations__.values() for one in getattr(kind, "__metadata__", ()))
        depends = (one.dependency for one in (*self.dependencies, *named) if isinstance(one, params.Depends))
        return [one for one in depends if isinstance(one, Requires)]

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that this route matches."""
        await self.made.handle(scope, receive, send)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether this route answers a request.

        The framework asks one route after the other: more than a hundred regular expressions cost a request more than
        its SQL does, so the fixed beginning and end of the path are compared first.
        """
        path = scope["path"]
        if path.startswith(self._beginning) and path.endswith(self._end):
            return super().matches(scope)
        return Match.NONE, {}

    @cached_property
    def _beginning(self) -> str:
        return self.path.partition("{")[0]

    @cached_property
    def _end(self) -> str:
        return self.path.rpartition("}")[2]


def _query_parameters(dependant: Any) -> Iterator[Any]:
    yield from dependant.query_params
    for inner in dependant.dependencies:
        yield from _query_parameters(inner)


def _query_names(route: APIRoute) -> tuple[frozenset[str], frozenset[str]]:
    """The names of a route's query parameters: those given once at most, and those that are lists."""
    once: set[str] = set()
    often: set[str] = set()
    for parameter in _query_parameters(route.dependant):
        # A model of parameters stands for its fields.
        model = parameter.field_info.annotation
        if _is_model(model):
            fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        else:
            fields = {parameter.alias: model}
        for name, kind in fields.items():
            (often if "list[" in str(kind) else once).add(name)
    return frozenset(once), frozenset(often)


class Requires:
    """Dependency that declares a route's scope and answers the caller. Every route has one; checked at start."""

    def __init__(self, scope: str, group: str | None = None) -> None:
        self.scope = scope
        self.group = group

    async def __call__(self, request: Request) -> Caller:
        """The caller, if granted the scope and the field group. Raises Problem forbidden."""
        caller = incoming(request).caller
        if caller is None or not caller.may(self.scope):
            raise Problem(FORBIDDEN, f"This API key lacks the scope {self.scope}.")
        if self.group is not None and self.group not in caller.field_groups:
            raise Problem(FORBIDDEN, f"This API key lacks the field group {self.group}.")
        return caller


def requires(scope: str, group: str | None = None) -> Any:
    """The declaration of a route's scope (`room:action`), for `Annotated[Caller, ...]`.

    And of a field group, where nothing would be left of the answer without it.
    """
    return Depends(Requires(scope, group))


class Writer:
    """Runs a route's work through the one write function, with the request's Idempotency-Key if it has one."""

    def __init__(self, request: Request, services: Services, idempotency_key: str | None) -> None:
        self._request = request
        self._services = services
        self._key = idempotency_key

    async def __call__(self, work: Work, *, body: bytes | None = None) -> Response:
        """Run `work` for the caller, commit, and answer."""
        seen = incoming(self._request)
        if seen.caller is None:
            raise Problem(FORBIDDEN)
        key = None
        if self._key is not None:
            target = self._request.url.path + "?" + self._request.url.query
            key = RequestKey.of(self._key, self._request.method, target, seen.body if body is None else body)
        return respond(await self._services.db.write(seen.caller, work, key=key))


async def _writer(
    request: Request,
    services: ServicesOf,
    idempotency_key: Annotated[
        str | None,
        Header(description="Repeating a request with the same key and body replays its answer, for 7 days."),
    ] = None,
) -> Writer:
    return Writer(request, services, idempotency_key)


WriteOf = Annotated[Writer, Depends(_writer)]


def respond(reply: Reply) -> Response:
    """A reply as an HTTP response."""
    headers = dict(reply.headers)
    media_type = headers.pop("Content-Type", "application/json") if reply.body else None
    return Response(reply.body, reply.status, headers, media_type)


def json_response(body: bytes | str, headers: dict[str, str] | None = None) -> Response:
    """JSON that PostgreSQL or a query has already written."""
    return Response(body, 200, headers, "application/json")


def expected_version(if_match: str | None) -> int:
    """The version in If-Match. Raises Problem: 428 without the header, 422 if it is not one of our ETags."""
    if if_match is None:
        raise Problem(VERSION_REQUIRED, "Send If-Match with the ETag of the version that you read.")
    text = if_match.strip().removeprefix("W/").strip('"')
    if not text.isascii() or not text.isdigit() or len(text) > 18:  # noqa: PLR2004
        raise Problem(INVALID, errors=[FieldError("header:If-Match", "invalid_etag", 'If-Match looks like "3".')])
    return int(text)


class DocumentedBody(dict[str, Any]):
    """`openapi_extra` of a route that reads its body itself; `model` joins the schemas of the document."""

    def __init__(self, model: Any, media_type: str) -> None:
        content = {media_type: {"schema": {"$ref": f"#/components/schemas/{schema_name(model)}"}}}
        super().__init__(requestBody={"required": True, "content": content})
        self.model = model


def schema_name(model: Any) -> str:
    """The name of a model among the document's schemas."""
    return str(model.__name__).replace("[", "_").replace("]", "")


def documented_body(model: Any, media_type: str = "application/json") -> DocumentedBody:
    """For a route that reads its body itself: the documentation still shows the model."""
    return DocumentedBody(model, media_type)
