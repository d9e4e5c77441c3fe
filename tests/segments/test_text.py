"""Text to tree and back: what is read, how it is printed, and what is said of what cannot be read."""

import uuid
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.segments import grammar
from app.segments.check import Known, World, check
from app.segments.grammar import Refused
from app.segments.parse import parse, segments_named
from app.segments.print import Printer
from app.segments.tree import And, Compare, InSegment, Not, OneOf, Or, from_json, to_json
from app.segments.values import MoneyValue, NumberValue

KEPT = {uuid.UUID(int=1): "vip", uuid.UUID(int=2): "it's kept"}
# The examples of the language whose fields exist, each as it is printed.
EXAMPLES = [
    (
        "count(distinct lines.receipt during last 90 days where category under 'garden') >= 3"
        " and none(lines during last 30 days where category under 'garden')"
    ),
    "birthday anniversary during next 14 days",
    "margin_365d in top 20% of (status = 'active')",
    "home.city = 'Guiyang' or home_store in ('GY-01', 'GY-02')",
    "sum(receipts.net during last 12 months where store = 'GY-01') > 200.00",
    "credit.overdue > 0.00 or credit.balance > credit.limit",
    "language != 'zh' including missing and last(receipts.store) = 'GY-01'",
    ("sequence(receipts where store = 'WEB' then receipts where store != 'WEB' within 14 days) during last 60 days"),
    "sample 10% seed 'autumn' and language != 'zh' including missing",
    "entered segment 'vip' during last 7 days and last(receipts.store) = 'GY-01'",
]
MORE = [
    "left segment 'vip' from 2026-02-01 to 2026-02-28 or not was in segment 'vip' on 2026-03-01",
    "entered segment 'it''s kept' after 2026-02-01 and not left segment 'it''s kept' during next 1 month",
    "not (status = 'active' or kind = 'business') and not not age > 3",
    "(status = 'active' or kind = 'business') and (age > 3 or age < 2)",
    "(status = 'active' and kind = 'business') and age > 3",
    "(status = 'active' or kind = 'business') or age > 3",
    "status = 'active' or kind = 'business' and age > 3",
    "display_name in ('O''Neil', '50%', '')",
    "home_store not in ('GY-01') including missing",
    "home_store is missing or home_store is not missing",
    "display_name contains 'a' and display_name starts with '%_\\'",
    "figures.net between -5.00 and 200.01",
    "figures.usual_gap_days <= 30.5",
    "created from 2026-01-01 to 2026-02-28 or created before 2020-01-01 or created after 2026-11-21",
    "figures.last_occasion during last 1 day or figures.last_occasion during next 2 weeks",
    "created anniversary during next 1 month",
    "any(receipts) and none(lines where brand is missing) and all(receipts during last 2 years where one_off = false)",
    "avg(receipts.net) > figures.net and min(receipts.date) < max(lines.date)",
    "figures.occasions in bottom 3 customers or age in top 1%",
    "has_phone = true and has_email = false",
    "consent('marketing', 'sms') = 'granted' and not consent('sharing', 'any') = 'withdrawn'",
    "contact.due = true and contact.last_at before 2026-11-01 and contact.do_not_call = false",
    "credit.status = 'suspended' or credit.limit is missing",
    "ratio(sum(receipts.net during last 12 months), figures.net) < 0.3 and figures.occasions > ratio(age, age)",
    "ratio(credit.balance, credit.limit) > 0.9 including missing and any(lines where ratio(margin, net) < 0.1)",
    "sample 0.5% seed 'it''s' or not sample 100% seed ''",
    "location within 0.5 km of 'GY-01' and home.location within 20 km of (-26.647, 106.63)",
    "any(addresses where kind = 'home' and location within 5 km of 'fair ''26')",
    (
        "sequence(complaints where severity = 'critical' or about = 'price' then not interactions within 1 week"
        " then lines where category under 'food' within 2 months then receipts within 1 year)"
        " from 2026-01-01 to 2026-02-01"
    ),
]


def stored(text, world):
    checked, faults = check(parse(text).tree, world, from_text=True)
    assert checked is not None, [fault.detail for fault in faults.all]
    return checked.tree


@pytest.fixture
def kept(world):
    """A world with two kept segments."""
    since, tree = date(2026, 2, 1), stored("age > 3", world)
    return World(world.registry, 2, {one: Known(one, name, tree, since) for one, name in KEPT.items()})


