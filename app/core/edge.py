"""The outermost layer, plain ASGI: request id, caller, rate limit, lanes, the gate, the deadline, metrics, problems.

Hot routes are answered from here without the framework; every other request goes on to FastAPI.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.caller import Caller
from app.core.errors import (
    FORBIDDEN,
    INTERNAL,
    MEDIA_TYPE,
    PROBLEM_MEDIA_TYPE,
    RETRY_SOON,
    TIMEOUT,
    TOO_EXPENSIVE,
    TOO_LARGE,
    UNAVAILABLE,
    Problem,
)  # fmt: skip
from app.core.gate import check_target, parse_json
from app.core.http import LIFT_DEADLINE, Incoming
from app.core.ids import new_id_text
from app.core.reply import Reply
from app.core.services import Services

log = logging.getLogger("clientele.edge")
API_VERSION = "1"
SLOW_SECONDS = 5.0
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_UTF_8 = re.compile(rb"charset *= *\"?(utf-?8|us-ascii)\"? *(;|$)")
_BODY_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
Authenticate = Callable[[Mapping[bytes, bytes], bytes], Awaitable[Caller]]
Throttle = Callable[[Caller, str], dict[str, str]]


@dataclass(slots=True)
class HotRequest:
    """A request to a hot route: no framework object, just what is needed."""

    services: Services
    caller: Caller
    query: bytes
    body: bytes
    json: Any
    value: str = ""
    headers: Sequence[tuple[bytes, bytes]] = ()

    def header(self, name: bytes) -> str | None:
        """A header, by its name in small letters; looked for only where somebody asks."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class HotRoute:
    """A hot route: its path, its scope, its handler, and its OpenAPI operation.

    The last segment of the path but one may be a parameter, as in `/v1/customers/{customer_id}/standing`; the handler
    finds what stands there in `HotRequest.value`.
    """

    method: str
    path: str
    scope: str
    handler: Callable[[HotRequest], Awaitable[Reply]]
    operation: Callable[[], Mapping[str, Any]] = dict


@dataclass(frozen=True, slots=True)
class Doors:
    """What the edge must know of the routes, from `main`.

    `public` paths need no key. `raw` (method, path) read their JSON body themselves, because it may be big (and so does
    every path that ends with `/batch`, because a bad item must not cost a good one); `streamed`
    ones take the body chunk by chunk and have no deadline. `bulk` ones share the bulk lane.
    """

    public: frozenset[str]
    raw: frozenset[tuple[str, str]]
    streamed: frozenset[tuple[str, str]]
    bulk: frozenset[tuple[str, str]]
    hot: Mapping[tuple[str, str], HotRoute]

    def hot_route(self, method: str, path: str) -> tuple[HotRoute | None, str]:
        """(the hot route of a path, what stands in place of its parameter), or (None, "")."""
        found = self.hot.get((method, path))
        if found is not None:
            return found, ""
        before, _, last = path.rpartition("/")
        first, _, value = before.rpartition("/")
        return self.hot.get((method, f"{first}/{{}}/{last}")), value


def _lift(deadline: asyncio.Timeout) -> None:
    if not deadline.expired():
        deadline.reschedule(None)


def hot_key(path: str) -> str:
    """The path of a hot route as `Doors.hot` has it: without the name of its parameter.

    Raises ValueError if a parameter stands elsewhere.
    """
    key, count = re.subn(r"/\{\w+\}(?=/[^/{}]+$)", "/{}", path)
    if count > 1 or "{" in key.replace("/{}", ""):
        raise ValueError(f"{path}: only the last segment but one of a hot route may be a parameter")
    return key


