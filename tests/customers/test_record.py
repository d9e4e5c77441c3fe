"""Which value wins, and what a batch item is about: the pure rules."""

import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Problem
from app.customers.identifiers import Identifier
from app.customers.intake import Given, Item
from app.customers.plan import assign, primaries
from app.customers.record import DEFAULTS, apply, changes, from_columns, stamp, to_columns

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LATER = NOON + 10 * HOUR


def test_an_older_value_never_replaces_a_newer_one():
    fields, times = apply(DEFAULTS, {}, {"given_name": "Fang"}, now=LATER, collected_at=NOON)
    late, unmoved = apply(
        fields, times, {"given_name": "Wrong", "gender": "female"}, now=LATER, collected_at=NOON - HOUR
    )
    assert (late["given_name"], late["gender"]) == ("Fang", "female")
    assert unmoved["given_name"] == stamp(NOON)
    newer, _ = apply(late, unmoved, {"given_name": "New"}, now=LATER, collected_at=NOON + HOUR)
    assert newer["given_name"] == "New"


def test_a_cleared_value_does_not_come_back():
    fields, times = apply(DEFAULTS, {}, {"reading": "wang"}, now=LATER, collected_at=NOON)
    fields, times = apply(fields, times, {"reading": None}, now=LATER, collected_at=NOON + HOUR)
    fields, times = apply(fields, times, {"reading": "wang"}, now=LATER, collected_at=NOON)
    assert fields["reading"] is None


def test_a_confirmed_value_is_as_new_as_its_confirmation():
    fields, times = apply(DEFAULTS, {}, {"language": "zh"}, now=LATER, collected_at=NOON)
    _, confirmed = apply(fields, times, {"language": "zh"}, now=LATER, collected_at=NOON + 2 * HOUR)
    assert confirmed["language"] == stamp(NOON + 2 * HOUR)
    _, silent = apply(fields, times, {"language": "zh"}, now=LATER)
    assert silent == times


def test_what_is_sent_without_a_time_is_as_of_now():
    """Also if the sender had to wait for somebody whose value is a moment newer."""
    fields, times = apply(DEFAULTS, {}, {"reading": "a"}, now=LATER)
    after, kept = apply(fields, times, {"reading": "b"}, now=LATER - HOUR)
    assert (after["reading"], kept["reading"]) == ("b", stamp(LATER))


def test_nothing_is_collected_in_the_future():
    _, times = apply(DEFAULTS, {}, {"reading": "a"}, now=NOON, collected_at=NOON + 1000 * HOUR)
    assert times["reading"] == stamp(NOON)


def test_columns_and_fields_are_the_same_thing():
    fields = {**DEFAULTS, "birthday": {"month": 2, "day": 29, "year": None}, "language": "zh"}
    assert from_columns(to_columns(fields)) == fields
    assert from_columns(to_columns(DEFAULTS)) == DEFAULTS
    assert changes(DEFAULTS, fields) == ("language", "birthday")
    assert stamp(NOON) == "2026-11-21T12:00:00.000000Z"


@given(st.permutations(range(6)), st.lists(st.sampled_from(["a", "b", None]), min_size=6, max_size=6))
def test_the_order_of_arrival_does_not_matter(order, values):
    """Six reports at six different moments end in the latest one, however they arrive."""
    fields = DEFAULTS
    times: dict[str, str] = {}
    for place in order:
        fields, times = apply(fields, times, {"reading": values[place]}, now=LATER, collected_at=NOON + place * HOUR)
    assert fields["reading"] == values[5]
    assert times["reading"] == stamp(NOON + 5 * HOUR)


def item(*keys, customer=None):
    return Item({}, [Given(Identifier(*key), place) for place, key in enumerate(keys)], customer)


A, B, NEW = uuid.UUID(int=1), uuid.UUID(int=2), uuid.UUID(int=3)
CARD_A, CARD_B, CARD_C, PHONE = ("card", "A"), ("card", "B"), ("card", "C"), ("phone", "+1")


def planned(items, *, known=(), first_decides=False, tell=True):
    return assign(
        list(enumerate(items)), {CARD_A: A, CARD_B: B}, dict.fromkeys(known, True),
        first_decides=first_decides, tell_holder=tell,
    )  # fmt: skip


def targets(plan):
    return {target.id: (target.new, [index for index, _ in target.items]) for target in plan.targets.values()}


def test_a_card_finds_its_holder_and_a_phone_nobody():
    plan = planned([item(CARD_A), item(PHONE), item(PHONE), item()])
    assert targets(plan)[A] == (False, [0])
    assert len(plan.targets) == 4
    assert not plan.failed


def test_a_later_item_is_about_the_customer_of_an_earlier_one():
    plan = planned(
        [item(CARD_C), item(CARD_C, PHONE), item(CARD_A), item(CARD_A, ("external:x", "1")), item(("external:x", "1"))]
    )
    assert sorted(targets(plan).values()) == [(False, [2, 3, 4]), (True, [0, 1])]


def test_two_holders_are_a_contradiction():
    plan = planned([item(CARD_A, CARD_B), item(CARD_C)])
    problem = plan.failed[0]
    assert isinstance(problem, Problem)
    assert (problem.type.code, problem.extra, problem.errors[0].pointer) == (
        "identifier_taken", {"holder": str(B)}, "/identifiers/1/value",
    )  # fmt: skip
    assert len(plan.targets) == 1


def test_the_holder_is_named_only_to_those_who_may_know():
    problem = planned([item(CARD_A, CARD_B)], tell=False).failed[0]
    assert isinstance(problem, Problem)
    assert problem.extra == {}


def test_an_own_id_is_the_customer():
    plan = planned([item(customer=NEW), item(CARD_C, customer=A), item(customer=NEW)], known=[A])
    assert targets(plan) == {NEW: (True, [0, 2]), A: (False, [1])}
    plan = planned([item(CARD_B, customer=A)], known=[A])
    assert isinstance(plan.failed[0], Problem)


def test_what_may_not_be_changed_is_refused():
    plan = assign([(0, item(customer=A))], {}, {A: False}, first_decides=False, tell_holder=True)
    assert isinstance(plan.failed[0], Problem)
    assert plan.failed[0].type.code == "customer_exists"


def test_a_failed_item_leaves_nothing_behind():
    """Its free card must not make a later item be about nobody."""
    plan = planned([item(CARD_A, CARD_B, CARD_C), item(CARD_C)])
    assert list(plan.failed) == [0]
    assert [target.new for target in plan.targets.values()] == [True]


def test_with_first_decides_only_the_first_finds_the_customer():
    assert isinstance(planned([item(CARD_C, CARD_A)], first_decides=True).failed[0], Problem)
    assert targets(planned([item(CARD_A, CARD_C)], first_decides=True)) == {A: (False, [0])}


def test_too_many_identifiers_of_one_customer():
    many = [item(CARD_A, *[("phone", f"+{place}{n}") for n in range(19)]) for place in range(3)]
    plan = planned(many)
    assert list(plan.failed) == [2]


def test_the_first_or_the_last_asked_for_is_primary():
    def given(*primary):
        return {
            ("phone", str(place)): Given(Identifier("phone", str(place)), place, one)
            for place, one in enumerate(primary)
        }

    assert primaries(given(False, False)) == {"phone": ("0", False)}
    assert primaries(given(False, True, True)) == {"phone": ("2", True)}
    assert primaries({}) == {}
