"""The audit trail: written with the write, or not at all; read by page and filter."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from app.access.audit import AuditEntry, first_id, record
from app.access.models import AuditRow
from app.access.queries import AuditFilter, audit_page
from app.core.db import Tx
from app.core.errors import CONFLICT, Problem
from app.core.ids import COMPANY
from app.core.models import Job
from app.core.sql import together
from tests.access.callers import a_caller, on_the_wire

SOMEBODY = uuid.UUID("0199d0a4-3c5e-7a11-8f5e-6d2b8a4c1e77")


@pytest.fixture(autouse=True)
async def no_entries(house):
    """The keys that the house made for itself are audited too."""
    await house.services.db.run(lambda tx: tx.execute(delete(AuditRow)))


def an_entry(**given) -> AuditEntry:
    return AuditEntry(**{"action": "customer.update", "record_kind": "customer", "record_id": uuid.uuid4(), **given})


async def count(house) -> int:
    return await house.services.db.run(lambda tx: tx.scalar(select(func.count()).select_from(AuditRow)))


async def test_an_entry_says_who_what_when_and_which_fields(tx):
    customer, caller = uuid.uuid4(), a_caller("pos", request_id="request-9")
    ours = Tx(tx.connection, caller, tx.now)
    entry = an_entry(customer_id=customer, record_id=customer, fields=("given_name", "birthday"))
    await ours.execute(record(ours, [entry]))
    (row,) = await ours.rows(select(AuditRow.__table__))
    assert row._asdict() == {
        "customer_id": customer, "id": row.id, "at": tx.now, "client_id": caller.client_id, "key_id": caller.key_id,
        "request_id": "request-9", "action": "customer.update", "record_kind": "customer", "record_id": customer,
        "fields": ["given_name", "birthday"],
    }  # fmt: skip
    assert row.id.version == 7


async def test_entries_without_a_customer_belong_to_the_company(tx):
    await tx.execute(record(tx, [an_entry(record_kind="store")]))
    assert await tx.scalar(select(AuditRow.customer_id)) == COMPANY


@pytest.mark.parametrize("number", [0, 1, 1000])
async def test_any_number_of_entries_is_one_statement_of_one_text(tx, number):
    entries = [an_entry(customer_id=uuid.uuid4(), fields=("a",) * (place % 3)) for place in range(number)]
    statement = record(tx, entries)
    assert statement.statement is record(tx, [an_entry()]).statement
    await tx.execute(statement)
    rows = await tx.rows(select(AuditRow.record_id, AuditRow.fields))
    assert {row.record_id: tuple(row.fields) for row in rows} == {entry.record_id: entry.fields for entry in entries}


async def test_two_records_in_one_statement_keep_their_own_values(tx):
    """`together` puts several statements into one; each must keep what it was given."""
    first, second = an_entry(), an_entry(action="store.put")
    await tx.execute(together(record(tx, [first])))
    await tx.execute(together(record(tx, [second])))
    rows = await tx.rows(select(AuditRow.action, AuditRow.record_id))
    assert {tuple(row) for row in rows} == {(entry.action, entry.record_id) for entry in (first, second)}


async def test_the_entry_commits_with_the_write(house):
    entry = an_entry()

    async def work(tx):
        await tx.execute(record(tx, [entry]))
        return {}

    await house.services.db.write(a_caller(), work)
    assert await count(house) == 1


async def test_the_entry_is_rolled_back_with_the_write(house):
    job = uuid.uuid4()

    async def work(tx):
        values = {"id": job, "kind": "x", "client_id": job, "arguments": {}, "run_after": tx.now}
        await tx.execute(insert(Job).values(**values))
        await tx.execute(record(tx, [an_entry()]))
        raise Problem(CONFLICT)

    with pytest.raises(Problem):
        await house.services.db.write(a_caller(), work)
    assert await count(house) == 0
    assert await house.services.db.run(lambda tx: tx.scalar(select(func.count()).where(Job.id == job))) == 0


async def test_an_answer_that_cannot_be_written_leaves_no_entry(house):
    async def work(tx):
        await tx.execute(record(tx, [an_entry()]))
        return {"not": object()}

    with pytest.raises(TypeError):
        await house.services.db.write(a_caller(), work)
    assert await count(house) == 0


def test_first_id_is_below_every_id_of_its_moment_and_above_all_earlier():
    moment = datetime(2026, 11, 21, 12, 30, 0, 123_000, tzinfo=UTC)
    tx = Tx(cast("AsyncConnection", None), a_caller(), moment)
    ids = [uuid.UUID(str(_made_id(tx))) for _ in range(50)]
    assert all(first_id(moment) <= each < first_id(moment + timedelta(milliseconds=1)) for each in ids)
    assert first_id(datetime(1900, 1, 1, tzinfo=UTC)) == uuid.UUID(int=0)
    assert first_id(datetime(2200, 12, 31, tzinfo=UTC)) > ids[0]


def _made_id(tx: Tx) -> uuid.UUID:
    return record(tx, [an_entry()]).values["audit_rows"][0]["id"]


# --- reading it -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def trail(house):
    """Thirty entries, one a minute, of two clients and three customers; oldest first."""
    clock, callers = house.services.clock, [a_caller("pos"), a_caller("call_center")]
    customers = [uuid.uuid4(), uuid.uuid4(), COMPANY]
    clock.set(datetime(2026, 11, 21, 8, 0, tzinfo=UTC))
    made = []
    for number in range(30):
        caller, customer = callers[number % 2], customers[number % 3]
        # Every sixth is of the customer itself, the others of something else.
        own = {"record_id": customer} if number % 6 == 1 else {}
        entry = an_entry(customer_id=customer, fields=(f"field_{number}",), **own)

        async def work(tx, entry=entry):
            await tx.execute(record(tx, [entry]))
            return {}

        await house.services.db.write(caller, work)
        made.append((clock.now(), caller, entry))
        clock.advance(timedelta(minutes=1))
    return made


async def all_pages(client, **params):
    found, cursor = [], None
    while True:
        answer = await client.get("/v1/audit", params=params | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["data"]
        cursor = page["next_cursor"]
        assert page["has_more"] is (cursor is not None)
        if cursor is None:
            return found


async def test_newest_first_over_all_pages(client, trail):
    found = await all_pages(client, limit=7)
    expected = [f"field_{number}" for number in range(29, -1, -1)]
    assert [row["fields"] for row in found] == [[name] for name in expected]
    assert [row["fields"] for row in await all_pages(client, limit=15)] == [[name] for name in expected]


async def test_an_entry_on_the_wire(client, trail):
    at, caller, entry = trail[-1]
    (found,) = (await client.get("/v1/audit", params={"limit": 1})).json()["data"]
    assert list(found) == [
        "id", "at", "client_id", "key_id", "request_id", "action", "record_kind", "record_id", "customer_id", "fields"
    ]  # fmt: skip
    assert found["at"] == "2026-11-21T08:29:00.000000Z" == on_the_wire(at)
    assert (found["client_id"], found["key_id"]) == (str(caller.client_id), str(caller.key_id))
    assert found["record_id"] == str(entry.record_id)
    assert found["customer_id"] is None, "the company is nobody's customer"


async def test_filters(client, trail):
    def names(rows):
        return [row["fields"][0] for row in rows][::-1]

    def expected(numbers):
        return [f"field_{number}" for number in numbers]

    customer, record_id, other = trail[0][2].customer_id, trail[4][2].record_id, trail[1][1].client_id
    since, until = "2026-11-21T08:10:00Z", "2026-11-21T16:20:00+08:00"
    assert names(await all_pages(client, customer_id=customer, limit=3)) == expected(range(0, 30, 3))
    assert names(await all_pages(client, record_id=record_id)) == expected([4])
    itself = trail[1][2].customer_id
    assert names(await all_pages(client, record_id=itself, limit=2)) == expected(range(1, 30, 6))
    assert names(await all_pages(client, record_id=itself, client_id=other, until=until)) == expected([1, 7, 13, 19])
    assert names(await all_pages(client, client_id=other, limit=4)) == expected(range(1, 30, 2))
    assert names(await all_pages(client, client_id=other, customer_id=customer)) == expected(range(3, 30, 6))
    assert names(await all_pages(client, since=since, limit=6)) == expected(range(10, 30))
    assert names(await all_pages(client, until=until, limit=6)) == expected(range(20))
    assert names(await all_pages(client, since=since, until=until, limit=6)) == expected(range(10, 20))
    assert await all_pages(client, customer_id=uuid.uuid4()) == []
    assert await all_pages(client, since="1900-01-01T00:00:00Z", until="1900-01-02T00:00:00Z") == []


async def test_the_bounds_of_time_are_exact_to_the_microsecond(house, client):
    clock = house.services.clock
    for microsecond in (0, 1, 999, 1000, 1001):
        clock.set(datetime(2026, 11, 21, 8, 0, 0, microsecond, tzinfo=UTC))
        await house.services.db.run(lambda tx: tx.execute(record(tx, [an_entry()])))

    async def number(**params) -> int:
        return len(await all_pages(client, **params))

    assert await number(since="2026-11-21T08:00:00.000001Z") == 4
    assert await number(since="2026-11-21T08:00:00.001Z") == 2
    assert await number(until="2026-11-21T08:00:00.000999Z") == 2
    assert await number(until="2026-11-21T08:00:00.001Z") == 3
    assert await number(since="2026-11-21T08:00:00.001Z", until="2026-11-21T08:00:00.001Z") == 0


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"limit": 0}, "?limit"), ({"limit": 201}, "?limit"), ({"limit": "x"}, "?limit"),
        ({"customer_id": "x"}, "?customer_id"), ({"until": "yesterday"}, "?until"),
        ({"since": "2026-11-21"}, "?since"), ({"since": "2026-11-21T08:00:00"}, "?since"),
        ({"since": "9999-01-01T00:00:00Z"}, "?since"), ({"who": "me"}, "?who"), ({"cursor": "x" * 1001}, "?cursor"),
    ],
)  # fmt: skip
async def test_bad_parameters_are_refused_with_their_name(client, params, pointer):
    answer = await client.get("/v1/audit", params=params)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_cursor_goes_on_with_its_own_filter_only(client, trail):
    client_id = str(trail[0][1].client_id)
    cursor = (await client.get("/v1/audit", params={"limit": 1, "client_id": client_id})).json()["next_cursor"]
    good = await client.get("/v1/audit", params={"limit": 9, "client_id": client_id, "cursor": cursor})
    assert good.status_code == 200
    for params in ({"cursor": cursor}, {"cursor": cursor, "client_id": str(uuid.uuid4())}, {"cursor": "e30.x"}):
        answer = await client.get("/v1/audit", params=params)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    ("wanted", "walks"),
    [
        (AuditFilter(), 1), (AuditFilter(customer_id=SOMEBODY), 1), (AuditFilter(record_id=SOMEBODY), 2),
        (AuditFilter(client_id=SOMEBODY), 1),
    ],
)  # fmt: skip
async def test_every_page_is_a_walk_along_an_index(house, wanted, walks):
    statement = audit_page(wanted, 51, uuid.uuid4())
    asked = statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})

    async def plan(tx):
        # A few rows are sorted more cheaply than they are walked; asked is whether they can be walked.
        await tx.execute(text("SET LOCAL enable_seqscan = off"))
        await tx.execute(text("SET LOCAL enable_sort = off"))
        explain = text(f"EXPLAIN {asked}".replace(":", "\\:"))
        return "\n".join(row[0] for row in await tx.rows(explain))

    found = await house.services.db.run(plan)
    assert found.count("Index Scan") == walks, found
    assert not any(line.partition("  (")[0].endswith("Sort") for line in found.splitlines()), found
