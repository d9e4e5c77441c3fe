"""What may be asked: names, types, operators, values, limits, and what follows from a question."""

import dataclasses
import itertools
import uuid
from datetime import date

import pytest

from app.core.caller import SYSTEM
from app.segments import grammar
from app.segments.check import Known, World, check
from app.segments.parse import parse
from app.segments.tree import And, Compare, FieldTerm, OneOf, from_json
from app.segments.values import NumberValue, TextValue


def faults(text, world):
    return [(fault.code, fault.near) for fault in check(parse(text).tree, world, from_text=True)[1].all]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("homestore = 'x'", [("unknown_field_name", "home_store")]),
        ("rfm_group in ('champions')", [("unknown_field_name", None)]),
        ("points.balance >= 500", [("unknown_field_name", "credit.balance")]),
        ("receipts.net > 3", [("unknown_field_name", None)]),
        ("any(reciepts)", [("unknown_collection", "receipts")]),
        ("any(points)", [("not_offered", None)]),
        ("sum(receipts.nett) > 3", [("unknown_field_name", "net")]),
        ("sum(receipts) > 3", [("operator", None)]),
        ("count(distinct receipts) > 3", [("operator", None)]),
        ("sum(distinct receipts.net) > 3", [("operator", None)]),
        ("sum(receipts.store) > 3", [("type", None)]),
        ("min(receipts.store) = 'x'", [("type", None)]),
        ("first(lines.receipt) = 'x'", [("type", None)]),
        ("any(receipts where receipts.store = 'x')", [("unknown_field_name", "store")]),
        ("any(receipts where home_store = 'x')", [("unknown_field_name", "store")]),
        ("any(receipts where any(lines))", [("not_offered", None)]),
        ("any(receipts where count(lines) > 1)", [("not_offered", None)]),
        ("any(receipts where in segment 'x')", [("not_offered", None)]),
        ("any(receipts where net in top 3%)", [("not_offered", None)]),
        ("all(receipts)", [("no_filter", None)]),
        ("status = 'actve'", [("unknown_value", "active")]),
        ("status in ('active', 'walk_in')", [("unknown_value", None)]),
        ("any(receipts where kind = 'sael')", [("unknown_value", "sale")]),
        ("consent('marketin', 'sms') = 'granted'", [("unknown_value", "marketing")]),
        ("consent('marketing', 'smss') = 'grant'", [("unknown_value", "sms"), ("unknown_value", "granted")]),
        ("any(receipts where consent('marketing', 'sms') = 'granted')", [("not_offered", None)]),
        ("any(receipts where sample 3% seed 'x')", [("not_offered", None)]),
        ("any(receipts where sequence(lines then lines within 1 day))", [("not_offered", None)]),
        ("any(receipts where ratio(sum(lines.net), net) > 1)", [("not_offered", None)]),
        ("ratio(age, figures.net) > 1", [("type", None)]),
        ("ratio(status, kind) > 1", [("type", None)]),
        ("ratio(created, created) > 1", [("type", None)]),
        ("ratio(agee, age) > 1", [("unknown_field_name", "age")]),
        ("ratio(age, sum(receipts.nett)) > 1", [("unknown_field_name", "net")]),
        ("ratio(figures.net, net_90d) > 200.00 and ratio(age, age) = 'x'", [("type", None)]),
        ("sequence(reciepts then lines within 1 day)", [("unknown_collection", "receipts")]),
        ("sequence(receipts then line within 1 day)", [("unknown_collection", "lines")]),
        ("sequence(receipts then relationships within 1 day)", [("no_day", None)]),
        ("any(contacts during last 30 days)", [("no_day", None)]),
        ("count(relationships from 2020-01-01 to 2020-01-31) >= 1", [("no_day", None)]),
        ("sequence(receipts where categry = 'a' then lines within 1 day)", [("unknown_field_name", None)]),
        ("sequence(lines then lines where categry = 'a' within 1 day)", [("unknown_field_name", "category")]),
        ("sequence(lines then lines within 1 day) from 2026-02-01 to 2026-01-01", [("empty_range", None)]),
        ("last(receipts.kind) = 'sael'", [("unknown_value", "sale")]),
        ("status < 'active'", [("operator", None)]),
        ("status contains 'act'", [("operator", None)]),
        ("display_name under 'x'", [("operator", None)]),
        ("display_name in top 3%", [("operator", None)]),
        ("birthday = 2000-01-01", [("operator", None)]),
        ("birthday during last 3 days", [("operator", None)]),
        ("age during last 3 days", [("operator", None)]),
        ("age anniversary during last 3 days", [("operator", None)]),
        ("lines.receipt = 'x'", [("unknown_field_name", None)]),
        ("has_phone > true", [("operator", None)]),
        ("age = '3'", [("type", None)]),
        ("age = 2026-01-01", [("type", None)]),
        ("created = 3", [("type", None)]),
        ("display_name = 3", [("type", None)]),
        ("has_phone = 'true'", [("type", None)]),
        ("figures.net = 'x'", [("type", None)]),
        ("figures.net > 3.555", [("decimals", None)]),
        ("figures.net > age", [("type", None)]),
        ("sum(receipts.net) > count(receipts)", [("type", None)]),
        ("created anniversary before 2026-01-01", [("open_window", None)]),
        ("created from 2026-02-01 to 2026-01-01", [("empty_range", None)]),
        ("any(receipts from 2026-02-01 to 2026-01-01)", [("empty_range", None)]),
        ("age between 3 and 2", [("empty_range", None)]),
        ("created between 2026-02-01 and 2026-01-01", [("empty_range", None)]),
        ("display_name starts with ''", [("empty_text", None)]),
        ("in segment 'vip'", [("unknown_segment", None)]),
        ("homestore = 'x' and ageing > 3", [("unknown_field_name", "home_store"), ("unknown_field_name", "age")]),
    ],
)
def test_what_cannot_be_asked(world, text, expected):
    assert faults(text, world) == expected


