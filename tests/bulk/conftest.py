"""Helpers for imports: send a file over HTTP, and run its job here as a worker would."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from app.assembly import import_kinds
from app.bulk.jobs import handlers
from app.bulk.kinds import Kinds
from app.core.jobs import JobRunner
from app.core.services import Services
from app.core.settings import JobSettings

CSV = "text/csv"
NDJSON = "application/x-ndjson"
QUICK = JobSettings(lease_seconds=0.6, poll_seconds=0.02, backoff_seconds=0.01)


@pytest.fixture
def services(house) -> Services:
    """The application's services, with jobs that do not wait long."""
    settings = house.services.settings.model_copy(update={"jobs": QUICK})
    return replace(house.services, settings=settings)


@pytest.fixture
def kinds() -> Kinds:
    return import_kinds()


@dataclass
class Imports:
    """Sends files and runs their jobs."""

    client: httpx.AsyncClient
    services: Services
    kinds: Kinds

    async def send(self, kind: str, data: str | bytes, media: str = CSV, **headers: str) -> httpx.Response:
        """Only upload it."""
        body = data.encode() if isinstance(data, str) else data
        given = {"Content-Type": media, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.client.post("/v1/imports", params={"kind": kind}, content=body, headers=given)

    async def run(self, kind: str, data: str | bytes, media: str = CSV) -> dict[str, Any]:
        """Upload it, run its job, and answer the import."""
        sent = await self.send(kind, data, media)
        assert sent.status_code == 202, sent.text
        return await self.finished(sent.json()["id"])

    async def finished(self, import_id: str, seconds: float = 60) -> dict[str, Any]:
        """Run jobs until this import is over."""
        async with working(self.services, self.kinds), asyncio.timeout(seconds):
            while True:
                found = await self.look(import_id)
                if found["status"] in {"done", "failed"}:
                    return found
                await asyncio.sleep(0.02)

    async def look(self, import_id: str) -> dict[str, Any]:
        answer = await self.client.get(f"/v1/imports/{import_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def errors(self, import_id: str, **query: str) -> list[dict[str, Any]]:
        answer = await self.client.get(f"/v1/imports/{import_id}/errors", params=query)
        assert answer.headers["content-type"].startswith(NDJSON)
        return [httpx.Response(200, content=line).json() for line in answer.content.splitlines()]


class working:  # noqa: N801  used as a context: `async with working(...)`
    """A worker's job runner in this process while the block runs."""

    def __init__(self, services: Services, kinds: Kinds) -> None:
        self._runner = JobRunner(services, handlers(kinds))
        self._stop = asyncio.Event()

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._runner.run(self._stop))

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        with suppress(asyncio.CancelledError):
            await self._task


@pytest.fixture
def imports(client, services, kinds) -> Imports:
    return Imports(client, services, kinds)


@pytest.fixture
def count(services) -> Callable[[str], Awaitable[int]]:
    """Rows of a table."""

    async def rows(table: str) -> int:
        connection = await services.db.connect()
        try:
            return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))
        finally:
            await connection.close()

    return rows
