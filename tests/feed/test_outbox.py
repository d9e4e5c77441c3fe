"""Publishing: an event lives and dies with the transaction that publishes it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, select

from app.access.audit import AuditEntry, record
from app.core.ids import COMPANY, new_id
from app.core.sql import together
from app.feed.models import OutboxEntry
from app.feed.outbox import Event, publish
from app.feed.types import EVENT_TYPES
from tests.feed.factories import CUSTOMER, an_event, page, put, read_on, write, write_in


async def outbox(tx):
    return await tx.rows(select(OutboxEntry).order_by(OutboxEntry.position))


async def test_an_event_is_stored_as_it_was_given(tx):
    moment = datetime(2025, 3, 1, 8, 30, 0, 123456, tzinfo=UTC)
    subject = new_id()
    data = {"store": "S01", "amounts": [1, -2], "naïve": 'q"uote', "none": None}
    await tx.execute(publish(tx, [Event("receipt.recorded", CUSTOMER, subject, 7, data, moment)]))
    (row,) = [row for row in await outbox(tx) if row.subject == str(subject)]
    stored = row
    assert (stored.type, stored.customer_id, stored.version) == ("receipt.recorded", CUSTOMER, 7)
    assert (stored.data, stored.occurred_at) == (data, moment)


async def test_what_is_not_given_is_the_transactions_time_no_version_and_no_data(tx):
    await tx.execute(publish(tx, [Event("store.updated", COMPANY, "S-9")]))
    stored = (await outbox(tx))[-1]
    assert (stored.occurred_at, stored.version, stored.data, stored.subject) == (tx.now, None, {}, "S-9")


async def test_events_of_one_call_keep_their_order(tx):
    given = [an_event(version=number) for number in range(500)]
    await tx.execute(publish(tx, given))
    stored = (await outbox(tx))[-500:]
    assert [entry.version for entry in stored] == list(range(500))
    positions = [entry.position for entry in stored]
    assert positions == list(range(positions[0], positions[0] + 500))
    assert sorted(entry.id for entry in stored) == [entry.id for entry in stored]


async def test_the_statement_is_the_same_for_any_number_of_events(tx):
    assert len({publish(tx, [an_event() for _ in range(count)]).statement for count in (1, 2, 1000)}) == 1


async def test_publishing_costs_one_round_trip_also_beside_another_insert(tx):
    sent: list[str] = []
    connection = tx.connection.sync_connection
    event.listen(connection, "before_cursor_execute", lambda *seen: sent.append(seen[2]))
    before = len(await outbox(tx))
    sent.clear()
    await tx.execute(together(publish(tx, [an_event()] * 3), record(tx, [AuditEntry("store.put", "store", COMPANY)])))
    assert len(sent) == 1
    assert len(await outbox(tx)) == before + 3


def test_two_lists_of_events_do_not_go_into_one_statement(tx):
    """They have one parameter: one of the lists would be lost."""
    with pytest.raises(ValueError, match="different values"):
        together(publish(tx, [an_event()]), publish(tx, [an_event()]))


async def test_no_events_are_no_rows(tx):
    before = len(await outbox(tx))
    await tx.execute(publish(tx, []))
    assert len(await outbox(tx)) == before


async def test_a_type_that_is_not_documented_is_refused(tx):
    with pytest.raises(ValueError, match=r"receipt\.invented"):
        publish(tx, [an_event("receipt.invented")])


def test_types_are_documented_in_a_sentence_and_can_stand_in_a_list():
    for name, meaning in EVENT_TYPES.items():
        room, action = name.split(".")
        assert room.isidentifier() and action.isidentifier()
        assert meaning.endswith(".")


async def test_what_is_rolled_back_never_happened(house, client, start):
    db = house.services.db
    kept, lost = an_event(), an_event()

    async def fail(tx):
        await tx.execute(publish(tx, [lost]))
        raise LookupError

    with pytest.raises(LookupError):
        await db.run(fail)
    await put(db, kept)
    assert [found["subject"] for found in await read_on(client, start)] == [str(kept.subject)]


async def test_what_is_not_committed_yet_is_not_on_the_feed_and_holds_nobody_up(house, client, start):
    db = house.services.db
    first, second = an_event(), an_event()
    async with db.engine.connect() as slow:
        await write_in(slow, first)
        await put(db, second)
        seen = await page(client, start)
        assert [found["subject"] for found in seen["data"]] == [str(second.subject)]
        await slow.commit()
    await put(db)
    later = await read_on(client, seen["next_cursor"])
    assert [found["subject"] for found in later] == [str(first.subject)], (
        "a lower position that commits later comes later"
    )
    assert later[0]["sequence"] == seen["data"][0]["sequence"] + 1


async def test_an_event_from_long_ago_is_new_on_the_feed(house, client, start):
    db = house.services.db
    old = an_event("receipt.recorded", occurred_at=datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC))
    eastern = an_event(occurred_at=datetime.fromisoformat("2026-11-21T12:30:00+08:00"))
    await write(db, an_event(occurred_at=datetime.now(UTC) + timedelta(days=1)))
    await put(db, old, eastern)
    times = [found["occurred_at"] for found in await read_on(client, start)][1:]
    assert times == ["2024-02-29T23:59:59.999999Z", "2026-11-21T04:30:00.000000Z"]


async def test_ids_are_unique_for_ever(house, sql, start):
    """An event keeps its id from the outbox to the feed, so a reader may use it to tell repeats."""
    db = house.services.db
    await write(db, *(an_event() for _ in range(20)))
    before = {row["id"] for row in await sql.fetch("SELECT id FROM outbox")}
    await put(db)
    after = {row["id"] for row in await sql.fetch("SELECT id FROM events")}
    assert before <= after and len(before) == 20
    assert all(found.version == 7 for found in map(uuid.UUID, map(str, before)))
