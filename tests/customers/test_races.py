"""What happens when somebody else is faster, step by step: one transaction is held open while another arrives."""

import asyncio
import uuid
from contextlib import asynccontextmanager

import pytest

from app.catalog import commands as catalog
from app.core.errors import CONFLICT, Problem
from app.core.ids import new_id
from app.customers import commands, queries
from app.customers.commands import NewCustomer
from app.customers.commands import upsert as upserting
from app.customers.identifiers import Identifier
from app.customers.intake import Given, Item


def card(number):
    return {"kind": "card", "value": f"K{number}"}


def key(number):
    return Identifier("card", f"K{number}", f"K{number}")


@pytest.fixture
def held(house):
    """Runs work in a transaction that stays open until the block ends (or rolls it back)."""

    @asynccontextmanager
    async def transaction(work, *, fails=False):
        done, go_on = asyncio.Event(), asyncio.Event()

        async def wait(tx):
            await work(tx)
            done.set()
            await go_on.wait()
            if fails:
                raise Problem(CONFLICT)

        task = asyncio.create_task(house.services.db.run(wait))
        await done.wait()
        try:
            yield
        finally:
            go_on.set()
            found = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(found[0], Problem) == fails, found

    return transaction


async def blocked(task):
    """Whether a request is still waiting after a while."""
    await asyncio.sleep(0.2)
    return not task.done()


def put_customer(customer, *identifiers, **fields):
    item = Item(fields, [Given(one) for one in identifiers], customer)
    return lambda tx: commands.upsert_many(tx, [(0, item)])


async def counts(rows):
    found = await rows("SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM identifiers)")
    return tuple(found[0])


async def test_a_batch_that_loses_a_card_updates_its_winner(client, held, rows):
    """Its other new identifiers move over to the winner, and its own customer never existed."""
    winner = new_id()
    async with held(put_customer(winner, key(2))):
        items = [{"display_name": "B", "identifiers": [card(1), card(2), card(3)]}, {"display_name": "Other"}]
        task = asyncio.create_task(client.post("/v1/customers/batch", json={"items": items}))
        assert await blocked(task)
    results = (await task).json()["results"]
    assert [result["status"] for result in results] == ["updated", "created"]
    assert results[0]["id"] == str(winner)
    body = (await client.get(f"/v1/customers/{winner}")).json()
    assert {one["value"] for one in body["identifiers"]} == {"K1", "K2", "K3"}
    assert (body["display_name"], body["version"]) == ("B", 2)
    assert await counts(rows) == (2, 3)


async def test_if_the_winner_gives_up_the_batch_creates(client, held, rows):
    async with held(put_customer(new_id(), key(1)), fails=True):
        task = asyncio.create_task(client.post("/v1/customers/batch", json={"items": [{"identifiers": [card(1)]}]}))
        assert await blocked(task)
    assert (await task).json()["results"][0]["status"] == "created"
    assert await counts(rows) == (1, 1)


async def test_a_batch_that_loses_its_own_id_updates_that_customer(client, held, rows):
    """The identifiers and customers that it had inserted before it noticed are taken back and inserted anew."""
    mine, other = new_id(), uuid.uuid4()
    async with held(put_customer(mine, key(1), display_name="First")):
        items = [
            {"id": str(mine), "reading": "second", "identifiers": [card(2)]},
            {"id": str(other), "identifiers": [card(3)]},
        ]
        task = asyncio.create_task(client.post("/v1/customers/batch", json={"items": items}))
        assert await blocked(task)
    assert [result["status"] for result in (await task).json()["results"]] == ["updated", "created"]
    body = (await client.get(f"/v1/customers/{mine}")).json()
    assert (body["display_name"], body["reading"], len(body["identifiers"])) == ("First", "second", 2)
    assert await counts(rows) == (2, 3)


async def test_a_create_that_loses_a_card_is_refused_and_leaves_nothing(client, held, rows):
    winner = new_id()
    async with held(put_customer(winner, key(2))):
        body = {"identifiers": [card(1), card(2)]}
        task = asyncio.create_task(client.post("/v1/customers", json=body))
        assert await blocked(task)
    answer = await task
    assert (answer.status_code, answer.json()["holder"]) == (409, str(winner))
    assert await counts(rows) == (1, 1)