@pytest.mark.parametrize("text", [*EXAMPLES, *MORE])
def test_a_printed_text_is_printed_again_as_it_is(kept, text):
    world = kept
    tree = stored(text, world)
    assert world.printer.text(tree) == text
    assert from_json(to_json(tree)) == tree


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("STATUS='active'AND(age>3)", "status = 'active' and age > 3"),
        ("((age > 3))", "age > 3"),
        ("age > 03.50", None),
        ("age > 3.50", "age > 3.5"),
        ("age > -0", "age > 0"),
        ("figures.net > 200", "figures.net > 200.00"),
        ("figures.net > -0.5", "figures.net > -0.50"),
        ("age＞３　and（age＜９）", "age > 3 and age < 9"),
        ("display_name = '（３）'", "display_name = '（３）'"),
        ("display_name = 'e\u0301'", "display_name = 'é'"),
        ("created during last 1 days", "created during last 1 day"),
        ("created during last 2 week", "created during last 2 weeks"),
        ("age >\n\t 3", "age > 3"),
    ],
)
def test_text_has_one_printed_form(world, typed, printed):
    if printed is None:
        with pytest.raises(Refused):
            parse(typed)
    else:
        assert world.printer.text(stored(typed, world)) == printed


def test_and_binds_closer_than_or_and_not_closest():
    tree = parse("not a = 1 or b = 2 and c = 3").tree
    assert isinstance(tree, Or)
    first, second = tree.items
    assert isinstance(first, Not)
    assert isinstance(second, And)


def test_not_in_is_an_operator_and_not_a_complement():
    assert isinstance(parse("home_store not in ('a')").tree, OneOf)
    assert isinstance(parse("not home_store in ('a')").tree, Not)
    negated = parse("not in segment 'vip'").tree
    assert isinstance(negated, Not)
    assert negated.item == InSegment(name="vip")


def test_amounts_are_minor_units_in_the_tree(world, registry):
    tree = stored("figures.net > 200.01", world)
    assert isinstance(tree, Compare)
    assert tree.right == MoneyValue(money=20_001)
    yen = World(registry, 0)
    assert yen.printer.text(stored("figures.net > 200", yen)) == "figures.net > 200"
    dinar = World(registry, 3)
    assert dinar.printer.text(stored("figures.net > -0.001", dinar)) == "figures.net > -0.001"


def test_a_number_has_one_form_in_a_tree():
    assert NumberValue(number="1.50") == NumberValue(number="1.5")
    assert NumberValue(number="-0.00").number == "0"
    assert NumberValue(number="100").number == "100"


@given(st.integers(-(10**18), 10**18), st.integers(0, 4))
def test_every_amount_is_printed_and_read_exactly(minor, digits):
    text = Printer(digits, {}).money(minor)
    sign, _, rest = text.rpartition("-")
    whole, _, cents = rest.partition(".")
    assert int(f"{'-' if '-' in text else ''}{whole}{cents}") == minor
    assert len(cents) == digits
    assert not sign


