"""Open warnings = a plain reading of the rules, after any story of sales, payments, plans, costs, people and merges."""

import pytest

from tests.early_warning.story import Story


async def told(town, seed: int, steps: int) -> None:
    story = Story(town, seed)
    await story.begin()
    await story.go_on(steps)


@pytest.mark.parametrize("seed", range(2))
async def test_open_warnings_are_a_plain_reading_of_the_rules(town, seed):
    await told(town, seed, 25)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(100, 200))
async def test_the_same_for_a_hundred_long_stories(town, seed):
    await told(town, seed, 120)
