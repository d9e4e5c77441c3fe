"""A merge that is undone leaves everything as it was, in every room, whatever happened meanwhile."""

import json

import pytest

from app.assembly import PERSONS
from app.core.person import Fate

# In the last of the short ones, the warning of a hold that the loser had brought ends with the parting.
FEW = (0, 1, 2, 135)
SEEDS = [*FEW, *(pytest.param(seed, marks=pytest.mark.proof) for seed in range(3, 150) if seed not in FEW)]
# Rows by their ids, which is how they move.
MOVING = [
    one.name for person in PERSONS for one in person.HOLDINGS
    if one.fate is Fate.MOVES and "id" in one.columns and one.name not in {"warnings", "warning_events"}
]  # fmt: skip
FOLLOWS = {one.name: one.follows for person in PERSONS for one in person.HOLDINGS}
# A value of the record goes back by itself; of these it is the row that does.
FIELDS = ("display_name", "gender", "language", "birth_month", "profile", "home_store")


async def pair(people, deeds=25):
    """Two people and a friend of theirs, with a random past."""
    three = [await people.person(name) for name in ("Mei", "Mai", "Friend")]
    for _ in range(deeds):
        await people.anything(*people.dice.sample(three, 2))
    await people.evaluate(*three)
    return three


async def merge(people, winner, loser, **more):
    return await people.call("POST", "/merges", {"winner": winner, "loser": loser, **more}, status=201)


def by_id(held, table):
    rows = (json.loads(row) for row in held[table])
    return {row["id"]: row for row in rows}


def lasting(held):
    """Without the holds that a rule placed because two were one: they are released when that is over, and history."""
    passing = {identity for identity, row in by_id(held, "holds").items() if row["release_reason"] == "merge_undone"}
    return {**held, "holds": [row for row in held["holds"] if json.loads(row)["id"] not in passing]}


def said(held, name):
    """The facts of a field of the record, by path."""
    paths = {json.loads(fact)["path"]: fact for fact in held["facts"]}
    of = {"birth_month": "birthday"}.get(name, name)
    return {path: fact for path, fact in paths.items() if path == of or (name == "profile" and "." in path)}


@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_happened_meanwhile(people, seed):
    people.begin(seed)
    one, two, friend = await pair(people)
    before = {who: await people.held(who) for who in (one, two, friend)}
    made = await merge(people, one, two)
    gone = await people.held(two)
    assert {name: len(rows) for name, rows in gone.items() if rows} == {"customers": 1}
    await people.verified()
    undone = await people.call("POST", f"/merges/{made['id']}/undo")
    assert (undone["status"], undone["not_restored"]) == ("undone", [])
    for who in (one, two, friend):
        after = lasting(await people.held(who))
        for table, rows in before[who].items():
            assert after[table] == rows, table
    await people.verified()


@pytest.mark.parametrize("seed", SEEDS)
async def test_what_came_later_stays_with_the_winner(people, seed):
    people.begin(seed)
    one, two, friend = await pair(people, 15)
    before = {who: await people.held(who) for who in (one, two)}
    made = await merge(people, one, two)
    merged = await people.held(one)
    for _ in range(10):
        await people.anything(one, friend)
    late = await people.held(one)
    await people.call("POST", f"/merges/{made['id']}/undo")
    after = {who: await people.held(who) for who in (one, two)}
    await people.verified()
    moved = {identity for table in MOVING for identity in by_id(before[two], table)}
    for table in MOVING:
        theirs, then, now = (by_id(held, table) for held in (before[two], late, after[two]))
        following = {
            identity for identity, row in then.items() if any(row[column] in moved for column in FOLLOWS[table])
        }
        for identity, row in theirs.items():
            expected = {**then.get(identity, row), "customer_id": two}
            # What both had was one identifier meanwhile, and one of two primaries had to step back.
            expected |= {name: row[name] for name in ("exclusive", "is_primary", "external_id") if name in row}
            assert now[identity] == expected, table
        assert set(now) == set(theirs) | following, table
        assert set(by_id(after[one], table)) == set(then) - set(now), table
    for table in ("customers", "facts", "contact_policies"):
        assert after[two][table] == before[two][table], table
    had, became, was, has = (json.loads(held["customers"][0]) for held in (before[one], merged, late, after[one]))
    for name in FIELDS:
        # What was said again since is the winner's own, even if it is the same.
        same = was[name] == became[name] and said(late, name) == said(merged, name)
        assert has[name] == (had[name] if same else was[name]), name


@pytest.mark.parametrize("seed", SEEDS[:2] + SEEDS[4:21])
async def test_chains_are_undone_from_the_end(people, seed):
    people.begin(seed)
    one, two, friend = await pair(people)
    before = {who: await people.held(who) for who in (one, two, friend)}
    first = await merge(people, two, one)
    between = {who: await people.held(who) for who in (one, two, friend)}
    second = await merge(people, friend, two)
    for old in (one, two):
        assert (await people.call("GET", f"/customers/{old}"))["id"] == friend
    refused = await people.call("POST", f"/merges/{first['id']}/undo", status=409)
    assert (refused["code"], refused["merges"]) == ("merge_not_newest", [second["id"]])
    await people.verified()
    await people.call("POST", f"/merges/{second['id']}/undo")
    for who, held in between.items():
        assert lasting(await people.held(who)) == held
    assert (await people.call("GET", f"/customers/{one}"))["id"] == two
    await people.call("POST", f"/merges/{first['id']}/undo")
    for who, held in before.items():
        assert lasting(await people.held(who)) == held
    await people.verified()


async def test_what_held_both_together_is_released(people):
    """One has a budget, the other the expenses: only together are they above it."""
    people.begin(1)
    one, two = [await people.person(name) for name in ("Mei", "Mai")]
    await people.call("PUT", f"/customers/{one}/expense-budgets/2026-Q1", {"planned": 100})
    spent = {"external_id": "a", "kind": "visit", "amount": 900}
    await people.call("POST", f"/customers/{two}/expenses/batch", {"items": [spent]})
    made = await merge(people, one, two)
    assert (await people.call("GET", f"/customers/{one}/standing"))["standing"] == "hold"
    await people.call("POST", f"/merges/{made['id']}/undo")
    for who in (one, two):
        assert (await people.call("GET", f"/customers/{who}/standing"))["standing"] == "allow"
    (hold,) = map(json.loads, (await people.held(one))["holds"])
    assert (hold["rule"], hold["release_reason"]) == ("sales_expense", "merge_undone")
    # What the winner has by itself stays, however it came to it.
    await people.call("POST", f"/customers/{one}/expenses/batch", {"items": [spent]})
    await people.evaluate(one, two)
    again = await merge(people, one, two)
    await people.call("POST", f"/merges/{again['id']}/undo")
    assert (await people.call("GET", f"/customers/{one}/standing"))["standing"] == "hold"
    assert (await people.call("GET", f"/customers/{two}/standing"))["standing"] == "allow"
