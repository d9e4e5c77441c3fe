"""GET /v1/customers/snapshot: everything as of one moment, and the cursor from which nothing is missed."""

import asyncio
import json
from typing import Any

import pytest

from app.core.errors import Problem
from app.customers.router import record as customers_router
from app.customers.streaming import BoundedStream, Slots
from app.feed.jobs import Sequencer


async def snapshot(client):
    answer = await client.get("/v1/customers/snapshot")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    first, *customers, last = [json.loads(line) for line in answer.text.splitlines()]
    assert last == {"end": True, "count": len(customers)}
    return first["cursor"], {one["id"]: one for one in customers}


async def test_empty(client):
    _, customers = await snapshot(client)
    assert customers == {}


async def test_more_than_one_portion(client, statements):
    count = customers_router.PORTION * 2 + 1
    for start in range(0, count, 1000):
        items = [{"display_name": f"Name {n}"} for n in range(start, min(start + 1000, count))]
        assert (await client.post("/v1/customers/batch", json={"items": items})).status_code == 200
    with statements() as found:
        _, customers = await snapshot(client)
    assert {one["display_name"] for one in customers.values()} == {f"Name {n}" for n in range(count)}
    # The head of the feed and one cursor: portions are fetched, not asked for anew.
    assert len([one for one in found if "audit_entries" not in one]) == 2
    assert (await snapshot(client))[1] == customers


async def test_snapshot_and_feed_together_miss_nothing(client, house):
    """While writers write: what the snapshot lacks or has old, the feed from its cursor brings."""
    stop, done = asyncio.Event(), asyncio.Event()
    mover = asyncio.create_task(Sequencer(house.services.db, house.services.settings).run(done))

    async def write(number):
        made = (await client.post("/v1/customers", json={"display_name": str(number)})).json()
        while not stop.is_set():
            path = f"/v1/customers/{made['id']}"
            version = (await client.get(path)).json()["version"]
            await client.patch(path, json={"display_name": f"{number}.{version}"}, headers={"If-Match": f'"{version}"'})
            await client.post("/v1/customers", json={"display_name": "more"})

    writers = [asyncio.create_task(write(number)) for number in range(4)]
    starts = []
    for _ in range(5):
        await asyncio.sleep(0.1)
        starts.append(await snapshot(client))
    await asyncio.sleep(0.1)
    stop.set()
    await asyncio.gather(*writers)
    last = await versions(client)
    assert len(last) > 10
    for start, customers in starts:
        cursor, known = start, {one: customer["version"] for one, customer in customers.items()}
        assert known != last, "nothing was written after the snapshot: this shows nothing"
        while known != last:
            page = (await client.get("/v1/changes", params={"after": cursor, "limit": 1000, "wait": 2})).json()
            assert page["data"], "the feed has ended and something is missing"
            for event in page["data"]:
                known[event["subject"]] = max(event["version"], known.get(event["subject"], 0))
            cursor = page["next_cursor"]
    done.set()
    await mover


async def versions(client):
    found: dict[str, int] = {}
    query: dict[str, Any] = {"limit": 200}
    while True:
        page = (await client.get("/v1/customers", params=query)).json()
        found |= {one["id"]: one["version"] for one in page["data"]}
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


async def test_one_moment(client, monkeypatch):
    """What is written while the snapshot is read is not in it, in part or whole."""
    monkeypatch.setattr(customers_router, "PORTION", 2)
    items = [{"display_name": f"Name {n}", "identifiers": [{"kind": "card", "value": f"K{n}"}]} for n in range(20)]
    await client.post("/v1/customers/batch", json={"items": items})
    seen = []

    async def send(message):
        seen.append(message)
        if len(seen) == 3:
            changed = [{**item, "display_name": "New"} for item in items] + [{"display_name": "Another"}]
            assert (await client.post("/v1/customers/batch", json={"items": changed})).status_code == 200

    await asked(client, send)
    lines = b"".join(message.get("body", b"") for message in seen).splitlines()
    names = [json.loads(line)["display_name"] for line in lines[1:-1]]
    assert sorted(names) == sorted(f"Name {n}" for n in range(20))


async def asked(client, send, leave=None):
    """Ask for a snapshot without an HTTP client in between, so that the test decides how fast it is read."""
    scope = {
        "type": "http", "method": "GET", "path": "/v1/customers/snapshot", "raw_path": b"/v1/customers/snapshot",
        "query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1", "server": ("test", 80),
        "client": ("127.0.0.1", 1), "asgi": {"version": "3.0", "spec_version": "2.3"},
        "headers": [(b"authorization", client.headers["authorization"].encode()), (b"host", b"test")],
    }  # fmt: skip

    async def receive():
        await (leave or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    await client._transport.app(scope, receive, send)


async def test_two_at_a_time(client, house):
    """Slow readers do not take the database from everybody else."""
    started, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def slow(message):
        if message["type"] == "http.response.start":
            started.release()
            await go_on.wait()

    readers = [asyncio.create_task(asked(client, slow)) for _ in range(2)]
    for _ in readers:
        await started.acquire()
    third = await client.get("/v1/customers/snapshot")
    assert (third.status_code, third.json()["code"]) == (503, "unavailable")
    assert int(third.headers["retry-after"]) > 0
    assert (await client.get("/v1/customers")).status_code == 200
    go_on.set()
    await asyncio.gather(*readers)
    assert (await client.get("/v1/customers/snapshot")).status_code == 200


async def test_a_reader_who_leaves_frees_everything(client, house):
    pool = house.services.db.engine.pool
    before = pool.checkedout()
    left = asyncio.Event()

    async def send(message):
        if message["type"] == "http.response.body":
            left.set()
            await asyncio.sleep(3600)

    await asyncio.wait_for(asked(client, send, left), 5)
    assert pool.checkedout() == before
    for _ in range(3):
        assert (await client.get("/v1/customers/snapshot")).status_code == 200


async def test_a_reader_who_stalls_is_cut_off():
    closed = asyncio.Event()

    async def chunks():
        try:
            while True:
                yield b"x\n"
        finally:
            closed.set()

    async def stalled(message):
        if message["type"] == "http.response.body":
            await asyncio.sleep(3600)

    with pytest.raises(TimeoutError):
        await BoundedStream(chunks(), stall_seconds=0.05).stream_response(stalled)
    assert closed.is_set()


async def test_a_reader_who_trickles_is_cut_off_too():
    async def chunks():
        while True:
            yield b"x\n"

    async def slow(_message):
        await asyncio.sleep(0.01)

    with pytest.raises(TimeoutError):
        await BoundedStream(chunks(), stall_seconds=1, total_seconds=0.1).stream_response(slow)


async def test_a_failure_before_the_first_line_sends_nothing():
    sent = []

    async def chunks():
        for _ in range(1):
            raise LookupError
        yield b""

    async def send(message):
        sent.append(message)

    with pytest.raises(LookupError):
        await BoundedStream(chunks(), stall_seconds=1).stream_response(send)
    assert sent == []


def test_slots():
    slots = Slots(1)
    with slots.taken(), pytest.raises(Problem) as refused, slots.taken():
        pass
    assert refused.value.type.status == 503
    with slots.taken():
        pass
