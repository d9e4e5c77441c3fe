"""Customers created on the side: what the till and the imports call."""

import asyncio
import random
import uuid

import pytest

from app.core.errors import CONFLICT, Problem
from app.core.ids import new_id
from app.customers import commands
from app.customers.commands import NewCustomer
from app.customers.identifiers import Identifier


def card(number):
    return Identifier("card", f"K{number}", f"k-{number}")


def new(*identifiers, **fields):
    return NewCustomer(new_id(), identifiers, **fields)


@pytest.fixture
async def shop(client):
    for code in ("S01", "S02"):
        (await client.put(f"/v1/stores/{code}", json={"name": code, "kind": "own"})).raise_for_status()
    return "S01"


async def test_created_in_one_statement(client, house, statements, shop):
    wanted = [new(card(n), home_store=shop, source="till") for n in range(1000)]
    with statements() as found:
        created = await house.services.db.run(lambda tx: commands.create_many(tx, wanted))
    assert len(found) == 1
    assert created.holders == {one.identifiers[0].key: one.id for one in wanted}
    assert set(created.made) == {one.id for one in wanted}
    body = (await client.get(f"/v1/customers/{wanted[0].id}")).json()
    assert (body["kind"], body["status"], body["home_store"], body["source"]) == ("person", "active", "S01", "till")
    (identifier,) = body["identifiers"]
    assert (identifier["value"], identifier["typed"], identifier["primary"]) == ("K0", "k-0", True)
    assert (body["version"], body["profile"]) == (1, {})


async def test_nobody_new(house):
    created = await house.services.db.run(lambda tx: commands.create_many(tx, []))
    assert (created.holders, created.made) == ({}, ())


async def test_a_held_card_leads_to_its_holder(house, make, rows):
    holder = await make(identifiers=[{"kind": "card", "value": "K1"}])
    wanted = [new(card(1)), new(card(2))]
    created = await house.services.db.run(lambda tx: commands.create_many(tx, wanted))
    assert str(created.holders[card(1).key]) == holder["id"]
    assert created.made == (wanted[1].id,)
    assert (await rows("SELECT count(*) FROM customers"))[0][0] == 2


async def test_with_one_of_two_identifiers_held_nothing_is_left_behind(house, make, rows):
    holder = await make(identifiers=[{"kind": "card", "value": "K1"}])
    wanted = new(card(0), card(1), Identifier("phone", "+8613800138000"))
    created = await house.services.db.run(lambda tx: commands.create_many(tx, [wanted]))
    assert {str(one) for one in created.holders.values()} == {holder["id"]}
    assert created.made == ()
    assert (await rows("SELECT count(*) FROM identifiers"))[0][0] == 1
    assert (await rows("SELECT count(*) FROM customers"))[0][0] == 1


async def test_the_second_till_waits_for_the_first_and_uses_its_customer(house, rows):
    db, entered, go_on = house.services.db, asyncio.Event(), asyncio.Event()
    first, second = new(card(1)), new(card(1))

    async def slow(tx):
        made = await commands.create_many(tx, [first])
        entered.set()
        await go_on.wait()
        return made

    one = asyncio.create_task(db.run(slow))
    await entered.wait()
    two = asyncio.create_task(db.run(lambda tx: commands.create_many(tx, [second])))
    await asyncio.sleep(0.2)
    assert not two.done()
    go_on.set()
    assert (await one).made == (first.id,)
    later = await two
    assert (later.made, later.holders) == ((), {card(1).key: first.id})
    assert (await rows("SELECT count(*) FROM customers"))[0][0] == 1


async def test_if_the_first_gives_up_the_second_creates(house, rows):
    db, entered, go_on = house.services.db, asyncio.Event(), asyncio.Event()
    second = new(card(1))

    async def failing(tx):
        await commands.create_many(tx, [new(card(1))])
        entered.set()
        await go_on.wait()
        raise Problem(CONFLICT)

    one = asyncio.create_task(db.run(failing))
    await entered.wait()
    two = asyncio.create_task(db.run(lambda tx: commands.create_many(tx, [second])))
    await asyncio.sleep(0.1)
    go_on.set()
    with pytest.raises(Problem):
        await one
    assert (await two).made == (second.id,)
    assert (await rows("SELECT count(*) FROM customers"))[0][0] == 1


