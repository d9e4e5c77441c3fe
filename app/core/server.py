"""Serving HTTP: uvicorn with the bounds it lacks, and a stop that loses nothing."""

import asyncio
import errno
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import HANDLED_SIGNALS

from app.core.settings import Settings

HEADER_SECONDS = 10


class WholeAnswers:
    """A transport that sends an answer's head together with its body: one write to the system instead of two."""

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Keep a head until what follows it; `100 Continue` is followed by nothing of ours."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and data.endswith(b"\r\n\r\n") and data[9:12] != b"100":
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Send a head that nothing followed."""
        if self._head:
            data, self._head = self._head, b""
            self._transport.write(data)

    def close(self) -> None:
        """Close when everything is sent."""
        self.flush()
        self._transport.close()


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn waits for a request's headers without limit; this closes a connection that does not send them in time."""

    _deadline: asyncio.TimerHandle | None = None
    _in_headers = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock with the connection."""
        super().connection_made(cast("Any", WholeAnswers(transport)))
        self._start_clock()

    def data_received(self, data: bytes) -> None:
        """Only headers that come in pieces need the clock; uvicorn's keep-alive limit serves between requests."""
        super().data_received(data)
        if not self._in_headers:
            self._stop_clock()
        elif self._deadline is None:
            self._start_clock()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_headers = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The headers are here."""
        self._in_headers = False
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """The answer is over, with a body or without."""
        cast("Any", self.transport).flush()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def _start_clock(self) -> None:
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()


class StoppableServer(uvicorn.Server):
    """uvicorn, once stopped, ends the process by the same signal; this one returns, so that others can stop too."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop
        self.interrupted = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; a second Ctrl-C stops at once. One before it was ready: `interrupted`."""
        self.interrupted |= sig == signal.SIGINT and not self.started
        super().handle_exit(sig, frame)
        self._on_stop()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals for as long as the block runs."""
        loop = asyncio.get_running_loop()
        for number in HANDLED_SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in HANDLED_SIGNALS:
                loop.remove_signal_handler(number)


def address_problem(host: str, port: int) -> str | None:
    """Why nobody could listen there now, in words for a person; None if somebody could."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"Port {port} of {host} is in use. Choose another with --port or CLIENTELE_PORT."
        return f"Cannot listen on {host}, port {port}: {error.strerror}."
    return None


def server(app: Any, settings: Settings, on_stop: Callable[[], None]) -> StoppableServer:
    """A server for `app` that stops within `limits.stop_seconds` of SIGTERM and finishes what it began.

    `on_stop` is called when the signal arrives: it lets go those who wait for something that may never come.
    """
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=cast("Any", BoundedProtocol),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        # A forwarded address is believed only behind a proxy that the operator names; we name none.
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(settings.limits.stop_seconds),
        backlog=2048,
    )
    return StoppableServer(config, on_stop)
