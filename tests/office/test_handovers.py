"""Handing many customers over: by list, segment, account manager or handover; dry run, history, a killed job."""

import asyncio
import uuid

import pytest
from sqlalchemy import text

from app.core.caller import SYSTEM
from app.core.jobs import Stopped, claim, run_job
from app.office.commands import handing_over
from app.office.jobs import HANDLERS
from tests.customers.conftest import make, rows

__all__ = ["make", "rows"]


@pytest.fixture
def hand(client):
    """Hand customers over; the answer."""

    async def done(status=201, **body):
        sent = {"to": {"account_manager": "emp-9"}, "reason": "Leaves", **body}
        answer = await client.post("/v1/handovers", json=sent)
        assert answer.status_code == status, answer.text
        return answer.json()

    return done


@pytest.fixture
def work(house):
    """Run the job of a handover to its end, or until it is stopped after its first portion."""

    async def done(*, stopped=False):
        stop = asyncio.Event()
        job = await claim(house.services.db, list(HANDLERS), house.services.settings.jobs, stop)
        assert job is not None
        if not stopped:
            await run_job(house.services, HANDLERS[job.kind], job)
            return
        stop.set()
        with pytest.raises(Stopped):
            await run_job(house.services, HANDLERS[job.kind], job)
        await job.give_back(attempts=0)

    return done


@pytest.fixture
def managers(rows):
    """The account manager of each of these customers."""

    async def found(ids):
        held = {
            str(row.id): row.account_manager for row in await rows("SELECT id, account_manager FROM customers")
        }  # fmt: skip
        return [held[one] for one in ids]

    return found


async def people(make, count, **more):
    return sorted([(await make(display_name=f"P{number}", **more))["id"] for number in range(count)])


async def test_named_customers_are_handed_over_at_once(client, make, hand, managers, rows):
    ids = await people(make, 3)
    done = await hand(customers=[*ids, ids[0], str(uuid.uuid4())])
    assert done | {"status": "done", "selection": "customers", "source": None, "found": 3, "changed": 3} == done
    assert done["left_out"] == {"absent": 1}
    assert await managers(ids) == ["emp-9"] * 3
    assert (await client.get(f"/v1/handovers/{done['id']}")).json() == done
    assert (await client.get("/v1/handovers")).json()["data"] == [done]
    history = (await client.get(f"/v1/customers/{ids[0]}/assignments")).json()["data"]
    assert [(row["staff"], row["reason"], row["handover_id"]) for row in history] == [("emp-9", "Leaves", done["id"])]
    events = await rows("SELECT customer_id FROM outbox WHERE type = 'customer.assigned' UNION ALL"
                        " SELECT customer_id FROM events WHERE type = 'customer.assigned'")  # fmt: skip
    assert sorted(str(row[0]) for row in events) == ids
    audited = await rows("SELECT record_id FROM audit_entries WHERE action = 'customer.assign'")
    assert sorted(str(row[0]) for row in audited) == ids


async def test_a_dry_run_says_what_would_change_and_changes_nothing(client, make, hand, managers):
    ids = await people(make, 4)
    await hand(customers=ids[:1])
    shown = await hand(200, customers=[*ids, str(uuid.uuid4())], dry_run=True)
    assert shown == {"dry_run": True, "found": 4, "changes": 3, "left_out": {"absent": 1}, "sample": ids[1:]}
    assert await managers(ids) == ["emp-9", None, None, None]
    assert len((await client.get("/v1/handovers")).json()["data"]) == 1


async def test_who_is_no_record_is_left_out_and_counted(client, make, house, hand, rows):
    ids = await people(make, 3)
    await client.put("/v1/stores/S1", json={"name": "First", "kind": "own", "time_zone": "Asia/Shanghai"})
    marked = text("UPDATE customers SET status = :status WHERE id = :id")
    for one, status in zip(ids, ("merged", "erased"), strict=False):
        await house.services.db.run(
            lambda tx, one=one, status=status: tx.execute(marked, {"id": one, "status": status})
        )
    done = await hand(customers=ids)
    assert (done["found"], done["left_out"]) == (1, {"erased": 1, "merged": 1})
    assert len(await rows("SELECT 1 FROM assignments")) == 1


