"""Grades that are about to change, and customers who see no value in us, told through the API with a clock."""

from datetime import date
from typing import Any

import pytest

from app.early_warning.opportunities.jobs import OpportunityFollower
from tests.early_warning.chances import brief, customer_of, graded, judge, listed, rule, survey

GRADE, VALUE = "grade_about_to_change", "no_value_perceived"
LADDER = [{"grade": "C", "net": 10_000}, {"grade": "B", "net": 50_000}, {"grade": "A", "net": 100_000}]


async def found(town, kind, **query):
    """What is open of a kind, which is at most one."""
    (one,) = await listed(town, kind=kind, **query) or (None,)
    return one


async def followed(town, follower):
    """Let the feed be followed to its end."""
    await town.here()
    while await follower.turn():
        pass


@pytest.fixture
async def follower(town):
    """Who follows the feed, from now on."""
    made = OpportunityFollower(town.services)
    await followed(town, made)
    return made


async def test_without_boundaries_of_the_company_nothing_is_said_of_grades(town):
    customer = await town.customer("Mr Li")
    await town.sell(customer, 10_000_000)
    assert await judge(town, customer, kinds=[GRADE]) == {}
    usual = await town.call("GET", f"/opportunity-rules/{GRADE}")
    assert usual["settings"] == {"enabled": True, "priority": 2, "boundaries": [], "within_percent": 10}


async def test_a_grade_comes_near_is_reached_given_and_no_longer_covered(town, follower):
    await rule(town, GRADE, boundaries=LADDER)
    customer = await customer_of(town, "Mrs Zhou", account_manager="emp-7")
    await graded(town, customer, "C")
    await town.sell(customer, 44_999)
    await followed(town, follower)
    assert await found(town, GRADE) is None
    await town.sell(customer, 1)
    await followed(town, follower)
    near = await found(town, GRADE, owner="emp-7")
    assert near["evidence"] == {
        "direction": "up", "grade": "C", "next_grade": "B", "net_365d": 45_000, "boundary": 50_000,
        "difference": -5_000,
    }  # fmt: skip
    assert (near["about"], near["value"], near["expires_on"]) == ("up:B", 50_000, None)
    assert near["sentence"] == "Lacks 50.00 CNY to grade B: 450.00 CNY of 500.00 CNY in 365 days."
    assert near["suggestion"]["action"] == "review_grade"

    # The same goes on with other numbers.
    await town.sell(customer, 5_500)
    await followed(town, follower)
    reached = await found(town, GRADE)
    assert (reached["id"], reached["version"], reached["evidence"]["difference"]) == (near["id"], 2, 500)
    assert reached["sentence"] == "Bought for 505.00 CNY in 365 days: enough for grade B, from 500.00 CNY on."
    # The highest that is reached is what counts, and it is another opportunity.
    await town.sell(customer, 60_000)
    await followed(town, follower)
    higher = await found(town, GRADE)
    assert (higher["about"], higher["id"] != near["id"]) == ("up:A", True)
    assert brief(await listed(town, kind=GRADE, status="expired")) == [(GRADE, "expired", "cause_gone")]

    await graded(town, customer, "A")
    await followed(town, follower)
    assert await found(town, GRADE) is None
    # A year later only time has passed.
    town.pass_days(364)
    assert await judge(town, customer, kinds=[GRADE]) == {}
    town.pass_days(1)
    await town.sell(customer, 60_000)
    assert await judge(town, customer, kinds=[GRADE]) == {"opened": 1}
    down = await found(town, GRADE)
    assert (down["about"], down["evidence"]) == ("down:B", {
        "direction": "down", "grade": "A", "next_grade": "B", "net_365d": 60_000, "boundary": 100_000,
        "difference": -40_000,
    })  # fmt: skip
    assert down["sentence"] == "Grade A asks for 1,000.00 CNY in 365 days: 400.00 CNY more than 600.00 CNY."
    korean = await town.call("GET", f"/opportunities/{down['id']}?language=ko")
    assert korean["sentence"].startswith("A 등급 기준은 365일 1,000.00 CNY")
    # Below the lowest there is no grade to fall to.
    town.pass_days(400)
    assert await judge(town, customer, kinds=[GRADE]) == {"opened": 1, "expired": 1}
    lowest = await found(town, GRADE)
    assert (lowest["about"], "next_grade" in lowest["evidence"], lowest["evidence"]["net_365d"]) == ("down:", False, 0)


