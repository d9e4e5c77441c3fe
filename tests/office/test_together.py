"""Patches, pushes, merges, undoings and erasures of the same people at once: all end, and all is right afterwards."""

import asyncio

import httpx
import pytest
from sqlalchemy import text


class Crowd:
    """People to whom everything happens at once: what was answered, and how many receipts were taken."""

    def __init__(self, people, client, crowd, letter) -> None:
        self.people, self.client, self.crowd, self.letter = people, client, crowd, letter
        self.answers: list[httpx.Response] = []
        self.taken = 0
        self.deeds = [
            *([self.sell] * 3), self.patch, *([self.merge] * 2), self.note, self.attribute, self.enlist, self.erase,
        ]  # fmt: skip

    async def ask(self, method, path, body=None, **more):
        answer = await self.client.request(method, f"/v1{path}", json=body, **more)
        self.answers.append(answer)
        return answer

    async def push(self, customer):
        answer = await self.ask("POST", "/receipts", self.people.sale(customer, 1000))
        self.taken += answer.status_code == 201
        return answer.json()

    async def sell(self, customer):
        await self.push(customer)

    async def attribute(self, customer):
        pushed = await self.push(None)
        await self.ask("POST", f"/receipts/{pushed['id']}/attribution", {"customer": {"id": customer}})

    async def patch(self, customer):
        at = await self.ask("GET", f"/customers/{customer}")
        if at.status_code == 200:
            body, headers = {"language": self.people.dice.choice(["ko", "zh", "en"])}, {"If-Match": at.headers["etag"]}
            await self.ask("PATCH", f"/customers/{at.json()['id']}", body, headers=headers)

    async def merge(self, customer):
        other = self.people.dice.choice([one for one in self.crowd if one != customer])
        made = await self.ask("POST", "/merges", {"winner": customer, "loser": other})
        if made.status_code == 201 and self.people.dice.random() < 0.7:
            await self.ask("POST", f"/merges/{made.json()['id']}/undo")

    async def note(self, customer):
        await self.ask("POST", f"/customers/{customer}/interactions", {"channel": "phone", "direction": "inbound"})

    async def enlist(self, customer):
        items = [{"id": one} for one in (customer, self.crowd[0])]
        await self.ask("POST", f"/segments/{self.letter}/members/batch", {"items": items})

    async def erase(self, customer):
        await self.ask("POST", "/erasures", {"customer_id": customer, "reason": "request"})


@pytest.mark.parametrize("seed", range(3))
async def test_fifty_at_once(people, client, seed):
    people.begin(seed)
    ids = [await people.person(f"One {number}") for number in range(7)]
    letter = (await client.post("/v1/segments", json={"name": "letter", "kind": "list"})).json()["id"]
    crowd = Crowd(people, client, ids, letter)
    dice = people.dice
    await asyncio.gather(*(dice.choice(crowd.deeds)(dice.choice(ids)) for _ in range(50)))
    wrong = {(one.status_code, one.text) for one in crowd.answers} - {
        (one.status_code, one.text) for one in crowd.answers if one.status_code in {200, 201, 404, 409, 410, 412}
    }
    assert not wrong, wrong
    # What is erased or merged says so; only a merge that an erasure has made nobody's is not there, and who was parted
    # again between two looks at it.
    missed = [one.url.path.split("/") for one in crowd.answers if one.status_code == 404]
    made = [one.json() for one in crowd.answers if one.url.path == "/v1/merges" and one.status_code == 201]
    assert {path[3] for path in missed if path[2] != "merges"} <= {merge["loser"] for merge in made}
    assert {path[2] for path in missed} <= {"merges", "customers"}
    await people.verified()
    whole = text("SELECT coalesce(sum(base_net), 0) FROM receipts")
    assert await people.services.db.run(lambda tx: tx.scalar(whole)) == 1000 * crowd.taken
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