async def test_everybody_of_an_account_manager(client, make, hand, work, managers):
    ids = await people(make, 5)
    await hand(customers=ids[:3], to={"account_manager": "emp-7"})
    queued = await hand(202, account_manager="emp-7", to={"account_manager": "emp-8", "sponsor": "emp-1"})
    assert (queued["status"], queued["source"], queued["found"]) == ("queued", "emp-7", 0)
    await work()
    done = (await client.get(f"/v1/handovers/{queued['id']}")).json()
    assert (done["status"], done["found"], done["changed"]) == ("done", 3, 3)
    assert await managers(ids) == ["emp-8"] * 3 + [None] * 2


async def test_everybody_in_a_segment(client, make, hand, work, managers):
    ids = await people(make, 4, source="fair")
    other = (await make(display_name="Other"))["id"]
    saved = (await client.post("/v1/segments", json={"name": "Fair", "text": "source = 'fair'"})).json()["id"]
    assert (await hand(200, segment={"id": saved}, dry_run=True))["changes"] == 4
    await hand(202, segment={"id": saved})
    await work()
    assert await managers([*ids, other]) == ["emp-9"] * 4 + [None]
    # What it changes may be what it asks about.
    asked = await hand(202, segment={"text": "account_manager = 'emp-9'"}, to={"account_manager": None})
    await work()
    assert (await client.get(f"/v1/handovers/{asked['id']}")).json()["changed"] == 4
    assert await managers(ids) == [None] * 4


async def test_a_handover_is_taken_back_by_handing_its_customers_over(client, make, hand, work, managers):
    ids = await people(make, 4)
    await hand(customers=ids[:3], to={"account_manager": "emp-7"})
    await hand(customers=ids[3:])
    wrong = await hand(202, account_manager="emp-7")
    await work()
    # One of them is somebody else's by now.
    await hand(customers=ids[:1], to={"account_manager": "emp-2"})
    await hand(202, handover=wrong["id"], to={"account_manager": "emp-7"}, reason="It was a mistake")
    await work()
    assert await managers(ids) == ["emp-2", "emp-7", "emp-7", "emp-9"]


async def test_a_job_that_is_stopped_goes_on_and_does_nothing_twice(
    client, make, hand, work, managers, rows, monkeypatch
):
    monkeypatch.setattr(handing_over, "PORTION", 2)
    ids = await people(make, 5)
    await hand(customers=ids[:2], to={"account_manager": "emp-7"})
    await hand(customers=ids[2:4], to={"account_manager": "emp-7"})
    await hand(customers=ids[4:], to={"account_manager": "emp-7"})
    queued = await hand(202, account_manager="emp-7")
    await work(stopped=True)
    half = (await client.get(f"/v1/handovers/{queued['id']}")).json()
    assert (half["status"], half["changed"], half["finished_at"]) == ("queued", 2, None)
    await work()
    done = (await client.get(f"/v1/handovers/{queued['id']}")).json()
    assert (done["status"], done["found"], done["changed"]) == ("done", 5, 5)
    assert await managers(ids) == ["emp-9"] * 5
    given = await rows("SELECT customer_id FROM assignments WHERE staff = 'emp-9'")
    assert sorted(str(row[0]) for row in given) == ids


