"""Which step leads from which status to which: the whole table, and what each step changes. Pure."""

import itertools
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.core.errors import Problem
from app.early_warning import life
from app.early_warning.rules import Handling

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
CLIENT, OTHER = uuid.uuid4(), uuid.uuid4()
SCENE = life.Scene(NOW, CLIENT, date(2026, 3, 2), {"credit": Handling(), "loss": Handling(warning_hours=5)})
GIVEN: dict[str, dict[str, Any]] = {
    "acknowledge": {}, "snooze": {"until": NOW + timedelta(days=2)}, "investigate": {}, "assign": {"owner": "emp-2"},
    "comment": {"text": "Called"}, "resolve": {"outcome": "paid"}, "reopen": {},
}  # fmt: skip
# Said a second time, in another way than the code says it: rows are statuses, columns are steps.
EXPECTED = """
                acknowledge   snooze   investigate    assign         comment        resolve   reopen
open            acknowledged  snoozed  investigating  open           open           resolved  warning_live
acknowledged    acknowledged  snoozed  investigating  acknowledged   acknowledged   resolved  warning_live
snoozed         acknowledged  snoozed  investigating  snoozed        snoozed        resolved  warning_live
investigating   warning_investigated  snoozed  investigating  investigating  investigating  resolved  warning_live
resolved        warning_resolved  warning_resolved  warning_resolved  warning_resolved  resolved  warning_resolved  open
"""


def table():
    head, *rows = EXPECTED.strip("\n").splitlines()
    for row in rows:
        status, *after = row.split()
        yield from ((status, verb, to) for verb, to in zip(head.split(), after, strict=True))


def warning(status, **more):
    held = dict.fromkeys(life.CHANGED) | {
        "status": status, "kind": "credit", "severity": "warning", "manager": "emp-1", "by_manager": True,
        "owner": "emp-1", "episode": "", "due_at": NOW + timedelta(hours=72),
    }  # fmt: skip
    held |= {"snoozed_until": NOW + timedelta(days=1)} if status == "snoozed" else {}
    if status == "resolved":
        held |= {"resolved_at": NOW, "resolved_by": OTHER, "resolution": {"outcome": "other"}}
    return held | more


def taken(verb, held, given) -> life.Step:
    """A step that is one."""
    step = life.take(verb, held, given, SCENE)
    assert step is not None
    return step


def test_the_table_has_every_status_and_step():
    found = {(status, verb) for status, verb, _ in table()}
    assert found == set(itertools.product(life.STATUSES, life.VERBS))


@pytest.mark.parametrize(("status", "verb", "to"), list(table()))
def test_each_step_leads_where_the_table_says(status, verb, to):
    held = warning(status)
    if to.startswith("warning_"):
        with pytest.raises(Problem) as refused:
            life.take(verb, held, GIVEN[verb], SCENE)
        assert (refused.value.type.code, refused.value.type.status) == (to, 409)
        return
    step = life.take(verb, held, GIVEN[verb], SCENE)
    after = held | (step.changes if step is not None else {})
    assert after["status"] == to
    # The rules of the table's columns, whatever the step.
    assert (after["status"] == "resolved") == (after["resolved_at"] is not None)
    assert (after["status"] == "snoozed") == (after["snoozed_until"] is not None)
    assert step is None or (step.action == life.DONE[verb] and set(step.changes) <= set(life.CHANGED))


@pytest.mark.parametrize(
    ("status", "verb", "given"),
    [
        ("acknowledged", "acknowledge", {}),
        ("acknowledged", "acknowledge", {"owner": "emp-1"}),
        ("snoozed", "snooze", {"until": NOW + timedelta(days=1)}),
        ("investigating", "investigate", {}),
        ("open", "assign", {"owner": "emp-1"}),
    ],
)
def test_what_is_so_already_is_no_step_unless_something_is_noted(status, verb, given):
    held = warning(status, due_at=NOW + timedelta(days=30))
    assert life.take(verb, held, given, SCENE) is None
    noted = life.take(verb, held, {**given, "note": "Still"}, SCENE)
    assert noted is not None and noted.changes == {} and noted.note == "Still"


def test_when_it_wakes_there_is_as_much_time_as_for_a_new_one():
    until = NOW + timedelta(days=9)
    for kind, hours in (("credit", 72), ("loss", 5)):
        step = taken("snooze", warning("open", kind=kind, escalated_at=NOW), {"until": until})
        assert step.changes["due_at"] == until + timedelta(hours=hours)
        assert step.changes["escalated_at"] is None
    later = NOW + timedelta(days=100)
    assert "due_at" not in taken("snooze", warning("open", due_at=later), {"until": until}).changes


def test_it_sleeps_until_a_time_to_come():
    for until in (NOW, NOW - timedelta(days=1)):
        with pytest.raises(Problem) as refused:
            life.take("snooze", warning("open"), {"until": until}, SCENE)
        assert [(one.pointer, one.code) for one in refused.value.errors] == [("/until", "past_time")]


def test_another_due_time_may_pass_anew():
    held = warning("acknowledged", escalated_at=NOW)
    assert "escalated_at" not in taken("assign", held, {"owner": "emp-9"}).changes
    moved = taken("assign", held, {"owner": "emp-9", "due_at": NOW + timedelta(hours=1)})
    assert moved.changes["escalated_at"] is None and moved.changes["by_manager"] is False
    back = taken("assign", held | moved.changes, {"owner": "emp-1"})
    assert back.changes == {"owner": "emp-1", "by_manager": True}


def test_a_promise_is_of_what_is_owed_and_of_a_day_to_come():
    promise = {"amount": 500, "due_on": date(2026, 3, 2)}
    given = {"outcome": "promised", "promise": promise}
    step = taken("resolve", warning("open"), given)
    assert step.changes["promise_state"] == "open" and step.changes["promised_amount"] == 500
    assert step.details == {"outcome": "promised", "promise": {"amount": 500, "due_on": "2026-03-02"}}
    for held, late, pointer in (
        (warning("open"), {**promise, "due_on": date(2026, 3, 1)}, "/promise/due_on"),
        (warning("open", kind="loss"), promise, "/promise"),
    ):
        with pytest.raises(Problem) as refused:
            life.take("resolve", held, {**given, "promise": late}, SCENE)
        assert [one.pointer for one in refused.value.errors] == [pointer]


def test_who_resolves_without_a_promise_lets_the_one_before_lapse():
    held = warning("open", promise_state="open", promised_at=NOW, promised_amount=5, promised_on=date(2026, 4, 1))
    assert taken("resolve", held, {"outcome": "written_off"}).changes["promise_state"] == "lapsed"
    assert "promise_state" not in taken("resolve", warning("open"), {"outcome": "paid"}).changes


def test_what_is_reopened_is_judged_anew():
    held = warning("resolved", episode=life.SETTLED, due_at=NOW - timedelta(days=9), escalated_at=NOW)
    step = taken("reopen", held, {"note": "Not paid"})
    assert (step.changes["episode"], step.changes["due_at"]) == ("", NOW + timedelta(hours=72))
    assert step.changes["escalated_at"] is None and step.note == "Not paid"