@pytest.mark.parametrize(
    ("text", "code", "start", "end", "near"),
    [
        ("", "syntax", 0, 0, None),
        ("status", "syntax", 6, 6, None),
        ("status = ", "syntax", 9, 9, None),
        ("status = 'active", "open_string", 9, 16, None),
        ('status = "active"', "quotes", 9, 10, None),
        ("status = ‘active’", "quotes", 9, 10, None),
        ("age == 3", "syntax", 4, 6, "="),
        ("age <> 3", "syntax", 4, 6, "!="),
        ("age > 3 && age < 5", "syntax", 8, 10, "and"),
        ("age > 3 age < 5", "syntax", 8, 11, None),
        ("(age > 3", "syntax", 8, 8, None),
        ("age > 3)", "syntax", 7, 8, None),
        ("age > 3x", "number", 6, 7, None),
        ("age > 1.2.3", "number", 6, 7, None),
        ("age > ٣", "number", 6, 7, None),
        ("age ? 3", "syntax", 4, 5, None),
        ("created during lats 3 days", "syntax", 15, 19, "last"),
        ("created during last 3 dais", "syntax", 22, 26, "days"),
        ("created during last x days", "syntax", 20, 21, None),
        ("created during last 0 days", "greater_than_equal", 8, 26, None),
        ("created during last 99999 years", "window_too_long", 8, 31, None),
        ("created before 2026-02-30", "invalid_date", 8, 25, None),
        ("suum(receipts.net) > 3", "unknown_function", 0, 4, "sum"),
        ("age in top 101%", "percent", 0, 15, None),
        ("age in top 5 custmers", "syntax", 13, 21, "customers"),
        ("display_name = 'a\nb'", "control_character", 15, 20, None),
        ("display_name = '" + "x" * 201 + "'", "string_too_long", 15, 218, None),
        ("not " * 9 + "age > 3", "too_deep", None, None, None),
        ("(" * 9 + "age > 3" + ")" * 9, "too_deep", None, None, None),
        ("x" * 101 + " = 3", "too_long", 0, 101, None),
        ("age > 12345678901234567890", "invalid_decimal", 6, 26, None),
        ("age = 3 " + " " * grammar.TEXT_BYTES, "too_long", None, None, None),
        ("status in (active)", "bare_word", 11, 17, None),
        ("home_store = GY-01", "bare_word", 13, 18, None),
        ("home_store = GY-01 and age > 3", "bare_word", 13, 18, None),
        ("age > figures.net -1", "syntax", 18, 20, None),
        ("age in ()", "syntax", 8, 9, None),
        ("age in (1 2)", "syntax", 10, 11, None),
        ("where = 3", "syntax", 0, 5, None),
        ("consent = 'granted'", "syntax", 0, 7, None),
        ("consent('marketing') = 'granted'", "syntax", 19, 20, None),
        ("consent(marketing, 'sms') = 'granted'", "syntax", 8, 17, None),
        ("consent('marketing', 'sms') != 'granted'", "syntax", 28, 30, None),
        ("consent('marketing', 'sms')", "syntax", 27, 27, None),
        ("consent('marketing', 'sms') = granted", "syntax", 30, 37, None),
        ("entered 'vip' during last 7 days", "syntax", 8, 13, None),
        ("entered segment vip during last 7 days", "syntax", 16, 19, None),
        ("entered segment 'vip'", "syntax", 21, 21, None),
        ("left segment 'vip' on 2026-03-01", "syntax", 19, 21, None),
        ("left segment 'vip' duing last 7 days", "syntax", 19, 24, "during"),
        ("was segment 'vip' on 2026-03-01", "syntax", 4, 11, None),
        ("was in segment 'vip' during last 7 days", "syntax", 21, 27, None),
        ("was in segment 'vip' on 2026-02-30", "invalid_date", 0, 34, None),
        ("sample 10 seed 'x'", "syntax", 10, 14, None),
        ("sample ten% seed 'x'", "syntax", 7, 10, None),
        ("sample 10% sead 'x'", "syntax", 11, 15, "seed"),
        ("sample 10% seed x", "syntax", 16, 17, None),
        ("sample 0% seed 'x'", "percent", 0, 18, None),
        ("sample 100.5% seed 'x'", "percent", 0, 22, None),
        ("ratio(age) > 3", "syntax", 9, 10, None),
        ("ratio(age, 3) > 3", "syntax", 11, 12, None),
        ("ratio(age, ratio(age, age)) > 3", "unknown_function", 11, 16, None),
        ("ratio(age, suum(receipts.net)) > 3", "unknown_function", 11, 15, "sum"),
        ("ratio(age, age)", "syntax", 15, 15, None),
        ("location within km of 'GY-01'", "syntax", 16, 18, None),
        ("location within 5 of 'GY-01'", "syntax", 18, 20, None),
        ("location within 5 miles of 'GY-01'", "syntax", 18, 23, None),
        ("location within 0 km of 'GY-01'", "distance", 0, 31, None),
        ("location within -1 km of 'GY-01'", "distance", 0, 32, None),
        ("location within 20041 km of 'GY-01'", "distance", 0, 35, None),
        ("location within 5 km of GY", "syntax", 24, 26, None),
        ("location within 5 km of (26.6)", "syntax", 29, 30, None),
        ("location within 5 km of (91, 106.6)", "off_earth", 24, 35, None),
        ("location within 5 km of (26.6, -181)", "off_earth", 24, 36, None),
        ("sequence(receipts)", "steps", 0, 18, None),
        ("sequence(receipts then lines)", "syntax", 28, 29, None),
        ("sequence(receipts then lines within 3)", "syntax", 37, 38, None),
        ("sequence(receipts then lines within 0 days)", "greater_than_equal", 36, 42, None),
        ("sequence(not receipts then lines within 3 days)", "syntax", 13, 21, None),
        ("sequence(receipts within 3 days then lines within 3 days)", "syntax", 18, 24, "then"),
        ("sequence()", "syntax", 9, 10, None),
        ("sequence(receipts" + " then lines within 3 days" * 6 + ")", "too_long", None, None, None),
    ],
)
def test_an_error_tells_what_where_and_what_was_meant(text, code, start, end, near):
    with pytest.raises(Refused) as refused:
        parse(text)
    assert refused.value.code == code
    assert refused.value.detail
    assert start is None or (refused.value.start, refused.value.end) == (start, end)
    assert refused.value.near == near


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("similar to segment 'vip' top 5000 and not in segment 'vip'", "similar to segment"),
        ("bought like 'vip'", "bought like"),
    ],
)
def test_what_is_not_offered_yet_is_named(text, named):
    with pytest.raises(Refused, match="not offered yet") as refused:
        parse(text)
    assert refused.value.code == "not_offered"
    assert refused.value.detail.startswith(named)


def test_an_error_never_quotes_what_was_typed(world):
    for text in ("canary = 3", "age canary 3", "age = 'canary'", "canary(3) = 4", "any(canary)", "in segment 'canary'",
                 "status = 'canary'", "age in top 3 canary", "age > 3 canary"):  # fmt: skip
        try:
            _, faults = check(parse(text).tree, world, from_text=True)
            details = [fault.detail for fault in faults.all]
        except Refused as refused:
            details = [refused.detail]
        assert details
        assert not any("canary" in detail for detail in details), (text, details)


def test_the_segments_that_a_text_names_are_known_before_it_is_checked():
    assert segments_named("in segment 'a' and not in segment 'it''s' or similar to segment 'b' top 3") == {
        "a",
        "it's",
        "b",
    }
    assert segments_named("display_name = 'segment'") == frozenset()
