"""What a merge makes of duplicate candidates, how that is undone, and that an erased customer has none."""

import asyncio
import itertools
import json
import random
import uuid

import pytest
from sqlalchemy import text

from app.customers import commands, queries
from app.customers.commands import duplicates
from app.customers.duplicates import pair_of
from tests.customers.seeker import PHONE

STATE = """
SELECT customer_id, other, id, score, status, reasons, refused, dismissed_for, note, decided_at, decided_by
FROM duplicate_candidates ORDER BY customer_id, other
"""


@pytest.fixture
def state(rows):
    """All that is stored of pairs, but for versions and times of change; both sides say the same."""

    async def found():
        sides = {(row.customer_id, row.other): tuple(row)[2:] for row in await rows(STATE)}
        assert all(sides[pair[::-1]] == value for pair, value in sides.items())
        return {pair_of(*pair): value for pair, value in sides.items()}

    return found


class Company:
    """Customers who can be merged: as far as pairs are concerned."""

    def __init__(self, seeker) -> None:
        self.seeker, self.db = seeker, seeker.db

    async def add(self, count):
        return [uuid.UUID(await self.seeker.add("王芳")) for _ in range(count)]

    async def pair(self, one, other, *, refused=("card",)):
        found = {pair_of(one, other): set(refused)}
        await self.db.run(lambda tx: duplicates.find(tx, (), found))
        return next(pair["id"] for pair in await self.seeker.pairs(customer_id=str(one), status="all")
                    if str(other) in {customer["id"] for customer in pair["customers"]})  # fmt: skip

    async def dismiss(self, one, other, reason="family"):
        body = {"reason": reason, "note": f"{reason}!"}
        await self.seeker.call("POST", f"/duplicate-candidates/{await self.pair(one, other)}/dismiss", body)

    async def merge(self, winner, loser):
        async def work(tx):
            assert len(await queries.locked(tx, [winner, loser])) == 2
            settled = await commands.settle_duplicates(tx, winner, loser)
            await tx.execute(text("UPDATE customers SET status = 'merged' WHERE id = :one"), {"one": loser})
            return json.loads(json.dumps(settled))

        return winner, loser, await self.db.run(work)

    async def undo(self, merge):
        async def work(tx):
            await tx.execute(text("UPDATE customers SET status = 'active' WHERE id = :one"), {"one": merge[1]})
            await commands.unsettle_duplicates(tx, *merge)

        await self.db.run(work)


@pytest.fixture
def company(seeker):
    return Company(seeker)


async def test_a_merge_closes_the_losers_pairs_and_keeps_what_was_decided(company, state):
    winner, loser, mother, refused, found = await company.add(5)
    await company.pair(winner, loser)
    await company.dismiss(loser, mother)
    await company.pair(loser, refused, refused=("external:erp",))
    await company.pair(loser, found)
    # This one is by what the records say: the winner will be found like it by itself.
    unrefused = text("UPDATE duplicate_candidates SET refused = '{}' WHERE :found IN (customer_id, other)")
    async with company.db.engine.begin() as connection:
        await connection.execute(unrefused, {"found": found})
    before = await state()
    merge = await company.merge(winner, loser)
    now = await state()
    status = {pair: value[2] for pair, value in now.items()}
    assert {status[pair_of(loser, one)] for one in (winner, mother, refused, found)} == {"merged"}
    assert status[pair_of(winner, mother)] == "dismissed"
    assert now[pair_of(winner, mother)][5:7] == ("family", "family!")
    assert now[pair_of(winner, refused)][2] == "open" and now[pair_of(winner, refused)][4] == ["external:erp"]
    assert pair_of(winner, found) not in now
    # Nothing of what somebody wrote lies with the merge.
    assert "family" not in json.dumps(merge[2])
    await company.undo(merge)
    assert await state() == before


async def test_a_decision_about_the_winner_counts(company, state):
    winner, loser, other, friend = await company.add(4)
    await company.dismiss(winner, other, "other_person")
    await company.pair(loser, other)
    await company.pair(winner, friend)
    await company.dismiss(loser, friend)
    before = await state()
    merge = await company.merge(winner, loser)
    now = await state()
    assert now[pair_of(winner, other)] == before[pair_of(winner, other)]
    assert (now[pair_of(winner, friend)][2], now[pair_of(winner, friend)][5]) == ("dismissed", "family")
    await company.undo(merge)
    assert await state() == before