@pytest.mark.parametrize(
    "text",
    [
        "home_store = figures.last_store",
        "figures.margin < figures.net",
        "status != kind",
        "max(receipts.date) = figures.last_occasion",
        "last(lines.category) = figures.favourite_category",
        "home.kind = 'dealer'",
        "any(receipts where store.city = 'x' and seller is missing)",
    ],
)
def test_what_can_be_asked(world, text):
    assert faults(text, world) == []


def test_a_fault_knows_its_place_in_text_and_tree(world):
    text = "status = 'active' and (age > 3 or sum(receipts.nett) > 3)"
    parsed = parse(text)
    fault = check(parsed.tree, world, from_text=True)[1].all[0]
    start, end = parsed.place(fault.node, fault.part)
    assert text[start:end] == "receipts.nett"
    assert fault.path == ("items", 1, "items", 1, "left", "of")


def test_money_in_a_tree_is_written_as_money(world):
    tree = from_json({"op": "compare", "left": {"field": "figures.net"}, "comparator": ">", "right": {"number": "2"}})
    found = check(tree, world)[1].all
    assert [(fault.code, fault.path) for fault in found] == [("type", ("right",))]
    assert "minor units" in found[0].detail


# --- limits -----------------------------------------------------------------------------------------------------------


def age(number=1):
    return Compare(left=FieldTerm(field="age"), comparator=">", right=NumberValue(number=str(number)))


def codes(tree, world):
    return [fault.code for fault in check(tree, world)[1].all]


def test_limits(world):
    assert codes(And(items=tuple(age() for _ in range(grammar.LEAVES))), world) == []
    two = And(items=tuple(age() for _ in range(26)))
    assert codes(And(items=(two, two)), world) == ["too_many_conditions"]
    values = tuple(TextValue(text=str(number)) for number in range(251))
    many = OneOf(field="language", values=values)
    assert codes(many, world) == []
    assert codes(And(items=(many, many)), world) == ["too_many_values"]
    long = OneOf(field="language", values=tuple(TextValue(text="x" * 100) for _ in range(100)))
    assert codes(long, world) == ["too_long"]


@pytest.mark.parametrize(("levels", "expected"), [(grammar.DEPTH - 1, []), (grammar.DEPTH, ["too_deep"])])
def test_depth(world, levels, expected):
    tree = age()
    for _ in range(levels):
        tree = from_json({"op": "not", "item": tree.model_dump(mode="json")})
    assert codes(tree, world) == expected
    if not expected:
        assert parse(world.printer.text(tree)).tree == tree


def test_a_printed_tree_at_the_limit_of_depth_can_be_read(world):
    text = "age > 1"
    for level in range(grammar.DEPTH - 1):
        text = f"({text}) {'and' if level % 2 else 'or'} age > 2" if level else f"{text} and age > 2"
    assert faults(text, world) == []


# --- segments behind a segment ----------------------------------------------------------------------------------------


def saved(world, **texts):
    """A world with these segments, each of which may refer to those before it."""
    known = dict(world.segments)
    for name, text in texts.items():
        checked, found = check(parse(text).tree, World(world.registry, 2, known), from_text=True)
        assert checked is not None, found.all
        one = uuid.uuid5(uuid.NAMESPACE_OID, name)
        known[one] = Known(one, name, checked.tree)
    return World(world.registry, 2, known)


def test_what_a_question_needs_includes_the_segments_behind_it(world):
    known = saved(world, old="age > 40", rich="figures.net in top 20% and in segment 'old'")
    checked, _ = check(parse("in segment 'rich' and language = 'zh'").tree, known, from_text=True)
    assert checked is not None
    assert checked.grants == {
        ("customers:read", "basic"),
        ("customers:read", "financial"),
        ("customers:read", "personal"),
    }
    assert (checked.temporal, checked.population_relative) == (True, True)
    assert checked.uses == {"language"}
    assert checked.segments == {known.ids["rich"]}
    assert checked.changed_by >= {"customer.updated", "receipt.recorded"}
    assert known.printer.text(checked.tree) == "in segment 'rich' and language = 'zh'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("entered segment 'old' during last 7 days", "not_kept"),
        ("was in segment 'old' on 2026-03-01", "not_kept"),
        ("was in segment 'rich' on 2026-01-31", "before_kept"),
        ("was in segment 'rich' on 2026-02-01", None),
        ("left segment 'rich' from 2026-01-01 to 2026-01-31", "before_kept"),
        ("left segment 'rich' from 2026-01-01 to 2026-02-01", None),
        ("left segment 'rich' from 2026-02-03 to 2026-02-01", "empty_range"),
        ("entered segment 'rich' before 2026-02-01", "before_kept"),
        ("entered segment 'rich' before 2026-02-02", None),
        ("entered segment 'rich' during last 90 days", None),
        ("entered segment 'poor' during last 90 days", "unknown_segment"),
        ("any(receipts where was in segment 'rich' on 2026-03-01)", "not_offered"),
    ],
)
def test_of_the_past_is_known_what_was_kept(world, text, expected):
    found = [code for code, _ in faults(text, kept(world))]
    assert found == ([] if expected is None else [expected])


