"""The log of reads: a partner's before its answer, staff's within a second, none twice, none lost by a failure."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.exc import DBAPIError

from app.access.models import AuditRow
from app.access.reads import BUFFER_MAX, ReadAudit
from app.core.db import Database
from tests.access.callers import a_caller, until


@pytest.fixture(autouse=True)
async def no_entries(house):
    """The keys that the house made for itself are audited too."""
    await house.services.db.run(lambda tx: tx.execute(delete(AuditRow)))


@pytest.fixture
def log(house) -> ReadAudit:
    """A log whose task does not run: only what is written at once is there."""
    return ReadAudit(house.services.db)


@pytest.fixture
async def impatient(house):
    """The same database for who waits a tenth of a second for a lock, where production waits two."""
    services = house.services
    limits = services.settings.limits.model_copy(update={"lock_seconds": 0.1})
    db = Database(services.db.url, services.settings.model_copy(update={"limits": limits}), services.clock)
    yield db
    await db.close()


async def written(house):
    return await house.services.db.run(lambda tx: tx.rows(select(AuditRow.__table__).order_by(AuditRow.id)))


async def test_a_partners_read_is_there_when_record_returns(house, log):
    for caller in (a_caller("partner", partner="acme"), a_caller("analyst", partner="acme"), a_caller("partner")):
        customers = [uuid.uuid4(), uuid.uuid4()]
        await log.record(caller, "customer.lookup", customers)
        rows = [row for row in await written(house) if row.client_id == caller.client_id]
        assert {row.record_id for row in rows} == {row.customer_id for row in rows} == set(customers)
        assert {(row.action, row.record_kind, row.key_id) for row in rows} == {
            ("customer.lookup", "customer", caller.key_id)
        }


async def test_a_partner_gets_no_answer_when_the_log_cannot_be_written(house, impatient):
    log = ReadAudit(impatient)
    async with house.services.db.engine.connect() as blocker:
        await blocker.execute(text("LOCK TABLE audit_entries"))
        with pytest.raises(DBAPIError):
            await log.record(a_caller("partner", partner="acme"), "customer.read", [uuid.uuid4()])


async def test_staff_reads_wait_in_the_buffer_and_are_written_in_one_statement(house, log):
    moment = datetime(2026, 11, 21, 9, 30, 0, 5, tzinfo=UTC)
    house.services.clock.set(moment)
    callers = [a_caller("pos", request_id="till"), a_caller("call_center", request_id="desk")]
    customers = [uuid.uuid4() for _ in range(3)]
    await log.record(callers[0], "customer.lookup", customers[:2])
    await log.record(callers[1], "customer.read", customers[2:])
    assert await written(house) == []
    house.services.clock.set(None)
    await log.flush()
    rows = await written(house)
    assert {(row.client_id, row.request_id, row.action, row.customer_id, row.record_id) for row in rows} == {
        (callers[0].client_id, "till", "customer.lookup", customers[0], customers[0]),
        (callers[0].client_id, "till", "customer.lookup", customers[1], customers[1]),
        (callers[1].client_id, "desk", "customer.read", customers[2], customers[2]),
    }
    assert {row.at for row in rows} == {moment}, "the time of the read, not of the flush"
    await log.flush()
    assert len(await written(house)) == 3


async def test_seeing_nobody_is_no_entry(house, log):
    await log.record(a_caller("partner", partner="acme"), "customer.lookup", [])
    await log.record(a_caller("pos"), "customer.lookup", [])
    await log.flush()
    assert await written(house) == []


async def test_the_task_writes_within_a_second(house):
    log = ReadAudit(house.services.db)
    await log.start()
    try:
        await log.record(a_caller("pos"), "customer.lookup", [uuid.uuid4()])
        await until(lambda: written(house), 1)
    finally:
        await log.close()


async def test_closing_writes_what_is_left(house):
    log = ReadAudit(house.services.db)
    await log.start()
    await log.record(a_caller("pos"), "customer.lookup", [uuid.uuid4()])
    await log.close()
    assert len(await written(house)) == 1
    await log.close()


async def test_a_full_buffer_is_written_at_once(house, log):
    caller = a_caller("pos")
    for _ in range(BUFFER_MAX // 1000):
        await log.record(caller, "customer.read", [uuid.uuid4() for _ in range(1000)])
    assert await written(house) == []
    await log.record(caller, "customer.lookup", [uuid.uuid4()])
    assert len(await written(house)) == BUFFER_MAX
    await log.flush()
    assert len(await written(house)) == BUFFER_MAX + 1


async def test_a_failing_flush_loses_nothing_and_doubles_nothing(house, impatient):
    log = ReadAudit(impatient)
    await log.record(a_caller("pos"), "customer.lookup", [uuid.uuid4()])
    async with house.services.db.engine.connect() as blocker:
        await blocker.execute(text("LOCK TABLE audit_entries"))
        with pytest.raises(DBAPIError):
            await log.flush()
    await log.record(a_caller("pos"), "customer.lookup", [uuid.uuid4()])
    kept = list(log._rows)
    await log.flush()
    assert len(await written(house)) == 2
    # As if the commit had gone through and its answer had been lost.
    log._rows = kept
    await log.flush()
    assert len(await written(house)) == 2


async def test_the_task_goes_on_after_a_failure(house, impatient, caplog):
    log = ReadAudit(impatient)
    await log.start()
    try:
        await log.record(a_caller("pos"), "customer.lookup", [uuid.uuid4()])
        async with house.services.db.engine.connect() as blocker:
            await blocker.execute(text("LOCK TABLE audit_entries"))
            await until(lambda: "reads could not be logged yet" in caplog.text, 10)
        await until(lambda: written(house), 5)
    finally:
        await log.close()


async def test_parallel_reads_and_flushes_keep_count(house, log):
    async def read():
        for _ in range(20):
            await log.record(a_caller("pos"), "customer.lookup", [uuid.uuid4()])
            await asyncio.sleep(0)

    async def flush():
        for _ in range(10):
            await log.flush()

    await asyncio.gather(*(read() for _ in range(10)), flush(), flush())
    await log.flush()
    assert len(await written(house)) == 200
    assert log._count == 0
