"""A client that calls the application directly.

Of the processor time of a request httpx took a quarter, over a hundred thousand requests. This one is httpx's client in
all that tests use of it; whatever else it is asked for (forms, cookies, streams) goes the long way through httpx.
"""

import asyncio
import json as to_json
import re
from collections.abc import Mapping
from datetime import timedelta
from time import perf_counter
from typing import Any
from urllib.parse import unquote

import httpx

# What httpx sends as it is.
_PLAIN = re.compile(r"/(?!/)[A-Za-z0-9._~/:@!$'()*,;=+-]*(\?[A-Za-z0-9._~/:@!$'()*,;=+&%?-]*)?")
_OTHERWISE = ("data", "files", "cookies", "extensions")
_BASE = httpx.URL("http://test")
Headers = list[tuple[bytes, bytes]]


class Answer(httpx.Response):
    """A response that makes its request when somebody asks for it."""

    asked: tuple[str, bytes, bytes]

    @property
    def request(self) -> httpx.Request:
        """The request: its method, address and body."""
        method, target, body = self.asked
        return httpx.Request(method, _BASE.copy_with(raw_path=target), content=body)

    @request.setter
    def request(self, value: httpx.Request) -> None:
        self._request = value

    def raise_for_status(self) -> httpx.Response:
        """As httpx does."""
        self._request = self.request
        return super().raise_for_status()


class Client(httpx.AsyncClient):
    """An `httpx.AsyncClient` of an ASGI application in this process. An error of the application is a 500."""

    def __init__(self, app: Any, headers: Mapping[str, str] | None = None) -> None:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        super().__init__(transport=transport, base_url=_BASE, headers=headers, trust_env=False)
        self._app = app

    async def request(self, method: str, url: Any, **given: Any) -> httpx.Response:
        content = given.get("content")
        stream = content is not None and not isinstance(content, (str, bytes))
        if stream or not isinstance(url, str) or any(given.get(name) for name in _OTHERWISE):
            return await super().request(method, url, **given)
        path, query = self._target(url, given.get("params"))
        kind = None
        if content is None and given.get("json") is not None:
            text = to_json.dumps(given["json"], ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            content, kind = text, b"application/json"
        body = content.encode() if isinstance(content, str) else content or b""
        headers = self._sent(given.get("headers"), kind)
        if body or (content is None and method in {"POST", "PUT", "PATCH"}):
            headers.append((b"content-length", b"%d" % len(body)))
        began = perf_counter()
        answer = await self._call(method, path, query, headers, body)
        answer.elapsed = timedelta(seconds=perf_counter() - began)
        return answer

    async def send(self, request: httpx.Request, **given: Any) -> httpx.Response:
        """A request made before, with a body in one piece."""
        if given or not hasattr(request, "_content"):
            return await super().send(request, **given)
        path, _, query = request.url.raw_path.partition(b"?")
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        return await self._call(request.method, path, query, headers, request.content)

    def _target(self, url: str, params: Any) -> tuple[bytes, bytes]:
        """Path and query as they go over the wire."""
        if params is None and _PLAIN.fullmatch(url):
            path, _, query = url.partition("?")
            return path.encode(), query.encode()
        whole = self._merge_url(url)
        if params is not None:
            whole = whole.copy_with(params=httpx.QueryParams(params))
        return whole.raw_path.partition(b"?")[0], whole.query

    def _sent(self, more: Any, kind: bytes | None) -> Headers:
        merged = httpx.Headers(self._merge_headers(more)) if more else self.headers
        sent = [(name.lower(), value) for name, value in merged.raw]
        names = {name for name, _ in sent}
        if b"host" not in names:
            sent.insert(0, (b"host", b"test"))
        if kind is not None and b"content-type" not in names:
            sent.append((b"content-type", kind))
        return sent

    async def _call(self, method: str, path: bytes, query: bytes, headers: Headers, body: bytes) -> httpx.Response:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "headers": headers,
            "scheme": "http", "path": unquote(path.decode("ascii")), "raw_path": path, "query_string": query,
            "server": ("test", None), "client": ("127.0.0.1", 123), "root_path": "",
        }  # fmt: skip
        call = _Call(body)
        try:
            await self._app(scope, call.receive, call.send)
        except Exception:  # noqa: BLE001  as a server does
            call.complete.set()
            call.status = call.status or 500
        assert call.complete.is_set()
        shown = b"" if method == "HEAD" else b"".join(call.parts)
        answer = Answer(call.status, headers=call.headers, stream=httpx.ByteStream(shown))
        answer.asked = method, path + b"?" * bool(query) + query, body
        answer.read()
        return answer


class _Call:
    """What a server does for one request."""

    def __init__(self, body: bytes) -> None:
        self.complete = asyncio.Event()
        self.status = 0
        self.headers: Headers = []
        self.parts: list[bytes] = []
        self._body: bytes | None = body

    async def receive(self) -> dict[str, Any]:
        if self._body is None:
            await self.complete.wait()
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            assert not self.status
            self.status, self.headers = message["status"], [*message.get("headers", ())]
        elif message["type"] == "http.response.body":
            assert not self.complete.is_set()
            self.parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                self.complete.set()