async def test_who_has_no_grade_is_below_the_lowest_and_unnamed_grades_say_nothing(town):
    await rule(town, GRADE, boundaries=LADDER, within_percent=0)
    ungraded, other, silent = [await town.customer(name) for name in ("New", "VIP", "Silent")]
    await graded(town, other, "VIP")
    for customer in (ungraded, other):
        await town.sell(customer, 9_999)
    assert await judge(town, ungraded, other, silent, kinds=[GRADE]) == {}
    for customer in (ungraded, other):
        await town.sell(customer, 1)
    assert await judge(town, ungraded, other, silent, kinds=[GRADE]) == {"opened": 1}
    one = await found(town, GRADE)
    assert (one["customer_id"], one["about"], "grade" in one["evidence"]) == (ungraded, "up:C", False)
    assert one["sentence"] == "Bought for 100.00 CNY in 365 days: enough for grade C, from 100.00 CNY on."


async def test_a_receipt_that_is_voided_takes_the_reason_away(town, follower):
    await rule(town, GRADE, boundaries=LADDER)
    customer = await town.customer("Mr Li")
    sold = await town.sell(customer, 9_500)
    await followed(town, follower)
    assert (await found(town, GRADE))["about"] == "up:C"
    await town.call("POST", f"/receipts/{sold['id']}/void", {})
    await followed(town, follower)
    assert await found(town, GRADE) is None


async def test_what_was_dismissed_comes_again_next_year_or_with_other_boundaries(town):
    await rule(town, GRADE, boundaries=LADDER)
    customer = await town.customer("Mr Pan")
    await town.sell(customer, 10_000)
    assert await judge(town, customer, kinds=[GRADE]) == {"opened": 1}
    one = await found(town, GRADE)
    await town.call("POST", f"/opportunities/{one['id']}/dismiss", {"reason": "not_worth_it"})
    town.pass_days(200)
    assert await judge(town, customer, kinds=[GRADE]) == {}
    await rule(town, GRADE, boundaries=[{"grade": "C", "net": 9_000}])
    assert await judge(town, customer, kinds=[GRADE]) == {"opened": 1}
    await rule(town, GRADE, boundaries=LADDER)
    assert await judge(town, customer, kinds=[GRADE]) == {"expired": 1}
    town.go_to(date(2027, 1, 1))
    assert await judge(town, customer, kinds=[GRADE]) == {"opened": 1}


async def test_who_may_not_see_money_does_not_learn_of_it_from_grades(town, clients):
    await rule(town, GRADE, boundaries=LADDER)
    customer = await town.customer("Mr Ou")
    await town.sell(customer, 10_000)
    await judge(town, customer, kinds=[GRADE])
    hidden = await found(town, GRADE)
    key = {"name": "K", "role": "call_center", "field_groups": ["basic", "personal"]}
    made = await town.call("POST", "/api-keys", key)
    poor = {"Authorization": f"Bearer {made['key']}"}
    answer = await town.client.get(f"/v1/opportunities/{hidden['id']}", headers=poor)
    assert answer.status_code == 404
    assert (await town.client.get("/v1/opportunities", headers=poor)).json()["data"] == []
    assert (await clients["analyst"].get(f"/v1/opportunities/{hidden['id']}")).status_code == 200


@pytest.mark.parametrize(
    ("boundaries", "pointer", "code"),
    [
        ([{"grade": "A", "net": 5}, {"grade": "B", "net": 5}], "/boundaries", "not_in_order"),
        ([{"grade": "A", "net": 5}, {"grade": "A", "net": 6}], "/boundaries", "twice"),
        ([{"grade": "A", "net": 0}], "/boundaries/0/net", None),
        ([{"grade": "A"}], "/boundaries/0/net", None),
        ([{"grade": "A", "net": 1, "share": 2}], "/boundaries/0/share", None),
        ([{"grade": f"G{place}", "net": place} for place in range(1, 22)], "/boundaries", None),
    ],
)
async def test_boundaries_that_say_nothing_clear_are_refused(town, boundaries, pointer, code):
    refused = await town.call("PUT", f"/opportunity-rules/{GRADE}", {"boundaries": boundaries}, status=422)
    assert refused["errors"][0]["pointer"] == pointer
    assert code in {None, refused["errors"][0]["code"]}
    elsewhere = await town.call("PUT", "/opportunity-rules/welcome", {"boundaries": []}, status=422)
    assert elsewhere["errors"][0]["pointer"] == "/boundaries"


