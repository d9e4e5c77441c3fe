"""Set query = explanation of each customer = plain Python, over random questions and random companies."""

import asyncio
import random
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text

from app.core.caller import SYSTEM
from app.segments.check import Known, World, check
from app.segments.explanation import leaves
from app.segments.models import Membership, SegmentMember
from app.segments.parse import parse
from app.segments.queries import evaluate
from app.segments.queries.evaluate import Question
from app.segments.queries.explain import explain
from app.segments.tree import from_json, to_json
from app.segments.walk import listed
from tests.segments.company import LEAP_DAYS, make, some_stays, stay_row
from tests.segments.questions import trees
from tests.segments.reference import Reference

ZONE = "Asia/Shanghai"
# From this day on it is kept who was in them.
SINCE = date(2023, 1, 1)
SAVED = ("figures.net > 100.00", "status = 'active' and any(receipts during last 31 days)")
ANCHORS = [date(2024, 2, 29), date(2025, 2, 28), date(2024, 3, 31), date(2026, 1, 1)]
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example, HealthCheck.filter_too_much]


class Comparison:
    """One company, two saved segments, and any question asked in three ways."""

    def __init__(self, house, registry, anchor, seed, explained=4):
        # Of how many customers one is explained, another one each time: that is most of the time that this takes.
        self.explained, self.asked = explained, 0
        self.db, self.registry = house.services.db, registry
        self.company = make(seed, anchor)
        self.saved = {}
        for number, one in enumerate(SAVED):
            checked, _ = check(parse(one).tree, World(registry, 2), from_text=True)
            assert checked is not None
            known = Known(uuid.UUID(int=number + 1), f"saved {number}", checked.tree, SINCE)
            self.saved[known.id] = known
        # A list of every third, who count or not.
        self.list = Known(uuid.UUID(int=9), "listed", listed(uuid.UUID(int=9)))
        self.inside = frozenset(person.id for person in self.company.people[::3])
        self.saved[self.list.id] = self.list
        self.kept = [one.id for one in self.saved.values() if one.since is not None]
        chance = random.Random(seed)
        for person in self.company.people:
            person.stays = [stay for one in self.kept for stay in some_stays(chance, one, anchor)]
        self.company.people[1].merged_into = self.company.people[2].id
        self.world = World(registry, 2, self.saved)

    async def ask_all(self, texts, anchor):
        """Each question as of the anchor and of two days later, over the company of the database."""
        await self.db.run(self.company.insert)
        for one in texts:
            checked, faults = check(parse(one).tree, self.world, from_text=True)
            assert checked is not None, (one, [fault.detail for fault in faults.all])
            for as_of in (anchor, anchor + timedelta(days=2)):
                await self.ask(checked.tree, as_of)

    async def insert(self, tx):
        """Write the company, and the list."""
        await self.company.insert(tx)
        await tx.execute(text(
            "INSERT INTO segments (id, kind, name, tree, uses, refers_to, temporal, population_relative, version,"
            " created_at, updated_at) VALUES (:id, 'list', 'listed', '{}', '{}', '{}', false, false, 1, now(), now())"
        ), {"id": self.list.id})  # fmt: skip
        rows = [{"customer_id": one, "id": uuid.uuid4(), "segment_id": self.list.id, "added_by": uuid.UUID(int=0),
                 "added_at": datetime(2023, 1, 1, tzinfo=UTC)} for one in sorted(self.inside)]  # fmt: skip
        await tx.execute(insert(SegmentMember), rows)
        stays = [stay_row(person.id, stay) for person in self.company.people for stay in person.stays]
        await tx.execute(insert(Membership), stays)

    async def ask(self, tree, as_of):
        trees = {known.id: known.tree for known in self.saved.values()}
        if self.over_the_limits(tree):
            return
        self.exact(tree)
        reference = Reference(self.company, as_of, {**trees, self.list.id: self.inside})
        expected, asked = reference.members(tree), self.world.printer.text(tree)
        question = Question(self.registry, tree, as_of, ZONE, trees)
        async with self.db.reading(SYSTEM) as tx:
            await evaluate.limited(tx, 10)
            assert set(await evaluate.page(tx, question, after=None, limit=100)) == expected, asked
            assert await evaluate.count(tx, question) == len(expected), asked
            self.asked += 1
            for person in self.company.people[self.asked % self.explained :: self.explained]:
                explained = await explain(tx, question, person.id)
                assert explained is not None
                assert explained.counted == person.counted
                assert explained.member == (person.id in expected), (asked, person)
                for leaf, outcome in zip(leaves(tree, trees), explained.outcomes, strict=True):
                    if person.counted:
                        assert outcome.truth == reference.holds(leaf, person), self.world.printer.text(leaf)

    def over_the_limits(self, tree):
        """Whether the tree is refused for its size alone, which the generator does not count as the language does."""
        checked, faults = check(tree, self.world)
        return checked is None and {fault.code for fault in faults.all} <= {"too_deep", "too_many_conditions"}

    def exact(self, tree):
        """The tree is as it is stored, and both its text and its JSON give it back."""
        checked, faults = check(tree, self.world)
        assert checked is not None, [fault.detail for fault in faults.all]
        assert checked.tree == tree == from_json(to_json(tree))
        printed = self.world.printer.text(tree)
        again, _ = check(parse(printed).tree, self.world, from_text=True)
        assert again is not None
        assert again.tree == tree, printed


async def compare(house, registry, anchor, seed, examples, explained):
    """The questions come from a thread, so that each may wait for the database."""
    comparison = Comparison(house, registry, anchor, seed, explained)
    await house.services.db.run(comparison.insert)
    loop = asyncio.get_running_loop()
    today = st.sampled_from([anchor, anchor + timedelta(1), anchor - timedelta(1), *LEAP_DAYS])

    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=QUIET,
        phases=[Phase.generate, Phase.shrink],
    )  # fmt: skip
    @given(trees(registry, anchor, list(comparison.saved), comparison.kept), today)
    def ask(tree, as_of):
        asyncio.run_coroutine_threadsafe(comparison.ask(tree, as_of), loop).result()

    await asyncio.to_thread(ask)


@pytest.mark.parametrize("anchor", ANCHORS, ids=str)
async def test_the_set_the_explanation_and_plain_python_agree(house, registry, anchor):
    await compare(house, registry, anchor, seed=anchor.toordinal(), examples=12, explained=4)


async def test_places_are_told_apart(house, registry):
    """Found by the proof: plain Python could not count distinct ones."""
    texts = [f"count(distinct addresses.location) >= {least}" for least in (1, 2, 3)]
    await Comparison(house, registry, ANCHORS[0], 2, 1).ask_all([*texts, "count(addresses.location) > 1"], ANCHORS[0])


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(12))
async def test_they_agree_on_many_companies(house, registry, seed):
    await compare(house, registry, ANCHORS[seed % len(ANCHORS)], seed=seed, examples=250, explained=1)
