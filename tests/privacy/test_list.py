"""The list that is kept outside the database: only what this deployment has signed is replayed."""

import json
import uuid
from typing import Any

import pytest

from app.privacy import commands
from app.privacy.commands import Listed
from app.privacy.signing import signer_of
from tests.privacy.test_erasing import erase, rows, someone


@pytest.fixture
def trusted(house):
    return frozenset([signer_of(house.services.settings.secret).public_key])


async def replayed(house, lines, trusted):
    listed = [Listed.read(line, trusted) for line in lines]
    office = commands.Office.of(house.services)
    return await house.services.db.run(lambda tx: commands.replay(tx, office, listed))


async def test_a_line_that_somebody_made_up_is_refused(client, house, trusted):
    victim = await someone(client)
    found = await erase(client, await someone(client))
    forged = json.loads(json.dumps(found))
    forged["record"]["customer_id"] = victim
    stranger = signer_of("another secret")
    foreign = {**forged, "signature": stranger.sign(forged["record"]), "public_key": stranger.public_key}
    lines: tuple[Any, ...] = (forged, foreign, {}, [], None, {**found, "record": {}}, {**found, "signature": ""})
    for line in lines:
        with pytest.raises(ValueError, match=r"line of the list|signature"):
            await replayed(house, [line], trusted)
    assert (await client.get(f"/v1/customers/{victim}")).status_code == 200


async def test_who_came_back_is_erased_again_and_the_proof_is_there(client, house, trusted):
    customer, merged = await someone(client), await someone(client)
    (await client.post("/v1/merges", json={"winner": customer, "loser": merged})).raise_for_status()
    found = await erase(client, customer)
    # As in a backup from before the erasure, in which somebody else was merged into the customer.
    await house.sweeper.run("DELETE FROM erasures; UPDATE customers SET status = 'active', display_name = 'Zhang Wei'")
    fresh = await someone(client)
    (await client.post("/v1/merges", json={"winner": customer, "loser": fresh})).raise_for_status()
    nobody = {**found["record"], "id": str(uuid.uuid4()), "customer_id": str(uuid.uuid4()), "also": []}
    signer = signer_of(house.services.settings.secret)
    unknown = {"record": nobody, "signature": signer.sign(nobody), "public_key": signer.public_key}
    assert await replayed(house, [found, unknown], trusted) == 3
    left = await rows(house, "SELECT id::text, status, display_name FROM customers")
    assert {(one["id"], one["status"], one["display_name"]) for one in left} == {
        (one, "erased", None) for one in (customer, merged, fresh)
    }
    again = (await client.get(f"/v1/erasures/{found['id']}")).json()
    assert again["record"] == found["record"] and again["replayed_at"] is not None
    assert (await client.get(f"/v1/erasures/{nobody['id']}")).status_code == 200
    assert await replayed(house, [found, unknown], trusted) == 0


async def test_an_import_that_came_back_is_given_up(client, house, imports, trusted):
    customer = await someone(client)
    found = await erase(client, customer)
    await house.sweeper.run("DELETE FROM erasures; UPDATE customers SET status = 'active'")
    phone = [{"kind": "phone", "value": "138 0013 8000"}]
    (await client.patch(f"/v1/customers/{customer}", json={"display_name": "Zhang"}, headers={"If-Match": '"2"'}))
    added = await client.post(f"/v1/customers/{customer}/identifiers", json=phone[0], headers={"If-Match": '"3"'})
    assert added.status_code == 200, added.text
    sent = (await imports.send("customers", "display_name,phone\nZhang,+8613800138000\n")).json()["id"]
    assert await replayed(house, [found], trusted) == 1
    assert (await imports.look(sent))["status"] == "failed"
    assert await rows(house, "SELECT FROM import_chunks") == []


async def test_a_restored_database_says_that_the_list_is_to_be_replayed(client, house):
    run = house.services.db.run
    await run(commands.ensure_state)
    assert (await client.get("/readyz")).json()["erasures_to_replay"] is False
    await house.sweeper.run("UPDATE erasure_state SET cluster = 'another'")
    await run(commands.ensure_state)
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["erasures_to_replay"]) == (200, True)
    await run(commands.complete)
    assert (await client.get("/readyz")).json()["erasures_to_replay"] is False
