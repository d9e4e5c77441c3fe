"""Epochs: a cursor is worth nothing in another database, and says so."""

from __future__ import annotations

import asyncio
import subprocess

import pytest
from sqlalchemy import make_url, text

from app.core.embedded.binaries import installed
from app.core.errors import Problem
from app.feed import commands, hot, queries
from app.feed.cursor import write_cursor
from app.feed.jobs import Sequencer
from app.feed.reading import follow
from app.feed.schemas import ChangesQuery
from tests.feed.conftest import a_database, opened
from tests.feed.factories import an_event, head, move, put, readers_waiting, until, write


async def refused(services, cursor):
    with pytest.raises(Problem) as caught:
        await follow(services, ChangesQuery(after=cursor))
    return caught.value.as_dict()


def address(url):
    """The address as PostgreSQL's own programs take it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


async def run(program, *arguments):
    done = await asyncio.to_thread(
        subprocess.run, [installed().program(program), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


async def test_an_epoch_begins_once_and_stays(own):
    first = await own.db.run(commands.ensure_epoch)
    assert await own.db.run(commands.ensure_epoch) == first
    await put(own.db, an_event())
    assert await own.db.run(commands.ensure_epoch) == first
    assert await own.db.run(queries.head) == (first, 1)


async def test_processes_that_open_the_feed_together_agree(own):
    epochs = await asyncio.gather(*(own.db.run(commands.ensure_epoch) for _ in range(8)))
    assert len(set(epochs)) == 1
    assert (await own.db.run(queries.head))[0] == epochs[0]


async def test_nobody_has_opened_the_feed_yet(own):
    with pytest.raises(LookupError):
        await own.db.run(queries.head)
    assert await hot.unmoved(own.db) == (False, False)
    assert (await follow(own, ChangesQuery())).last == 0, "the first reader opens it"
    assert (await own.db.run(queries.head))[1] == 0


async def test_a_dump_restored_elsewhere_begins_a_new_epoch(own, settings, tmp_path):
    """Events, waiting events and the state come along; cursors do not."""
    await own.feed.start()
    await put(own.db, *(an_event(version=number) for number in range(5)))
    await write(own.db, an_event(version=5))
    before = await head(own)
    old_epoch = (await own.db.run(queries.head))[0]
    dump = str(tmp_path / "feed.dump")
    await run("pg_dump", "--format=custom", f"--file={dump}", f"--dbname={address(own.db.url)}")
    # The source goes on after the dump: its readers see what the restored database will never know.
    await put(own.db, *(an_event(version=99) for _ in range(4)))
    async with a_database(own.db.url) as restored:
        await run("pg_restore", "--exit-on-error", f"--dbname={address(restored)}", dump)
        async with opened(restored, settings) as services:
            for cursor in (before, await head(own)):
                problem = await refused(services, cursor)
                assert (problem["status"], problem["code"]) == (410, "cursor_gone")
                assert problem["resync"] == "/v1/customers/snapshot"
            epoch, newest = await services.db.run(queries.head)
            assert epoch != old_epoch
            assert newest == 5
            await write(services.db, an_event(version=6))
            assert await move(services.db) == 2
            found = await follow(services, ChangesQuery())
            assert (found.count, found.start, found.seen) == (7, 0, 7)
            assert [f'"version":{number}' in found.documents for number in range(7)] == [True] * 7
            assert (await refused(services, before))["code"] == "cursor_gone", "also when the numbers have caught up"
    assert (await follow(own, ChangesQuery(after=before))).count == 5, "the source's readers notice nothing"


async def test_the_sequencer_notices_a_restore_by_itself(own):
    await own.db.run(commands.ensure_epoch)
    await put(own.db, an_event(), an_event())
    await own.db.run(lambda tx: commands.settle(tx, 2))
    cursor, old = await head(own), (await own.db.run(queries.head))[0]
    await as_if_restored(own.db)
    await write(own.db, an_event())
    stop = asyncio.Event()
    task = asyncio.create_task(Sequencer(own.db, own.settings).run(stop))

    async def moved():
        return (await own.db.run(queries.head))[1] == 3

    await until(moved)
    stop.set()
    await task
    assert (await own.db.run(queries.head))[0] != old
    assert (await refused(own, cursor))["code"] == "cursor_gone"


async def as_if_restored(db):
    """The state of another server: what a reader finds after a restore."""
    await db.run(lambda tx: tx.execute(text("UPDATE feed_state SET cluster = '1/00000001/1'")))


async def test_a_listening_process_notices_a_restore_by_itself(own):
    await own.db.run(commands.ensure_epoch)
    old = (await own.db.run(queries.head))[0]
    await as_if_restored(own.db)
    await own.feed.start()
    assert (await own.db.run(queries.head))[0] != old


async def test_an_epoch_can_be_begun_by_hand(own):
    """After a file-system copy was put back, which looks like the same database."""
    await own.feed.start()
    await put(own.db, an_event())
    cursor = await head(own)
    assert (await follow(own, ChangesQuery(after=cursor))).count == 0
    new = await own.db.run(commands.begin_epoch)
    assert (await refused(own, cursor))["code"] == "cursor_gone"
    assert await own.db.run(queries.head) == (new, 1)
    await put(own.db, an_event())
    assert (await follow(own, ChangesQuery(after=write_cursor(own.cursors, new, 1)))).count == 1


async def test_a_waiting_reader_is_told_of_a_new_epoch(own):
    await own.feed.start()
    await put(own.db, an_event())
    reading = asyncio.create_task(follow(own, ChangesQuery(after=await head(own), wait=20)))
    await readers_waiting(own, 1)
    await own.db.run(commands.begin_epoch)
    await put(own.db, an_event())
    async with asyncio.timeout(5):
        with pytest.raises(Problem) as caught:
            await reading
    assert caught.value.type.code == "cursor_gone"


async def test_a_lost_state_is_made_again_from_the_events(own):
    await own.db.run(commands.ensure_epoch)
    await put(own.db, *(an_event() for _ in range(4)))
    await own.db.run(lambda tx: tx.execute(text("DELETE FROM feed_state")))
    assert (await follow(own, ChangesQuery())).last == 4
    await put(own.db, an_event())
    assert (await own.db.run(queries.head))[1] == 5
