"""After an erasure nothing of a person is found anywhere: tables, statistics, a dump, logs, metrics, files."""

import asyncio
import logging
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

from app.core.db import Database, dsn_of
from app.core.embedded.binaries import installed
from app.core.log import JsonLines
from app.engagement.jobs import Follower
from app.privacy import commands
from app.privacy.commands import Listed, Office, replay
from tests.privacy.canaries import EMAIL, NUMBERS, Canary, leaks, live, scan


@pytest.fixture
def lines():
    """Every line that would be logged."""
    kept: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not record.name.startswith(("httpx", "httpcore")):
                kept.append(JsonLines().format(record))

    handler, root = Keep(), logging.getLogger()
    root.addHandler(handler)
    before = root.level
    root.setLevel(logging.INFO)
    yield kept
    root.setLevel(before)
    root.removeHandler(handler)


async def learn(dsn):
    connection = await asyncpg.connect(dsn)
    await connection.execute("ANALYZE")
    await connection.close()


def files(folder: Path) -> str:
    """All files of ours beside the database."""
    return "\n".join(path.read_bytes().decode("utf-8", "replace") for path in folder.rglob("*") if path.is_file())


async def dumped(dsn):
    """A dump of the database, with the planner's statistics."""
    program = installed().program("pg_dump")
    process = await asyncio.create_subprocess_exec(
        program, "--statistics", "--no-owner", dsn, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


@asynccontextmanager
async def restored(house, backup):
    """A second database that holds what a backup does; its address."""
    url = make_url(house.services.db.url)
    name = f"{url.database}_restored"
    there = url.set(database=name).render_as_string(hide_password=False)
    connection = await asyncpg.connect(house.services.db.dsn)
    await connection.execute(f"CREATE DATABASE {name}")
    try:
        program = installed().program("pg_restore")
        process = await asyncio.create_subprocess_exec(program, "--no-owner", "-d", dsn_of(there), str(backup))
        assert await process.wait() == 0
        yield there
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()


async def backed_up(dsn, backup):
    """A backup as one would keep it, with the planner's statistics."""
    program = installed().program("pg_dump")
    process = await asyncio.create_subprocess_exec(program, "-Fc", "--statistics", "-f", str(backup), dsn)
    assert await process.wait() == 0


async def merged(client, canary):
    """The record that the file has made is the same person's: it ends in the other."""
    found = (await client.get("/v1/customers/lookup", params={"email": EMAIL})).json()["data"]
    loser = next(one["id"] for one in found if one["id"] != canary.customer)
    answer = await client.post(
        "/v1/merges", json={"winner": canary.customer, "loser": loser, "reason": canary.text("merge")}
    )
    assert answer.status_code in {200, 201}, answer.text
    return loser


async def test_nothing_is_left_of_an_erased_person(client, house, names, imports, lines, tmp_path):
    canary = Canary(client, names)
    await live(canary)
    await Follower(house.services).turn()
    await imports.finished(names["import_id"])
    rows = f"display_name,phone,email\n{canary.text('imported name')},{NUMBERS[0]},{EMAIL}\n"
    await imports.run("customers", rows)
    await merged(client, canary)
    await house.services.reads.flush()
    dsn = house.services.db.dsn
    await learn(dsn)
    before = await scan(dsn)
    known = set().union(*(leaks(text, canary) for text in before.values()))
    assert len(known) >= 40, "a test that looks for what is not there finds nothing"
    assert any(leaks(text, canary) for name, text in before.items() if name.startswith("pg_stats"))

    backup = tmp_path / "backup"
    await backed_up(dsn, backup)
    answer = await client.post("/v1/erasures", json={"customer_id": canary.customer, "reason": "request"})
    assert answer.status_code == 201, answer.text
    assert not leaks(answer.text, canary)
    while await house.services.db.run(commands.settle):
        pass
    after = {name: leaks(text, canary) for name, text in (await scan(dsn)).items()}
    assert {name: found for name, found in after.items() if found} == {}
    assert leaks(await dumped(dsn), canary) == set()
    assert leaks((await client.get("/metrics")).text, canary) == set()
    assert leaks("\n".join(lines), canary) == set()
    assert leaks(files(house.services.settings.data_dir), canary) == set()
    await nor_after_a_restore(house, backup, answer.json(), canary)


async def nor_after_a_restore(house, backup, erasure, canary):
    """Who comes back with a backup is erased again by the list."""
    services = house.services
    listed = Listed.read(erasure, frozenset({erasure["public_key"]}))
    async with restored(house, backup) as url:
        db = Database(url, services.settings, services.clock)
        try:
            before = await scan(db.dsn)
            assert len(set().union(*(leaks(text, canary) for text in before.values()))) >= 40
            assert await db.run(lambda tx: replay(tx, Office.of(services), [listed])) == 2
            while await db.run(commands.settle):
                pass
            after = {name: leaks(text, canary) for name, text in (await scan(db.dsn)).items()}
            assert {name: found for name, found in after.items() if found} == {}
        finally:
            await db.close()