async def test_what_is_decided_after_a_merge_stays_with_the_winner(company, state, seeker):
    winner, loser, mother = await company.add(3)
    await company.dismiss(loser, mother)
    merge = await company.merge(winner, loser)
    (pair,) = await seeker.pairs(customer_id=str(mother), status="dismissed")
    await seeker.call("POST", f"/duplicate-candidates/{pair['id']}/reopen")
    await company.undo(merge)
    now = await state()
    assert now[pair_of(winner, mother)][2] == "open"
    assert now[pair_of(loser, mother)][2] == "dismissed"


@pytest.mark.parametrize("seed", range(4))
async def test_chains_of_merges_undone_are_as_before(company, state, seed):
    chance = random.Random(seed)
    people = await company.add(7)
    for _ in range(10):
        one, other = chance.sample(people, 2)
        if pair_of(one, other) not in await state():
            await (company.dismiss(one, other) if chance.random() < 0.5 else company.pair(one, other))
    states, merges = [], []
    living = list(people)
    for _ in range(5):
        states.append(await state())
        winner, loser = chance.sample(living, 2)
        living.remove(loser)
        merges.append(await company.merge(winner, loser))
        # A pair is live if both of its customers are.
        now = await state()
        assert {pair for pair, value in now.items() if value[2] == "merged"} == {
            pair for pair in now if not set(pair) <= set(living)
        }
    while merges:
        await company.undo(merges.pop())
        assert await state() == states.pop()


async def test_the_worker_leaves_pairs_of_the_merged_alone(company, state, seeker):
    winner, loser = [uuid.UUID(await seeker.add("王芳", PHONE)) for _ in range(2)]
    await seeker.follow()
    merge = await company.merge(winner, loser)
    now = await state()
    await seeker.sweep()
    assert await state() == now
    assert await seeker.pairs() == []
    (pair,) = await seeker.pairs(status="merged")
    path = f"/duplicate-candidates/{pair['id']}"
    assert (await seeker.call("POST", f"{path}/dismiss", {"reason": "family"}, 409))["code"] == "duplicate_not_open"
    assert (await seeker.call("POST", f"{path}/reopen", None, 409))["code"] == "duplicate_not_dismissed"
    await company.undo(merge)
    await seeker.sweep()
    assert [one["id"] for one in await seeker.pairs()] == [pair["id"]]


async def test_merges_decisions_and_workers_at_once_leave_two_sides_that_agree(company, state, seeker):
    """Whatever comes first, nothing fails, no pair is there half, and none is live whose customer is not."""
    people = [uuid.UUID(await seeker.add("王芳", PHONE)) for _ in range(8)]
    await seeker.follow()
    pairs = await seeker.pairs(limit=200)
    answers: list[int] = []

    async def decide(pair, verb, body):
        answers.append(
            (await seeker.client.post(f"/v1/duplicate-candidates/{pair['id']}/{verb}", json=body)).status_code
        )

    work = [seeker.sweep()]
    for number, pair in enumerate(pairs[:12]):
        work.append(decide(pair, "dismiss", {"reason": "family"}))
        if number % 2:
            work.append(decide(pair, "reopen", None))
    work += [company.merge(people[place], people[place + 4]) for place in range(3)]
    everybody = list(itertools.combinations(sorted(people), 2))
    work += [company.db.run(lambda tx: duplicates.find(tx, everybody)) for _ in range(3)]
    await asyncio.gather(*work)
    assert set(answers) <= {200, 404, 409}
    dead = set(people[4:7])
    for pair, value in (await state()).items():
        assert (value[2] == "merged") is bool(dead & set(pair))


async def test_an_erased_customer_has_no_pairs(company, state):
    one, other, third = await company.add(3)
    await company.dismiss(one, other)
    await company.pair(third, one)
    await company.pair(third, other)
    assert await company.db.run(lambda tx: commands.forget_duplicates(tx, one)) == 2
    assert set(await state()) == {pair_of(third, other)}
    assert await company.db.run(lambda tx: commands.forget_duplicates(tx, one)) == 0
