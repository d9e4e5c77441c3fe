"""Set query = explanation of each customer = plain Python, over random questions and random companies."""

import asyncio
import uuid
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.core.caller import SYSTEM
from app.segments.check import Known, World, check
from app.segments.explanation import leaves
from app.segments.parse import parse
from app.segments.queries import evaluate
from app.segments.queries.evaluate import Question
from app.segments.queries.explain import explain
from app.segments.tree import from_json, to_json
from tests.segments.company import LEAP_DAYS, make
from tests.segments.questions import trees
from tests.segments.reference import Reference

ZONE = "Asia/Shanghai"
ANCHORS = [date(2024, 2, 29), date(2025, 2, 28), date(2024, 3, 31), date(2026, 1, 1)]
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example, HealthCheck.filter_too_much]


async def compare(house, registry, anchor, seed, examples):
    """One company, many questions. The questions come from a thread, so that they may wait for the database."""
    company = make(seed, anchor)
    await house.services.db.run(company.insert)
    loop = asyncio.get_running_loop()
    known = {}
    for number, text in enumerate(["figures.net > 100.00", "status = 'active' and any(receipts during last 31 days)"]):
        checked, _ = check(parse(text).tree, World(registry, 2), from_text=True)
        one = uuid.UUID(int=number + 1)
        known[one] = Known(one, f"saved {number}", checked.tree)
    world = World(registry, 2, known)
    saved = {one.id: one.tree for one in known.values()}
    today = st.sampled_from([anchor, anchor + timedelta(1), anchor - timedelta(1), *LEAP_DAYS])

    async def one(tree, as_of):
        checked, faults = check(tree, world)
        assert checked is not None, [fault.detail for fault in faults.all]
        assert checked.tree == tree == from_json(to_json(tree))
        text = world.printer.text(tree)
        again, _ = check(parse(text).tree, world, from_text=True)
        assert again is not None and again.tree == tree, text
        reference = Reference(company, as_of, saved)
        expected = reference.members(tree)
        question = Question(registry, tree, as_of, ZONE, saved)
        async with house.services.db.reading(SYSTEM) as tx:
            await evaluate.limited(tx, 10)
            assert set(await evaluate.page(tx, question, after=None, limit=100)) == expected, text
            assert await evaluate.count(tx, question) == len(expected), text
            for person in company.people:
                explained = await explain(tx, question, person.id)
                assert explained.counted == person.counted
                assert explained.member == (person.id in expected), (text, person.id)
                if person.counted:
                    same_leaves(tree, explained, reference, person)

    def same_leaves(tree, explained, reference, person):
        for leaf, outcome in zip(leaves(tree), explained.outcomes, strict=True):
            assert outcome.truth == reference.holds(leaf, person), world.printer.text(leaf)

    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=QUIET,
        phases=[Phase.generate, Phase.shrink], print_blob=False,
    )  # fmt: skip
    @given(trees(registry, anchor, list(known)), today)
    def ask(tree, as_of):
        asyncio.run_coroutine_threadsafe(one(tree, as_of), loop).result()

    await asyncio.to_thread(ask)


@pytest.mark.parametrize("anchor", ANCHORS, ids=str)
async def test_the_set_the_explanation_and_plain_python_agree(house, registry, anchor):
    await compare(house, registry, anchor, seed=anchor.toordinal(), examples=40)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(12))
async def test_they_agree_on_many_companies(house, registry, seed):
    await compare(house, registry, ANCHORS[seed % len(ANCHORS)], seed=seed, examples=400)