def kept(world):
    """A world with a segment whose members are kept, and one whose are not."""
    known = saved(world, old="age > 40", rich="figures.net in top 20%")
    rich = known.ids["rich"]
    since = dataclasses.replace(known.segments[rich], since=date(2026, 2, 1))
    return World(world.registry, 2, {**known.segments, rich: since})


def test_who_asks_of_the_past_needs_what_the_segment_needs_and_changes_with_its_events_alone(world):
    known = kept(world)
    text = "entered segment 'rich' during last 7 days and in segment 'old'"
    checked, _ = check(parse(text).tree, known, from_text=True)
    assert checked is not None
    assert checked.segments == set(known.segments)
    assert ("customers:read", "financial") in checked.grants
    assert checked.behind == {known.ids["old"]}
    assert checked.past == {known.ids["rich"]}
    assert (checked.temporal, checked.population_relative) == (True, False)
    assert checked.changed_by >= {"segment.entered", "segment.left"}
    assert "receipt.recorded" not in checked.changed_by
    # Asked in both ways, it is asked.
    both, _ = check(parse(f"{text} and in segment 'rich'").tree, known, from_text=True)
    assert both is not None
    assert both.behind == set(known.segments)
    assert both.past == {known.ids["rich"]}
    assert (both.population_relative, "receipt.recorded" in both.changed_by) == (True, True)


def test_what_may_change_unnoticed_is_named(world):
    known = saved(world, whole="completeness > 50")
    checked, _ = check(parse("in segment 'whole' and plan_forecast > 3").tree, known, from_text=True)
    assert checked is not None
    assert checked.unfollowed == {"completeness", "plan_forecast"}


def test_a_circle_through_the_past_is_refused(world):
    known = kept(world)
    rich = known.ids["rich"]
    for text in ("entered segment 'rich' during last 7 days", "was in segment 'rich' on 2026-03-01"):
        _, found = check(parse(text).tree, known, from_text=True, own=rich)
        assert [fault.code for fault in found.all] == ["circle"]


def test_a_circle_is_refused(world):
    known = saved(world, first="age > 40", second="in segment 'first'")
    own = known.ids["first"]
    for text in ("in segment 'first'", "not in segment 'second'"):
        _, found = check(parse(text).tree, known, from_text=True, own=own)
        assert [fault.code for fault in found.all] == ["circle"]


def test_a_chain_that_grows_too_large_is_refused(world):
    forty = " and ".join(["age > 1"] * 40)
    known = saved(world, a=forty, b=f"in segment 'a' and {forty}", c=f"in segment 'b' and {forty}")
    assert faults("in segment 'c' or in segment 'a'", known) == []
    assert faults("in segment 'c' or in segment 'b'", known) == [("too_many_conditions", None)]
    deep, levels = saved(world, n0="not not not not not age > 3"), 6
    for before, name in itertools.pairwise(f"n{number}" for number in range(8)):
        text, levels = f"not not not not not in segment '{before}'", levels + 6
        if levels > grammar.DEPTH_WITH_SEGMENTS:
            assert faults(text, deep) == [("too_many_conditions", None)]
            return
        deep = saved(deep, **{name: text})
    pytest.fail("the chain grew for ever")


def test_temporal_is_what_time_alone_can_change(world):
    def temporal(text):
        checked, _ = check(parse(text).tree, world, from_text=True)
        assert checked is not None
        return checked.temporal

    assert all(temporal(text) for text in (
        "age > 40", "net_30d > 5", "created during last 3 days", "any(receipts during last 3 days)",
        "birthday anniversary during next 3 days", "figures.days_since_last > 3",
        "count(receipts) > 1 and sum(receipts.net during next 2 days) > 5", "age in top 3%",
        "figures.net in top 3% of (created during last 3 days)",
    ))  # fmt: skip
    assert not any(temporal(text) for text in (
        "figures.net > 5", "any(receipts from 2026-01-01 to 2026-02-01)", "created before 2026-01-01",
        "status = 'active'",
    ))  # fmt: skip


def test_lacking(world):
    checked, _ = check(parse("age > 1 and any(receipts)").tree, world, from_text=True)
    assert checked is not None
    assert checked.lacking(SYSTEM) == ["the scope customers:read", "the scope receipts:read"]
