"""What a batch does to the records it names: the pure part, against the plainest way of saying it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.catalog.upserts import by_code, changes_of, fold

DEFAULTS = {"name": None, "brand": None}
fields = st.dictionaries(st.sampled_from(["name", "brand"]), st.sampled_from(["a", "b", None]))


def test_a_new_record_starts_from_the_defaults():
    folded = fold(None, {"name": None, "zone": "Asia/Shanghai"}, [{"name": "a"}])
    assert (folded.after, folded.statuses, folded.version) == ({"name": "a", "zone": "Asia/Shanghai"}, ["created"], 0)
    assert (folded.verb, set(folded.changed)) == ("create", {"name", "zone"})


def test_a_known_record_keeps_what_is_absent():
    folded = fold({"name": "a", "brand": "b"}, DEFAULTS, [{"brand": None}], 7)
    assert (folded.after, folded.changed, folded.statuses) == ({"name": "a", "brand": None}, ("brand",), ["updated"])
    assert (folded.verb, folded.version) == ("update", 7)


def test_back_and_forth_is_no_change():
    folded = fold({"name": "a"}, DEFAULTS, [{"name": "b"}, {"name": "a"}])
    assert (folded.statuses, folded.changed) == (["updated", "updated"], ())


def test_the_record_before_is_left_alone():
    before = {"name": "a", "brand": None}
    fold(before, DEFAULTS, [{"name": "b"}])
    assert before == {"name": "a", "brand": None}
    assert DEFAULTS == {"name": None, "brand": None}


def test_grouping_keeps_indexes_and_order():
    items = [(3, {"code": "b", "name": "x"}), (5, {"code": "a"}), (9, {"code": "b", "name": "y"})]
    grouped = by_code(items)
    assert grouped == {"a": [(5, {})], "b": [(3, {"name": "x"}), (9, {"name": "y"})]}
    assert list(grouped) == ["a", "b"]
    assert list(changes_of(grouped)) == [("a", [{}]), ("b", [{"name": "x"}, {"name": "y"}])]


@given(st.none() | st.fixed_dictionaries({"name": st.sampled_from(["a", None]), "brand": st.none()}), st.lists(fields))
def test_a_fold_is_one_item_after_the_other(before, changes):
    record: dict[str, Any] | None = before
    expected = []
    for change in changes:
        after = {**(record if record is not None else DEFAULTS), **change}
        expected.append("created" if record is None else "updated" if after != record else "duplicate")
        record = after
    folded = fold(before, DEFAULTS, changes)
    assert folded.statuses == expected
    assert folded.after == (record if record is not None else DEFAULTS)
    assert bool(folded.changed) == (before is None or folded.after != before)
