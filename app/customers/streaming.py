"""Answers that are streamed line by line, and must not hold what they read from for as long as a reader likes."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.core.errors import UNAVAILABLE, Problem
from app.core.http import LIFT_DEADLINE

TOTAL_SECONDS = 3600.0


class Slots:
    """How many streams may run at once in this process."""

    def __init__(self, count: int) -> None:
        self._free = count

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a slot. Raises Problem unavailable if none is free."""
        if self._free == 0:
            raise Problem(UNAVAILABLE, "Others are reading right now.", headers={"Retry-After": "10"})
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


class BoundedStream(StreamingResponse):
    """Lines from a generator, which is closed as soon as the reader leaves, stalls, or takes too long altogether.

    What goes wrong before the first chunk is still answered as a problem; after that the connection just ends, so a
    whole answer needs a last line that says so.
    """

    def __init__(
        self,
        chunks: AsyncGenerator[bytes],
        *,
        stall_seconds: float,
        total_seconds: float = TOTAL_SECONDS,
        media_type: str = "application/x-ndjson",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(chunks, status, headers, media_type)
        self._chunks = chunks
        self._stall = stall_seconds
        self._total = total_seconds
        self._lift: Callable[[], None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. The deadline of a request ends with the first chunk: the stall time and the total count from then."""
        self._lift = scope.get(LIFT_DEADLINE)
        await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        """Send the chunks, each within the stall time."""
        async with asyncio.timeout(self._total), aclosing(self._chunks):
            first = await anext(self._chunks, b"")
            if self._lift is not None:
                self._lift()
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for chunk in _with(first, self._chunks):
                async with asyncio.timeout(self._stall):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _with(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
