"""The protocol below uvicorn: heads travel with their bodies, nothing is held back for ever, slow headers end it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
import uvicorn
from uvicorn.server import ServerState

from app.core import server

Talk = Callable[..., Awaitable[bytes]]
REQUEST = b"GET /%b HTTP/1.1\r\nHost: test\r\n\r\n"


async def answer(scope, receive, send):
    """Answers by path: nothing, in pieces, how many bytes came, or hello."""
    headers, body = [], b"hello"
    if scope["path"] == "/body":
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
    if scope["path"] == "/none":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    if scope["path"] != "/pieces":
        headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": scope["path"] == "/pieces"})
    if scope["path"] == "/pieces":
        await send({"type": "http.response.body", "body": b"there"})


@pytest.fixture
async def talk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Talk]:
    """Send pieces with pauses between them; all that comes back until a silence or the end, which reads `<end>`."""
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.3)
    loop, state = asyncio.get_running_loop(), ServerState()
    config = uvicorn.Config(
        answer, lifespan="off", log_config=None, access_log=False, date_header=False, server_header=False
    )
    config.load()
    listening = await loop.create_server(
        lambda: server.BoundedProtocol(config=config, server_state=state, app_state={}, _loop=loop), "127.0.0.1", 0
    )

    async def ask(*pieces: bytes, pause: float = 0.0) -> bytes:
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
        found = bytearray()

        async def listen() -> None:
            with suppress(ConnectionError):
                while chunk := await reader.read(65536):
                    found.extend(chunk)

        listener = asyncio.create_task(listen())
        for piece in pieces:
            # The server may have had enough.
            if writer.transport.is_closing():
                break
            writer.write(piece)
            await asyncio.sleep(pause)
        await asyncio.wait({listener}, timeout=0.2)
        if listener.done():
            found.extend(b"<end>")
        listener.cancel()
        writer.close()
        return bytes(found)

    yield ask
    for protocol in list(state.connections):
        protocol.transport.close()
    listening.close()


async def test_an_answer_is_one_write(talk: Talk, monkeypatch: pytest.MonkeyPatch):
    writes = []
    plain = server.WholeAnswers.__init__

    def spied(self, transport):
        class Spy:
            def write(self, data):
                writes.append(data)
                transport.write(data)

            def __getattr__(self, name):
                return getattr(transport, name)

        plain(self, Spy())

    monkeypatch.setattr(server.WholeAnswers, "__init__", spied)
    assert (await talk(REQUEST % b"")).endswith(b"\r\n\r\nhello")
    assert len(writes) == 1


async def test_an_answer_without_body_is_not_held_back(talk: Talk):
    assert (await talk(REQUEST % b"none")).startswith(b"HTTP/1.1 204")
    both = await talk(b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n", REQUEST % b"", pause=0.05)
    assert both.count(b"HTTP/1.1 200") == 2 and both.endswith(b"\r\n\r\nhello")
    assert (await talk(b"HEAD / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")).endswith(b"\r\n\r\n<end>")


async def test_pieces_pipelines_and_continue(talk: Talk):
    assert (await talk(REQUEST % b"pieces")).endswith(b"\r\n5\r\nhello\r\n5\r\nthere\r\n0\r\n\r\n")
    assert (await talk((REQUEST % b"") * 3)).count(b"\r\n\r\nhello") == 3
    head = b"POST /body HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    # Its body comes only after we said that we want it.
    assert (await talk(head)) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await talk(head, b"abc", pause=0.05)).endswith(b"\r\n\r\nabc")


async def test_headers_that_come_too_slowly_end_the_connection(talk: Talk):
    line = b"X: y\r\n"
    slow = (b"GET / HTTP/1.1\r\n", *[line] * 4)
    assert await talk(*slow, pause=0.1) == b"<end>"
    assert await talk(b"", pause=0.4) == b"<end>"
    # The second request on a connection has no more time than the first.
    found = await talk((REQUEST % b"") + b"GET", b" / HTTP/1.1\r\n", *[line] * 4, pause=0.1)
    assert found.endswith(b"hello<end>") and found.count(b"HTTP/1.1") == 1
    # One that is quick enough, in pieces, is answered, and may then be silent for longer than headers may take.
    found = await talk(b"GET / HTTP/1.1\r\n", b"Host: test\r\n", b"\r\n", b"", REQUEST % b"", pause=0.12)
    assert found.count(b"hello") == 2 and not found.endswith(b"<end>")
