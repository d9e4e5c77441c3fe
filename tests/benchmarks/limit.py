"""The limit server: the smallest thing that could answer a hot request, for ours to be measured against.

A bare ASGI function on uvicorn (uvloop, httptools, no access log), the application's own SQL on an asyncpg pool that
resets nothing, JSON as PostgreSQL wrote it. No framework, no key, no scope, no audit, no limits, no metrics, no checks.

    GET /phone?v=%2B8613800000001    GET /card?v=C00000001    GET /whole?v=(a customer's id)
    GET /standing?v=(a customer's id)    GET /changes?v=1000    GET /bare
"""

import argparse
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import asyncpg
import uvicorn

from tests.benchmarks.same_sql import (
    CARD,
    CHANGES,
    LOOKUPS,
    SESSION,
    STANDING,
    card_values,
    lookup_values,
    standing_values,
)  # fmt: skip

_JSON = (b"content-type", b"application/json")
PAGE = 1000


class Connection(asyncpg.Connection):
    """Given back without a round trip."""

    async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  the name is asyncpg's
        return


class Limit:
    """The ASGI function and the pool it reads from."""

    def __init__(self, dsn: str, connections: int) -> None:
        self._dsn = dsn
        self._connections = connections
        self._pool: Any = None
        self._answers: dict[str, Callable[[str], Awaitable[bytes]]] = {
            "/phone": self._phone,
            "/card": self._card,
            "/whole": self._whole,
            "/standing": self._standing,
            "/changes": self._changes,
            "/bare": self._bare,
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        body = await self._answers[scope["path"]](unquote(scope["query_string"][2:].decode()))
        headers = [_JSON, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        self._pool = await asyncpg.create_pool(
            self._dsn, min_size=1, max_size=self._connections, connection_class=Connection, server_settings=SESSION,
            max_cacheable_statement_size=0,
        )  # fmt: skip
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._pool.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _phone(self, value: str) -> bytes:
        return await self._lookup("phone", value)

    async def _card(self, value: str) -> bytes:
        return await self._lookup("card", value)

    async def _lookup(self, kind: str, value: str) -> bytes:
        sql = LOOKUPS[kind]
        row = await self._pool.fetchrow(sql.text, *sql.arguments(lookup_values(kind, value)))
        return b'{"data":%b,"next_cursor":null,"has_more":false}' % row["data"].encode()

    async def _whole(self, value: str) -> bytes:
        row = await self._pool.fetchrow(CARD.text, *CARD.arguments(card_values(value)))
        return str(row["document"]).encode()

    async def _standing(self, value: str) -> bytes:
        row = await self._pool.fetchrow(STANDING.text, *STANDING.arguments(standing_values(value)))
        return json.dumps({"status": row["status"], "balance": row["balance"]}).encode()

    async def _changes(self, value: str) -> bytes:
        values = {"after": int(value), "limit": PAGE, "types": None}
        row = await self._pool.fetchrow(CHANGES.text, *CHANGES.arguments(values))
        more = b"true" if row["found"] == PAGE else b"false"
        return b'{"data":[%b],"next_cursor":"%d","has_more":%b}' % (row["documents"].encode(), row["newest"], more)

    async def _bare(self, value: str) -> bytes:
        return json.dumps(value).encode()


def main() -> None:
    """Serve on 127.0.0.1 until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--connections", type=int, default=6)
    given = parser.parse_args()
    app = Limit(given.dsn, given.connections)
    uvicorn.run(
        app, host="127.0.0.1", port=given.port, loop="uvloop", http="httptools", ws="none", lifespan="on",
        access_log=False, log_config=None, proxy_headers=False, server_header=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