@pytest.mark.parametrize("kind", ["card", "phone"])
async def test_many_tills_with_the_same_new_identifiers_agree(house, rows, kind):
    """Also for a phone: people may share it, yet two tills that meet a new one at once mean one customer."""
    db = house.services.db

    async def till(seed):
        chosen = random.Random(seed).sample(range(100), 60)
        wanted = [new(Identifier(kind, f"+{n}", str(n))) for n in chosen]
        return await db.run(lambda tx: commands.create_many(tx, wanted))

    owners: dict[tuple[str, str], uuid.UUID] = {}
    made = 0
    for created in await asyncio.gather(*(till(seed) for seed in range(16))):
        made += len(created.made)
        for key, owner in created.holders.items():
            assert owners.setdefault(key, owner) == owner
    assert made == len(owners)
    assert (await rows("SELECT count(*) FROM customers"))[0][0] == len(owners)
    assert (await rows("SELECT count(*) FROM identifiers"))[0][0] == len(owners)


async def test_a_phone_that_a_till_claimed_may_still_be_shared(client, house, make):
    phone = Identifier("phone", "+8613800138000", "13800138000")
    await house.services.db.run(lambda tx: commands.create_many(tx, [new(phone)]))
    sister = await make(identifiers=[{"kind": "phone", "value": "13800138000"}])
    assert sister["identifiers"][0]["value"] == phone.value


async def test_tills_and_batches_together_agree(client, house, rows):
    db = house.services.db

    async def till(seed):
        wanted = [new(card(n)) for n in random.Random(seed).sample(range(40), 30)]
        created = await db.run(lambda tx: commands.create_many(tx, wanted))
        return {key[1]: str(owner) for key, owner in created.holders.items()}

    async def batch(seed):
        chosen = random.Random(seed).sample(range(40), 30)
        items = [{"identifiers": [{"kind": "card", "value": f"K{n}"}], "reading": str(seed)} for n in chosen]
        results = (await client.post("/v1/customers/batch", json={"items": items})).json()["results"]
        return {f"K{n}": result["id"] for n, result in zip(chosen, results, strict=True)}

    owners: dict[str, str] = {}
    for found in await asyncio.gather(*(work(seed) for seed in range(6) for work in (till, batch))):
        for number, owner in found.items():
            assert owners.setdefault(number, owner) == owner
    assert (await rows("SELECT count(*) FROM customers"))[0][0] == len(owners)


async def test_announcing_names_each_customer():
    ids = [new_id(), new_id()]
    events, entries = commands.announced(ids)
    assert [(one.type, one.customer_id, one.subject, one.version) for one in events] == [
        ("customer.created", one, one, 1) for one in ids
    ]
    assert [(one.action, one.record_id, one.customer_id) for one in entries] == [
        ("customer.create", one, one) for one in ids
    ]


async def test_one_walk_in_per_store(house, rows, shop):
    db = house.services.db
    found = await asyncio.gather(
        *(db.run(lambda tx: commands.ensure_walk_ins(tx, ["S02", "S01", "S01"])) for _ in range(8))
    )
    assert all(one == found[0] for one in found)
    assert set(found[0]) == {"S01", "S02"}
    stored = await rows("SELECT kind, home_store FROM customers ORDER BY home_store")
    assert [tuple(row) for row in stored] == [("walk_in", "S01"), ("walk_in", "S02")]
    assert await db.run(lambda tx: commands.ensure_walk_ins(tx, [])) == {}
    audit = await rows("SELECT count(*) FROM audit_entries WHERE action = 'customer.create'")
    assert audit[0][0] == 2


async def test_known_walk_ins_cost_one_statement(house, statements, shop):
    db = house.services.db
    await db.run(lambda tx: commands.ensure_walk_ins(tx, ["S01"]))
    with statements() as found:
        await db.run(lambda tx: commands.ensure_walk_ins(tx, ["S01"]))
    assert len(found) == 1


async def test_a_card_that_looks_like_a_walk_in_is_a_card(client, house, shop):
    """The walk-in of a store is found by its own kind, which nobody can send."""
    walk_ins = await house.services.db.run(lambda tx: commands.ensure_walk_ins(tx, ["S01"]))
    made = await client.post("/v1/customers", json={"identifiers": [{"kind": "card", "value": "S01"}]})
    assert made.status_code == 201
    assert made.json()["id"] != str(walk_ins["S01"])