class Edge:
    """The ASGI application that uvicorn serves."""

    def __init__(
        self, app: ASGIApp, services: Services, doors: Doors, authenticate: Authenticate, throttle: Throttle
    ) -> None:
        self.api: Any = app
        self._app = app
        self._services = services
        self._doors = doors
        self._authenticate = authenticate
        self._throttle = throttle
        self._bulk = asyncio.Semaphore(services.settings.limits.bulk_running)
        self._bulk_waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (or pass the lifespan on)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, method = time.perf_counter(), scope["method"]
        if method == "HEAD":
            # Answered as GET is. The server, which keeps its own scope, sends what comes before the body.
            scope = {**scope, "method": "GET"}
        exchange = _Exchange(scope, send)
        try:
            await self._answer(scope, receive, exchange)
        except Problem as problem:
            await exchange.problem(problem)
        except TimeoutError:
            await exchange.problem(Problem(TOO_EXPENSIVE, "The answer took too long.", headers=dict(RETRY_SOON)))
        except Exception as error:
            found = self._services.errors.problem(error)
            if found is None or found.type is INTERNAL:
                log.exception("unexpected error", extra={"request_id": exchange.seen.request_id})
            await exchange.problem(found or Problem(INTERNAL))
        finally:
            seconds = time.perf_counter() - started
            self._services.metrics.observe(method, exchange.route, exchange.status, seconds)
            if exchange.status >= 500 or seconds > SLOW_SECONDS:  # noqa: PLR2004
                _log_slow_or_failed(method, exchange, seconds)

    async def _answer(self, scope: Scope, receive: Receive, exchange: "_Exchange") -> None:
        seen = exchange.seen
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        seen.request_id = given if _REQUEST_ID.fullmatch(given) else new_id_text()
        path, door = scope["path"], (scope["method"], scope["path"])
        check_target(scope.get("raw_path") or b"", scope["query_string"])
        if path in self._doors.public:
            await self._app(scope, receive, exchange.send)
            return
        caller = await self._authenticate(headers, scope["query_string"])
        seen.caller = caller.on_request(seen.request_id)
        lane = "bulk" if door in self._doors.bulk else "main"
        exchange.extra = self._throttle(caller, lane)
        if lane == "main":
            await self._admitted(scope, receive, exchange, headers)
            return
        if self._bulk_waiting >= self._services.settings.limits.bulk_waiting:
            raise Problem(UNAVAILABLE, "Too many bulk requests at once.", headers={"Retry-After": "2"})
        self._bulk_waiting += 1
        try:
            await self._bulk.acquire()
        finally:
            self._bulk_waiting -= 1
        try:
            await self._admitted(scope, receive, exchange, headers)
        finally:
            self._bulk.release()

    async def _admitted(
        self, scope: Scope, receive: Receive, exchange: "_Exchange", headers: Mapping[bytes, bytes]
    ) -> None:
        door, limits = (scope["method"], scope["path"]), self._services.settings.limits
        if door in self._doors.streamed:
            await self._app(scope, receive, exchange.send)
            return
        if scope["method"] in _BODY_METHODS:
            exchange.seen.body = await self._read_body(receive, headers)
            self._check_media(exchange.seen.body, headers)
            if exchange.seen.body and door not in self._doors.raw and not scope["path"].endswith("/batch"):
                exchange.seen.json = parse_json(exchange.seen.body)
        async with asyncio.timeout(limits.request_seconds) as deadline:
            hot, value = self._doors.hot_route(*door)
            if hot is not None:
                await self._hot(hot, value, scope, exchange)
            else:
                # For an answer that sees to its own time, once it has begun.
                scope[LIFT_DEADLINE] = partial(_lift, deadline)
                await self._app(scope, receive, exchange.send)

    async def _hot(self, hot: HotRoute, value: str, scope: Scope, exchange: "_Exchange") -> None:
        seen = exchange.seen
        exchange.route = hot.path
        assert seen.caller is not None  # noqa: S101  set above, for every path that is not public
        if hot.scope not in seen.caller.scopes:
            raise Problem(FORBIDDEN, f"This API key lacks the scope {hot.scope}.")
        request = HotRequest(
            self._services, seen.caller, scope["query_string"], seen.body, seen.json, value, scope["headers"]
        )
        await exchange.reply(await hot.handler(request))

    async def _read_body(self, receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
        limits = self._services.settings.limits
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > limits.body_bytes:
            raise Problem(TOO_LARGE, f"A body may have at most {limits.body_bytes} bytes.")
        chunks: list[bytes] = []
        size, more = 0, True
        try:
            async with asyncio.timeout(limits.body_seconds):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Problem(TIMEOUT, "The connection closed before the body was complete.")
                    chunk = message.get("body", b"")
                    size += len(chunk)
                    if size > limits.body_bytes:
                        raise Problem(TOO_LARGE, f"A body may have at most {limits.body_bytes} bytes.")
                    chunks.append(chunk)
                    more = message.get("more_body", False)
        except TimeoutError:
            raise Problem(TIMEOUT, "The body did not arrive in time.") from None
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _check_media(self, body: bytes, headers: Mapping[bytes, bytes]) -> None:
        if not body:
            return
        media, _, parameters = headers.get(b"content-type", b"").lower().partition(b";")
        media = media.strip()
        if b"charset" in parameters and _UTF_8.search(parameters) is None:
            raise Problem(MEDIA_TYPE, "Send the body as UTF-8.")
        if media not in {b"application/json", b"application/merge-patch+json"}:
            raise Problem(MEDIA_TYPE, "Send application/json.")
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise Problem(MEDIA_TYPE, "Send the body without Content-Encoding.")


class _Exchange:
    """One answer on its way out: adds the headers every answer has, and remembers its status."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.seen = Incoming(request_id="")
        self.status = 500
        self.extra: dict[str, str] = {}
        self._route = ""
        self._scope = scope
        self._send = send
        self._started = False
        scope["clientele"] = self.seen

    @property
    def route(self) -> str:
        """The route's template; unknown paths share one word so that labels stay few."""
        if self._route:
            return self._route
        return str(getattr(self._scope.get("route"), "path_format", "") or "other")

    @route.setter
    def route(self, value: str) -> None:
        self._route = value

    async def send(self, message: Message) -> None:
        """Pass a message on, with the common headers on the first."""
        if message["type"] == "http.response.start":
            self._started = True
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._common()]
        await self._send(message)

    async def reply(self, reply: Reply) -> None:
        """Send a whole answer."""
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(reply.body)).encode())]
        headers += [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
        await self._whole(reply.status, headers, reply.body)

    async def problem(self, problem: Problem) -> None:
        """Send a problem, unless an answer has already begun (then the connection just ends)."""
        if self._started:
            return
        body = problem.body(self.seen.request_id)
        headers = [(b"content-type", PROBLEM_MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
        await self._whole(problem.type.status, headers, body)

    async def _whole(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self._started, self.status = True, status
        await self._send({"type": "http.response.start", "status": status, "headers": [*headers, *self._common()]})
        await self._send({"type": "http.response.body", "body": body})

    def _common(self) -> list[tuple[bytes, bytes]]:
        common = [(b"x-request-id", self.seen.request_id.encode()), (b"clientele-version", API_VERSION.encode())]
        common += [(name.lower().encode(), value.encode()) for name, value in self.extra.items()]
        return common


def _log_slow_or_failed(method: str, exchange: _Exchange, seconds: float) -> None:
    client = str(exchange.seen.caller.client_id) if exchange.seen.caller else ""
    log.warning(
        "slow or failed request",
        extra={
            "request_id": exchange.seen.request_id, "method": method, "route": exchange.route,
            "status": exchange.status, "ms": round(seconds * 1000), "client": client,
        },
    )  # fmt: skip
