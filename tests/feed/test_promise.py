"""The feed's promise: a reader that follows the cursor sees what was committed, once, in order, whatever happens.

Writers lock several records at a time, wait, roll back and lose their connections; so do the sequencers, the listening
connection and the reader's own. Small numbers by default, the full ones by `make proof`.
"""

from __future__ import annotations

import asyncio
import os
import random
import uuid
from collections import Counter, defaultdict
from contextlib import suppress
from typing import Any

import asyncpg
import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.access import commands as access_commands
from app.access.keyring import Keyring
from app.assembly import build_services
from app.core.clock import Clock
from app.core.db import Database
from app.core.settings import Settings
from app.feed.jobs import Sequencer, sequencer
from app.feed.outbox import Event, publish
from app.main import create_app
from tests.feed.factories import CUT

WRITERS = 24
SUBJECTS = 16
SEED = int(os.environ.get("CLIENTELE_SEED", "0")) or random.randrange(2**32)


class Regret(Exception):
    """The writer rolls back."""


class World:
    """A database with versioned records, and everything that happens to it."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.db = Database(url, settings, Clock(), pool_size=WRITERS)
        self.settings = settings
        self.records = [uuid.UUID(int=number + 1) for number in range(SUBJECTS)]
        self.seen: list[dict[str, Any]] = []
        self.outcomes: Counter[str] = Counter()
        self.kills = 0
        self.written = asyncio.Event()

    async def open(self) -> None:
        await self.db.open()
        await self.db.run(lambda tx: tx.execute(text("CREATE TABLE records (id uuid PRIMARY KEY, version bigint)")))
        fill = text("INSERT INTO records SELECT unnest(CAST(:ids AS uuid[])), 0")
        await self.db.run(lambda tx: tx.execute(fill, {"ids": self.records}))

    async def write(self, rounds: int, chance: random.Random) -> None:
        """Change some records, again and again, each change with its event."""
        bump = text("UPDATE records SET version = version + 1 WHERE id = :id RETURNING version")
        for _ in range(rounds):
            touched = sorted(chance.sample(self.records, chance.randint(1, 3)))
            fate = chance.random()

            async def change(tx: Any, touched: Any = touched, fate: float = fate) -> None:
                events = []
                for record in [*touched, touched[0]]:  # one of them twice: its order holds inside a batch as well
                    version = await tx.scalar(bump, {"id": record})
                    events.append(Event("customer.updated", record, record, version, {"by": "test"}))
                await asyncio.sleep(chance.random() * 0.01)
                await tx.execute(publish(tx, events))
                await asyncio.sleep(chance.random() ** 6 * 0.2)  # mostly short, sometimes very long
                if fate < 0.1:
                    raise Regret
                if fate < 0.15:
                    await tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

            try:
                await self.db.run(change)
                self.outcomes["committed"] += 1
            except Regret:
                self.outcomes["rolled back"] += 1
            except CUT:  # the connection is gone, and with it the knowledge whether the commit went through
                self.outcomes["cut"] += 1

    async def read(self, client: httpx.AsyncClient, limit: int, types: str | None) -> list[dict[str, Any]]:
        """Follow the feed until the writers are done and the outbox is empty."""
        events: list[dict[str, Any]] = []
        asked: dict[str, Any] = {"limit": limit, "wait": 1} | ({"types": types} if types else {})
        ended = False
        while not ended:
            ended = self.written.is_set() and await self.all_moved()
            answer = await client.get("/v1/changes", params=asked, timeout=40)
            if answer.status_code == 503:
                await asyncio.sleep(0.05)
                ended = False
                continue
            assert answer.status_code == 200, answer.text
            found = answer.json()
            events += found["data"]
            asked["after"] = found["next_cursor"]
            ended = ended and not found["has_more"]
        return events

    async def all_moved(self) -> bool:
        with suppress(*CUT):
            return not await self.db.run(lambda tx: tx.scalar(text("SELECT count(*) FROM outbox")))
        return False

    async def cut(self, chance: random.Random) -> None:
        """End a random connection every now and then, whoever's it is."""
        connection = await asyncpg.connect(self.db.dsn)
        try:
            while not self.written.is_set():
                await asyncio.sleep(chance.random() * 0.1)
                pids = await connection.fetch(
                    "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                    " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
                if pids:
                    self.kills += await connection.fetchval(
                        "SELECT pg_terminate_backend($1)::int", chance.choice(pids)[0]
                    )
        finally:
            await connection.close()

    async def versions(self) -> dict[str, int]:
        connection = await asyncpg.connect(self.db.dsn)
        rows = await connection.fetch("SELECT id, version FROM records")
        await connection.close()
        return {str(row["id"]): row["version"] for row in rows}


def check(events: list[dict[str, Any]], versions: dict[str, int]) -> None:
    """Exactly the committed changes, once each, numbered without a hole, each record's in the order of its versions."""
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert len({event["id"] for event in events}) == len(events)
    order = defaultdict(list)
    for event in events:
        order[event["subject"]].append(event["version"])
    for record, version in versions.items():
        assert order[record] == list(range(1, version + 1)), record


async def run(world: World, app: Any, rounds: int) -> None:
    """Everybody at once: writers, sequencers, readers, and the one who cuts connections."""
    chance = random.Random(SEED)
    services = app.api.state.services
    keyring = Keyring(services.settings.secret)
    key = (await services.db.run(lambda tx: access_commands.create_key(tx, keyring, "reader", "analyst")))[1]
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key}"}
    stop = asyncio.Event()
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(2):
            group.create_task(Sequencer(world.db, world.settings).run(stop))
        readers = [
            group.create_task(world.read(client, limit, types))
            for limit, types in ((7, None), (1000, None), (50, "customer.updated"), (50, "store.updated"))
        ]
        cutter = group.create_task(world.cut(random.Random(chance.random())))
        await asyncio.gather(*(world.write(rounds, random.Random(chance.random())) for _ in range(WRITERS)))
        world.written.set()
        await cutter
        small, large, filtered, none = await asyncio.gather(*readers)
        stop.set()
    versions = await world.versions()
    check(large, versions)
    assert small == large, "the size of a page changes nothing"
    assert filtered == large
    assert none == []
    assert sum(versions.values()) == len(large)


async def play(url: str, settings: Settings, rounds: int) -> World:
    settings = settings.model_copy(update={"database_url": SecretStr(url)})
    world = World(url, settings)
    app = create_app(build_services(settings, url))
    async with app.api.router.lifespan_context(app.api):
        await world.open()
        try:
            await run(world, app, rounds)
        finally:
            await world.db.close()
    return world


@pytest.fixture(autouse=True)
def settle_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done once a second in use must be right at any moment."""
    monkeypatch.setattr(sequencer, "SETTLE_SECONDS", 0.01)


async def test_24_writers_and_every_kind_of_failure(own_url, settings):
    world = await play(own_url, settings, rounds=12)
    print(f"seed {SEED}: {dict(world.outcomes)}, {world.kills} connections cut")
    assert min(world.outcomes["committed"], world.outcomes["rolled back"], world.outcomes["cut"]) > 5, world.outcomes
    assert world.kills > 5


@pytest.mark.proof
async def test_24_writers_for_long(own_url, settings):
    world = await play(own_url, settings, rounds=1000)
    print(f"seed {SEED}: {dict(world.outcomes)}, {world.kills} connections cut")
    assert world.outcomes["committed"] > 15_000
