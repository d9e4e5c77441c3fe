"""Many saved segments, and segments that refer to each other."""

import uuid
from typing import Any

from sqlalchemy import text

from tests.segments.factories import customer, segment

# Copies of a segment that stand between those that were made before and those that are made after.
COPIED = text(
    "INSERT INTO segments (id, name, description, tree, uses, refers_to, temporal, population_relative, version,"
    " created_at, updated_at) SELECT uuidv7(), s.name || ' ' || copy, s.description, s.tree, s.uses, s.refers_to,"
    " s.temporal, s.population_relative, s.version, s.created_at, s.updated_at"
    " FROM segments s, generate_series(1, :copies) copy WHERE s.id = :id"
)


async def copied(house, saved, copies: int) -> None:
    values = {"id": uuid.UUID(saved["id"]), "copies": copies}
    await house.services.db.run(lambda tx: tx.execute(COPIED, values))


async def pages(client, path: str, **query):
    found, cursor = list[dict[str, Any]](), dict[str, str]()
    while True:
        answer = await client.get(path, params={**query, **cursor})
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
        if not found[-1]["has_more"]:
            return found
        cursor = {"cursor": found[-1]["next_cursor"]}


async def patched(client, saved, definition: str):
    where = f"/v1/segments/{saved['id']}"
    version = (await client.get(where)).json()["version"]
    answer = await client.patch(where, json={"text": definition}, headers={"If-Match": f'"{version}"'})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_all_segments_of_a_customer_are_found_however_many_are_saved(house, client):
    one = await customer(client, display_name="One")
    first = await segment(client, "everybody", "status != 'lost' including missing")
    await copied(house, first, 610)
    # In a chain, from the first segments to the last and further.
    middle, last = await segment(client, "middle", "age > 3"), await segment(client, "last", "status = 'active'")
    await patched(client, middle, "not in segment 'last' or status = 'active'")
    front = await patched(client, first, "in segment 'middle'")
    path = f"/v1/customers/{one}/segments"
    found = await pages(client, path)
    held = [each["name"] for page in found for each in page["data"]]
    assert len(held) == len(set(held))
    assert set(held) == {"everybody", "middle", "last", *(f"everybody {number}" for number in range(1, 611))}
    assert front["refers_to"] == [middle["id"]]
    assert last["name"] in held
    small = await pages(client, path, limit="7", as_of="2026-11-20")
    assert [each["name"] for page in small for each in page["data"]] == held
    assert {page["as_of"] for page in small} == {"2026-11-20"}
    assert max(len(page["data"]) for page in small) == 7


async def test_every_page_counts_what_its_key_may_not_ask(house, client, clients):
    one = await customer(client, birthday={"month": 1, "day": 1, "year": 1960})
    await copied(house, await segment(client, "old", "age > 40"), 5)
    await segment(client, "buyers", "figures.net > -1")
    found = await pages(clients["analyst"], f"/v1/customers/{one}/segments", limit="4")
    assert [page["not_granted"] for page in found] == [4, 2]
    assert sum(len(page["data"]) for page in found) <= 1


async def test_a_cursor_belongs_to_its_customer(client):
    one, other = await customer(client, display_name="One"), await customer(client, display_name="Other")
    for number in range(2):
        await segment(client, f"number {number}", "age > 40")
    page = (await client.get(f"/v1/customers/{one}/segments", params={"limit": "1"})).json()
    stray = await client.get(f"/v1/customers/{other}/segments", params={"cursor": page["next_cursor"]})
    assert (stray.status_code, stray.json()["code"]) == (400, "invalid_cursor")


async def test_what_follows_from_a_segment_follows_for_those_that_refer_to_it(client):
    base = await segment(client, "base", "status = 'active'")
    middle = await segment(client, "middle", "not in segment 'base'")
    outer = await segment(client, "outer", "in segment 'middle' or age > 3")
    apart = await segment(client, "apart", "status = 'active'")

    async def flags(saved):
        shown = (await client.get(f"/v1/segments/{saved['id']}")).json()
        return shown["temporal"], shown["population_relative"], shown["version"]

    assert [await flags(one) for one in (base, middle, apart)] == [(False, False, 1)] * 3
    await patched(client, base, "any(receipts during last 7 days)")
    assert [await flags(one) for one in (base, middle)] == [(True, False, 2), (True, False, 1)]
    assert await flags(apart) == (False, False, 1)
    await patched(client, base, "figures.net in top 10%")
    assert [await flags(one) for one in (base, middle, outer)] == [(False, True, 3), (False, True, 1), (True, True, 1)]
    await patched(client, base, "status = 'active'")
    assert [await flags(one) for one in (base, middle, outer)] == [
        (False, False, 4), (False, False, 1), (True, False, 1)
    ]  # fmt: skip


async def test_what_a_segment_needs_is_asked_of_those_that_refer_to_it(client, clients):
    base = await segment(client, "base", "status = 'active'")
    outer = await segment(client, "outer", "not in segment 'base'")
    where = f"/v1/segments/{outer['id']}/count"
    assert (await clients["analyst"].get(where)).status_code == 200
    await patched(client, base, "age > 40")
    assert (await clients["analyst"].get(where)).status_code == 403
