"""The OpenAPI document, and the small company that the API tests walk over."""

import uuid

import orjson
import pytest
from sqlalchemy import text

from app.core.settings import CreditSettings
from app.customers.commands import duplicates
from app.customers.duplicates import pair_of
from app.engagement.jobs import Follower
from app.segments.jobs import Keeper
from tests.api import world


@pytest.fixture(scope="session")
def document():
    """The OpenAPI document."""
    return orjson.loads(world.DOCUMENT.read_bytes())


@pytest.fixture
async def names(house, client):
    """The records of a small company, where the worker has made a task of a complaint.

    Made through the API once, and from then on put back as they were.
    """
    if world.KEPT:
        await house.sweeper.back(company=True)
    else:
        await house.sweeper.back()
        found = await world.build(client)
        await somebodys(house, client)
        await Follower(house.services).turn()
        found["task_id"] = (await client.get("/v1/tasks", params={"reason": "complaint"})).json()["data"][0]["id"]
        found |= await build_duplicates(house, client, found)
        found["change_id"] = await build_change(house, client, found)
        await Keeper(house.services).turn()
        path = f"/v1/segments/{found['kept_id']}/changes"
        found["kept_since"] = (await client.get(path)).raise_for_status().json()["since"]
        world.KEPT.update(found)
        await house.sweeper.keep()
    return dict(world.KEPT)


async def somebodys(house, client):
    """Everybody has an account manager and a store, and there is a store far from them."""
    (await client.put("/v1/stores/S02", json={**world.STORE, "region": "north"})).raise_for_status()
    near = text("UPDATE customers SET account_manager = 'emp-7', home_store = 'S01' WHERE kind <> 'walk_in'")
    await house.services.db.run(lambda tx: tx.execute(near))


async def build_duplicates(house, client, found):
    """Two pairs that the worker has found, one of them dismissed."""
    mine = uuid.UUID(found["customer_id"])
    others = [uuid.UUID(one["id"]) for one in (await client.get("/v1/customers")).json()["data"]]
    pairs = {pair_of(mine, other): {"card"} for other in others if other != mine}
    await house.services.db.run(lambda tx: duplicates.find(tx, (), dict(list(pairs.items())[:2])))
    open_, dismissed = (await client.get("/v1/duplicate-candidates")).json()["data"]
    path = f"/v1/duplicate-candidates/{dismissed['id']}/dismiss"
    (await client.post(path, json={"reason": "other_person"})).raise_for_status()
    return {"candidate_id": open_["id"], "dismissed_candidate_id": dismissed["id"]}


async def build_change(house, client, found):
    """Terms that another client has proposed."""
    key = (await client.post("/v1/api-keys", json={"name": "proposes", "role": "admin"})).json()["key"]
    house.services.settings.credit = CreditSettings(second_key_above=0)
    async with house.client(None) as other:
        other.headers["Authorization"] = f"Bearer {key}"
        made = await other.put(f"/v1/customers/{found['other_id']}/credit", json={"limit": 5, "term_days": 1})
    house.services.settings.credit = CreditSettings()
    assert made.status_code == 202, made.text
    return made.json()["id"]