async def test_a_till_that_loses_one_of_two_identifiers_uses_the_winner(house, held, rows):
    winner = new_id()
    async with held(put_customer(winner, key(2))):
        wanted = NewCustomer(new_id(), (key(1), key(2)))
        task = asyncio.create_task(house.services.db.run(lambda tx: commands.create_many(tx, [wanted])))
        assert await blocked(task)
    created = await task
    assert (created.made, set(created.holders.values())) == ((), {winner})
    assert await counts(rows) == (1, 1)


async def test_a_card_that_was_let_go_is_free_for_the_one_who_waited(client, held, make, rows):
    holder = await make(identifiers=[card(1)])
    (identifier,) = holder["identifiers"]

    async def let_go(tx):
        await commands.remove_identifier(tx, uuid.UUID(holder["id"]), uuid.UUID(identifier["id"]), 1)

    async with held(let_go):
        task = asyncio.create_task(client.post("/v1/customers", json={"identifiers": [card(1)]}))
        assert await blocked(task)
    assert (await task).status_code == 201
    assert await counts(rows) == (2, 1)


async def test_a_patch_that_waited_for_another_is_stale(client, held, make):
    body = await make(display_name="A")

    async def edit(tx):
        await commands.patch(tx, uuid.UUID(body["id"]), Item({"display_name": "B"}), 1, house_sections)

    house_sections = client._transport.app._services.sections
    async with held(edit):
        path, headers = f"/v1/customers/{body['id']}", {"If-Match": '"1"'}
        task = asyncio.create_task(client.patch(path, json={"reading": "c"}, headers=headers))
        assert await blocked(task)
    answer = await task
    assert (answer.status_code, answer.json()["version"]) == (412, 2)
    assert (await client.get(path)).json()["reading"] is None


async def test_a_patch_after_one_that_failed_is_not_stale(client, held, make):
    body = await make(display_name="A")

    async def edit(tx):
        await commands.patch(
            tx, uuid.UUID(body["id"]), Item({"display_name": "B"}), 1, client._transport.app._services.sections
        )

    path, headers = f"/v1/customers/{body['id']}", {"If-Match": '"1"'}
    async with held(edit, fails=True):
        task = asyncio.create_task(client.patch(path, json={"reading": "c"}, headers=headers))
        assert await blocked(task)
    answer = await task
    assert (answer.status_code, answer.json()["display_name"], answer.json()["reading"]) == (200, "A", "c")


async def test_who_waits_too_long_is_told_to_come_again(client, held, make):
    """The lock time limit of the database, not a hang."""
    body = await make(identifiers=[card(1)])
    async with held(lambda tx: queries.locked(tx, [uuid.UUID(body["id"])])):
        answer = await client.put("/v1/customers/by-external/erp/1", json={"identifiers": [card(2)]})
        assert answer.status_code == 201
        items = [{"identifiers": [card(1)], "reading": "x"}]
        busy = await client.post("/v1/customers/batch", json={"items": items})
    assert (busy.status_code, busy.json()["code"]) == (503, "busy")
    assert (await client.get(f"/v1/customers/{body['id']}")).json() == body


async def test_reading_never_waits(client, held, make):
    body = await make(identifiers=[card(1)])
    async with held(lambda tx: queries.locked(tx, [uuid.UUID(body["id"])])):
        assert (await asyncio.wait_for(client.get(f"/v1/customers/{body['id']}"), 1)).json() == body
        assert (await asyncio.wait_for(client.get("/v1/customers"), 1)).json()["data"] == [body]


async def test_a_store_that_is_edited_does_not_hold_up_its_customers(client, house, held, store):
    """A foreign key's check and the lock of an editor get along: tills create customers while the store is renamed."""
    company = house.services.settings.company
    async with held(lambda tx: catalog.put_stores(tx, [(0, {"code": store, "name": "New"})], company)):
        made = await asyncio.wait_for(client.post("/v1/customers", json={"home_store": store}), 1)
        assert made.status_code == 201
    assert (await client.get(f"/v1/stores/{store}")).json()["name"] == "New"


