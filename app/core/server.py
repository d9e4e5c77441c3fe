"""Serving HTTP: uvicorn with the bounds it lacks, and a stop that loses nothing."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import HANDLED_SIGNALS

from app.core.settings import Settings

HEADER_SECONDS = 10


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn waits for the first request's headers without limit; this closes a connection that sends none in time."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock with the connection."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def on_headers_complete(self) -> None:
        """The headers are here; uvicorn's keep-alive limit takes over after the answer."""
        self._stop_clock()
        super().on_headers_complete()

    def on_message_begin(self) -> None:
        """A further request on the same connection gets its own time."""
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEADER_SECONDS, self._too_slow)
        super().on_message_begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clock."""
        self._stop_clock()
        super().connection_lost(exc)

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

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; a second Ctrl-C stops at once."""
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


def server(app: Any, settings: Settings, on_stop: Callable[[], None]) -> uvicorn.Server:
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