async def test_a_segment_that_is_gone_fails_the_handover(client, make, hand, work, managers):
    ids = await people(make, 1)
    saved = (await client.post("/v1/segments", json={"name": "All", "text": "kind = 'person'"})).json()["id"]
    queued = await hand(202, segment={"id": saved})
    (await client.delete(f"/v1/segments/{saved}", headers={"If-Match": '"1"'})).raise_for_status()
    await work()
    assert (await client.get(f"/v1/handovers/{queued['id']}")).json()["status"] == "failed"
    assert await managers(ids) == [None]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid_input"),
        ({"customers": [], "to": {"sponsor": None}}, 422, "invalid_input"),
        ({"customers": ["x"]}, 422, "invalid_input"),
        ({"customers": [str(uuid.uuid4())] * 1001}, 422, "invalid_input"),
        ({"account_manager": "a", "segment": {"text": "kind = 'person'"}}, 422, "invalid_input"),
        ({"account_manager": "a", "to": {}}, 422, "invalid_input"),
        ({"account_manager": None}, 422, "invalid_input"),
        ({"account_manager": "a b"}, 422, "invalid_input"),
        ({"handover": "x"}, 422, "invalid_input"),
        ({"handover": None}, 422, "invalid_input"),
        ({"segment": None}, 422, "invalid_input"),
        ({"segment": {}}, 422, "invalid_input"),
        ({"segment": {"text": 5}}, 422, "invalid_input"),
        ({"segment": {"text": None}}, 422, "invalid_input"),
        ({"segment": {"text": "x" * 20_001}}, 422, "invalid_input"),
        ({"segment": {"id": str(uuid.uuid4()), "text": "kind = 'person'"}}, 422, "invalid_input"),
        ({"segment": {"text": "nonsense ="}}, 422, "invalid_segment"),
        ({"segment": {"id": str(uuid.uuid4())}}, 404, "not_found"),
        ({"handover": str(uuid.uuid4())}, 404, "not_found"),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
async def test_what_is_no_handover_is_refused(hand, rows, body, status, code, dry_run):
    assert (await hand(status, **body, dry_run=dry_run))["code"] == code
    assert not await rows("SELECT 1 FROM handovers UNION ALL SELECT 1 FROM assignments")


async def test_who_may_not_ask_segments_hands_none_over(house, client):
    terms = {"name": "No questions", "role": "admin", "scopes": ["customers:assign", "customers:read"]}
    key = (await client.post("/v1/api-keys", json=terms)).json()["key"]
    body = {"segment": {"text": "kind = 'person'"}, "to": {"sponsor": None}, "reason": "None"}
    async with house.client(None, Authorization=f"Bearer {key}") as narrow:
        for dry_run in (True, False):
            answer = await narrow.post("/v1/handovers", json={**body, "dry_run": dry_run})
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_repeating_a_request_hands_over_once(client, make, rows):
    ids = await people(make, 2)
    body = {"customers": ids, "to": {"account_manager": "emp-9"}, "reason": "Leaves"}
    first, again = [await client.post("/v1/handovers", json=body, headers={"Idempotency-Key": "one"}) for _ in range(2)]
    assert (first.content, again.headers["idempotency-replayed"]) == (again.content, "true")
    assert len(await rows("SELECT 1 FROM handovers")) == 1


async def test_two_at_once_leave_each_customer_with_one_of_the_two(house, client, make, managers, rows):
    ids = await people(make, 20)

    async def give(staff, some):
        body = {"customers": some, "to": {"account_manager": staff}, "reason": "Leaves"}
        return await client.post("/v1/handovers", json=body)

    answers = await asyncio.gather(*(give(f"emp-{n % 2}", ids if n % 3 else ids[::-1]) for n in range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert len(set(await managers(ids))) == 1
    # Each has one who is in charge now, and the history agrees with the record.
    now = await rows("SELECT a.customer_id FROM assignments a JOIN customers c ON c.id = a.customer_id"
                     " WHERE a.until IS NULL AND a.staff = c.account_manager")  # fmt: skip
    assert sorted(str(row[0]) for row in now) == ids
    assert await house.services.db.read(SYSTEM, lambda tx: tx.scalar(text("SELECT count(*) FROM customers"))) == 20