async def test_a_customer_who_gives_more_than_he_gets(town, follower):
    customer = await customer_of(town, "Mr Sun", account_manager="emp-1")
    answers: dict[str, Any] = {
        "benefits": [{"benefit": "quality", "score": 3, "alternative": 4}, {"benefit": "brand", "score": 2}],
        "sacrifices": [{"sacrifice": "price", "score": 3, "alternative": 2}, {"sacrifice": "time", "score": 2}],
        "dimensions": [
            {"dimension": "staff", "expected": 4, "perceived": 4},
            {"dimension": "delivery", "expected": 4, "perceived": 2},
            {"dimension": "parking", "perceived": 1},
        ],
    }
    asked = {"survey": "autumn", "alternative": "The other shop", "product": "TEA-1", **answers}
    made = await town.call("POST", f"/customers/{customer}/surveys", asked)
    await followed(town, follower)
    one = await found(town, VALUE, owner="emp-1")
    assert one["evidence"] == {
        "survey_id": made["id"], "day": "2026-03-02", "basis": "benefits_and_sacrifices", "benefits": 2.5,
        "sacrifices": 2.5, "worst_dimension": "delivery", "product": "TEA-1", "alternative": "The other shop",
        "alternative_benefits": 4.0, "alternative_sacrifices": 2.0,
    }  # fmt: skip
    assert (one["about"], one["expires_on"], one["priority"]) == ("value", "2026-08-28", 3)
    assert one["sentence"] == "Survey of 2026-03-02: gets no more than it costs, 2.5 against 2.5 of 5."
    assert one["suggestion"]["action"] == "ask_what_is_missing"
    card = await town.call("GET", f"/customers/{customer}/card")
    assert card["opportunities"] == [one]

    # A survey that asks of other things says nothing of it.
    town.pass_days(1)
    await survey(town, customer, benefits=[5], dimensions=[(5, None)])
    assert await judge(town, customer, kinds=[VALUE]) == {}
    # Another one that says the same takes its place.
    worse = await survey(town, customer, benefits=[1], sacrifices=[5])
    await followed(town, follower)
    again = await found(town, VALUE)
    assert (again["id"], again["version"], again["evidence"]["survey_id"]) == (one["id"], 2, worse["id"])
    town.pass_days(1)
    await survey(town, customer, benefits=[4], sacrifices=[3, 4])
    await followed(town, follower)
    assert await found(town, VALUE) is None
    assert brief(await listed(town, kind=VALUE, status="expired")) == [(VALUE, "expired", "cause_gone")]


async def test_all_that_was_expected_was_better_than_what_came(town):
    await rule(town, VALUE, days=30)
    customer, content = await town.customer("Mr Tan"), await town.customer("Mr He")
    await survey(town, customer, sacrifices=[1], dimensions=[(3, 4), (2, 5), (5, None)])
    await survey(town, content, dimensions=[(1, 5), (4, 4)])
    assert await judge(town, customer, content, kinds=[VALUE]) == {"opened": 1}
    one = await found(town, VALUE, customer_id=customer)
    assert (one["evidence"]["basis"], one["evidence"]["perceived"], one["evidence"]["expected"]) == (
        "dimensions", 2.5, 4.5,
    )  # fmt: skip
    assert one["sentence"] == "Survey of 2026-03-02: all was below what was expected, above all d1."
    chinese = await town.call("GET", f"/opportunities/{one['id']}?language=zh")
    assert chinese["sentence"] == "2026 年 3 月 2 日的调查显示，各方面均低于顾客的期望，差距最大的是d1。"
    town.pass_days(29)
    assert await judge(town, customer, kinds=[VALUE]) == {}
    town.pass_days(1)
    assert await judge(town, customer, kinds=[VALUE]) == {"expired": 1}
    assert brief(await listed(town, kind=VALUE, status="all")) == [(VALUE, "expired", "lapsed")]


async def test_a_survey_that_is_told_late_is_older_than_one_that_came_before(town):
    customer = await town.customer("Mr Lin")
    await survey(town, customer, benefits=[5], sacrifices=[1])
    await survey(town, customer, benefits=[1], sacrifices=[5], occurred_at="2026-02-20T12:00:00+08:00")
    assert await judge(town, customer, kinds=[VALUE]) == {}


async def test_what_two_records_have_answered_and_spent_is_of_one_when_they_are_merged(town, follower):
    await rule(town, GRADE, boundaries=LADDER)
    one, other = await town.customer("One"), await town.customer("Other")
    for customer in (one, other):
        await town.sell(customer, 5_000)
    await survey(town, one, benefits=[5], sacrifices=[1])
    town.pass_a_minute()
    await survey(town, other, benefits=[1], sacrifices=[5])
    merge = await town.call("POST", "/merges", {"winner": one, "loser": other})
    await followed(town, follower)
    assert (await found(town, GRADE))["customer_id"] == (await found(town, VALUE))["customer_id"] == one
    await town.call("POST", f"/merges/{merge['id']}/undo", {})
    await followed(town, follower)
    assert await found(town, GRADE) is None
    assert (await found(town, VALUE))["customer_id"] == other
