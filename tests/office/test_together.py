"""Patches, pushes, merges and undoings of the same people at once: all come to an end, and all is right afterwards."""

import asyncio

import pytest


@pytest.mark.parametrize("seed", range(3))
async def test_fifty_at_once(people, client, seed):  # noqa: C901  a few lines per deed
    people.begin(seed)
    crowd = [await people.person(f"One {number}") for number in range(5)]
    sold = dict.fromkeys(crowd, 0)
    answers = []

    async def sell(customer):
        answer = await client.post("/v1/receipts", json=people.sale(customer, 1000))
        answers.append(answer)
        sold[customer] += answer.status_code == 201

    async def patch(customer):
        at = await client.get(f"/v1/customers/{customer}")
        answers.append(at)
        body, headers = {"language": people.dice.choice(["ko", "zh", "en"])}, {"If-Match": at.headers["etag"]}
        answers.append(await client.patch(f"/v1/customers/{at.json()['id']}", json=body, headers=headers))

    async def merge(customer):
        other = people.dice.choice([one for one in crowd if one != customer])
        made = await client.post("/v1/merges", json={"winner": customer, "loser": other})
        answers.append(made)
        if made.status_code == 201 and people.dice.random() < 0.7:
            answers.append(await client.post(f"/v1/merges/{made.json()['id']}/undo"))

    async def note(customer):
        answers.append(
            await client.post(
                f"/v1/customers/{customer}/interactions", json={"channel": "phone", "direction": "inbound"}
            )
        )

    async def attribute(customer):
        pushed = await client.post("/v1/receipts", json=people.sale(None, 1000))
        answers.append(
            await client.post(f"/v1/receipts/{pushed.json()['id']}/attribution", json={"customer": {"id": customer}})
        )
        sold[customer] += answers[-1].status_code == 200

    async def enlist(customer):
        where = f"/v1/segments/{letter}/members/batch"
        answers.append(await client.post(where, json={"items": [{"id": one} for one in (customer, crowd[0])]}))

    letter = (await client.post("/v1/segments", json={"name": "letter", "kind": "list"})).json()["id"]
    deeds = [sell, sell, sell, patch, merge, merge, note, attribute, enlist]
    await asyncio.gather(*(people.dice.choice(deeds)(people.dice.choice(crowd)) for _ in range(50)))
    assert {answer.status_code for answer in answers} <= {200, 201, 404, 409, 412}, [
        answer.text for answer in answers if answer.status_code >= 500
    ]
    for answer in answers:
        if answer.status_code == 404:
            assert "/attribution" not in str(answer.url)
    await people.verified()
    there = (await people.call("GET", "/customers?limit=200"))["data"]
    assert sum(row["figures"]["net"] for row in there) == 1000 * sum(sold.values())
    # Who was merged has nothing left of its own.
    for row in (await people.call("GET", "/customers?status=merged&limit=200"))["data"]:
        assert {name for name, rows in (await people.held(row["id"])).items() if rows} == {"customers"}


async def test_two_merges_of_overlapping_customers_at_once(people, client):
    for _ in range(6):
        a, b, c = [await people.person(name) for name in "ABC"]
        for customer in (a, b, c):
            await people.sell(customer, 1000)
        pairs = [(a, b), (b, c), (c, a), (b, a)]
        merges = [client.post("/v1/merges", json={"winner": kept, "loser": lost}) for kept, lost in pairs]
        answers = await asyncio.gather(*merges)
        assert {answer.status_code for answer in answers} <= {201, 409}, [answer.text for answer in answers]
        assert 201 in {answer.status_code for answer in answers}
        there = {(await people.call("GET", f"/customers/{customer}"))["id"] for customer in (a, b, c)}
        figures = [(await people.call("GET", f"/customers/{customer}"))["figures"]["net"] for customer in there]
        assert sum(figures) == 3000
    await people.verified()