async def test_after_some_attempts_it_is_busy(house, monkeypatch, rows):
    async def never(*_):
        return None

    monkeypatch.setattr(upserting, "_claim", never)
    with pytest.raises(Problem) as refused:
        await house.services.db.run(put_customer(None, key(1)))
    assert (refused.value.type.code, refused.value.headers) == ("busy", {"Retry-After": "1"})
    assert await counts(rows) == (0, 0)


async def test_events_of_one_customer_are_in_the_order_of_its_versions(client, rows):
    """Whoever writes: upserts, patches, identifiers, batches, all at once."""
    body = (await client.put("/v1/customers/by-external/erp/1", json={"reading": "0"})).json()
    path = f"/v1/customers/{body['id']}"

    async def patch(number):
        version = (await client.get(path)).json()["version"]
        await client.patch(path, json={"given_name": str(number)}, headers={"If-Match": f'"{version}"'})

    async def one(number):
        await client.put("/v1/customers/by-external/erp/1", json={"reading": str(number)})
        await patch(number)
        await client.post(f"{path}/identifiers", json={"kind": "email", "value": f"a{number}@example.com"})
        items = [{"id": body["id"], "family_name": f"{number}.{place}"} for place in range(3)]
        await client.post("/v1/customers/batch", json={"items": items})

    await asyncio.gather(*(one(number) for number in range(12)))
    final = (await client.get(path)).json()
    assert len(final["identifiers"]) == 13
    found = await rows("SELECT version FROM outbox WHERE subject = :one ORDER BY position", one=body["id"])
    moved = await rows("SELECT version FROM events WHERE subject = :one ORDER BY sequence", one=body["id"])
    assert [row.version for row in [*moved, *found]] == list(range(1, final["version"] + 1))


async def test_everybody_at_once_and_no_deadlock(client, house, rows):
    """Tills, batches, upserts, edits and removals over the same few customers: every answer is a decision."""
    for number in range(12):
        await client.put(f"/v1/customers/by-external/erp/{number}", json={"identifiers": [card(number)]})
    listed = (await client.get("/v1/customers")).json()["data"]
    statuses = set()

    async def batch(seed):
        order = sorted(range(12), key=lambda number: hash((seed, number)))
        items = [
            {"reading": str(seed), "identifiers": [card(n), {"kind": "email", "value": f"m{n}@example.com"}]}
            for n in order
        ]
        answer = await client.post("/v1/customers/batch", json={"items": items})
        statuses.add(answer.status_code)
        assert "failed" not in {result["status"] for result in answer.json()["results"]}

    async def till(seed):
        wanted = [NewCustomer(new_id(), (key(n),)) for n in range(seed % 4, 30, 3)]
        await house.services.db.run(lambda tx: commands.create_many(tx, wanted))

    async def edit(seed):
        for customer in listed[seed % 3 :: 3]:
            path = f"/v1/customers/{customer['id']}"
            now = (await client.get(path)).json()
            mails = [one["id"] for one in now["identifiers"] if one["kind"] == "email"]
            headers = {"If-Match": f'"{now["version"]}"'}
            statuses.add((await client.patch(path, json={"given_name": str(seed)}, headers=headers)).status_code)
            if mails:
                statuses.add((await client.delete(f"{path}/identifiers/{mails[0]}", headers=headers)).status_code)

    await asyncio.gather(*(work(seed) for seed in range(8) for work in (batch, till, edit)))
    assert statuses <= {200, 412}
    bare = await rows("SELECT count(*) FROM customers WHERE id NOT IN (SELECT customer_id FROM identifiers)")
    orphans = await rows("SELECT count(*) FROM identifiers WHERE customer_id NOT IN (SELECT id FROM customers)")
    double = await rows(
        "SELECT count(*) FROM"
        " (SELECT 1 FROM identifiers WHERE is_primary GROUP BY customer_id, kind HAVING count(*) > 1)"
    )
    assert (bare[0][0], orphans[0][0], double[0][0]) == (0, 0, 0)
