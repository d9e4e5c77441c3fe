"""The life of a warning: which step leads from which status to which, and what it changes. Pure.

What the rules and the clock do (`Action` without a verb) stands in `commands`: raising, changing, waking, escalating.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, get_args

from app.core.errors import INVALID, FieldError, Problem, ProblemType
from app.core.types import rfc3339
from app.early_warning.rules import Handling, Kind

Status = Literal["open", "acknowledged", "snoozed", "investigating", "resolved"]
Verb = Literal["acknowledge", "snooze", "investigate", "assign", "comment", "resolve", "reopen"]
Action = Literal[
    "opened", "changed", "reopened", "acknowledged", "snoozed", "woken", "investigated", "assigned", "handed_over",
    "escalated", "commented", "promise_kept", "promise_broken", "promise_lapsed", "resolved",
]  # fmt: skip
PromiseState = Literal["open", "kept", "broken", "lapsed"]
STATUSES: tuple[Status, ...] = get_args(Status)
VERBS: tuple[Verb, ...] = get_args(Verb)
ACTIONS: tuple[Action, ...] = get_args(Action)
PROMISE_STATES: tuple[PromiseState, ...] = get_args(PromiseState)
LIVE: tuple[Status, ...] = tuple(status for status in STATUSES if status != "resolved")
# What is owed can be promised.
PROMISED: tuple[Kind, ...] = ("credit",)
# The episode of a debt that is over.
SETTLED = "settled"

WARNING_RESOLVED = ProblemType("warning_resolved", 409, "The warning is resolved already")
WARNING_LIVE = ProblemType("warning_live", 409, "The warning is not resolved")
WARNING_RAISED_AGAIN = ProblemType("warning_raised_again", 409, "Another warning about the same is not resolved")
WARNING_INVESTIGATED = ProblemType("warning_investigated", 409, "The warning is under investigation already")

# From which status each step leads to which; from any other it is refused.
LEADS: Mapping[Verb, Mapping[Status, Status]] = {
    "acknowledge": {"open": "acknowledged", "acknowledged": "acknowledged", "snoozed": "acknowledged"},
    "snooze": dict.fromkeys(LIVE, "snoozed"),
    "investigate": dict.fromkeys(LIVE, "investigating"),
    "assign": {status: status for status in LIVE},
    "comment": {status: status for status in STATUSES},
    "resolve": dict.fromkeys(LIVE, "resolved"),
    "reopen": {"resolved": "open"},
}
DONE: Mapping[Verb, Action] = {
    "acknowledge": "acknowledged", "snooze": "snoozed", "investigate": "investigated", "assign": "assigned",
    "comment": "commented", "resolve": "resolved", "reopen": "reopened",
}  # fmt: skip
# What a step may change, each a column of the warning.
CHANGED = (
    "status", "owner", "by_manager", "due_at", "snoozed_until", "escalated_at", "acknowledged_at", "acknowledged_by",
    "resolved_at", "resolved_by", "resolution", "episode", "promised_at", "promised_amount", "promised_on",
    "promise_state", "promise_paid",
)  # fmt: skip
# Told beside the note, in the history.
_TOLD = ("owner", "due_at", "until", "by", "outcome", "cause", "finding", "remedy", "promise")

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scene:
    """Who takes a step, and when: `client` is the caller's, `today` the company's day."""

    now: datetime
    client: uuid.UUID
    today: date
    handling: Mapping[Kind, Handling]

    def due(self, warning: Fields, since: datetime) -> datetime:
        """By when a warning is to be resolved that came at `since`."""
        return since + timedelta(hours=self.handling[warning["kind"]].hours(warning["severity"]))


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was taken: the columns that it changed, and what the history tells of it."""

    action: Action
    changes: dict[str, Any]
    note: str | None
    details: dict[str, Any] | None


def take(verb: Verb, warning: Fields, given: Fields, scene: Scene) -> Step | None:
    """The step `verb` of a warning, whose row has `kind`, `severity`, `manager` and what is in CHANGED.

    None if all is so already, and nothing is noted. Raises Problem: not from this status, values that do not fit.
    """
    status = led(verb, warning["status"])
    note = given["text"] if verb == "comment" else given.get("note")
    wanted = {"status": status, **_CHANGES[verb](warning, given, scene)}
    if status != "snoozed":
        wanted["snoozed_until"] = None
    if "due_at" in wanted and wanted["due_at"] != warning["due_at"]:
        # Due at another time: it escalates when that passes.
        wanted["escalated_at"] = None
    changes = {name: value for name, value in wanted.items() if value != warning[name]}
    if not changes and note is None:
        return None
    return Step(DONE[verb], changes, note, _details(given))


def led(verb: Verb, status: Status) -> Status:
    """The status after a step. Raises Problem if it cannot be taken from this one."""
    after = LEADS[verb].get(status)
    if after is None:
        if status == "resolved":
            raise Problem(WARNING_RESOLVED)
        raise Problem(WARNING_LIVE if verb == "reopen" else WARNING_INVESTIGATED)
    return after


def _acknowledge(warning: Fields, given: Fields, scene: Scene) -> dict[str, Any]:
    changes = _given(warning, given)
    if warning["status"] != "acknowledged":
        changes |= {"acknowledged_at": scene.now, "acknowledged_by": scene.client}
    return changes


def _snooze(warning: Fields, given: Fields, scene: Scene) -> dict[str, Any]:
    until = given["until"]
    if until <= scene.now:
        detail = "It must be later than now."
        raise Problem(INVALID, detail, [FieldError("/until", "past_time", detail)])
    # When it wakes there is as much time as for a new one.
    due, fresh = warning["due_at"], scene.due(warning, until)
    return {"snoozed_until": until, "due_at": fresh if due is None else max(due, fresh)}


def _investigate(warning: Fields, given: Fields, scene: Scene) -> dict[str, Any]:
    changes = _given(warning, given)
    if warning["status"] == "open":
        changes |= {"acknowledged_at": scene.now, "acknowledged_by": scene.client}
    return changes


def _assign(warning: Fields, given: Fields, _: Scene) -> dict[str, Any]:
    return _given(warning, given)


def _comment(*_: Any) -> dict[str, Any]:
    return {}


def _resolve(warning: Fields, given: Fields, scene: Scene) -> dict[str, Any]:
    found = {name: value for name, value in given.items() if value is not None}
    changes: dict[str, Any] = {"resolved_at": scene.now, "resolved_by": scene.client, "resolution": _plain(found)}
    promise = found.get("promise")
    if promise is None:
        return changes | ({"promise_state": "lapsed"} if warning["promise_state"] == "open" else {})
    if warning["kind"] not in PROMISED:
        detail = "Only what is owed can be promised to be paid."
        raise Problem(INVALID, detail, [FieldError("/promise", "not_for_this_kind", detail)])
    if promise["due_on"] < scene.today:
        detail = "It must not be in the past."
        raise Problem(INVALID, detail, [FieldError("/promise/due_on", "past_day", detail)])
    return changes | {
        "promised_at": scene.now, "promised_amount": promise["amount"], "promised_on": promise["due_on"],
        "promise_state": "open", "promise_paid": None,
    }  # fmt: skip


def _reopen(warning: Fields, _: Fields, scene: Scene) -> dict[str, Any]:
    # Whether what it was about is over is for the rules to say, anew.
    episode = "" if warning["episode"] == SETTLED else warning["episode"]
    return {
        "resolved_at": None, "resolved_by": None, "resolution": None, "episode": episode,
        "due_at": scene.due(warning, scene.now),
    }  # fmt: skip


_CHANGES: Mapping[Verb, Callable[[Fields, Fields, Scene], dict[str, Any]]] = {
    "acknowledge": _acknowledge, "snooze": _snooze, "investigate": _investigate, "assign": _assign,
    "comment": _comment, "resolve": _resolve, "reopen": _reopen,
}  # fmt: skip


def _given(warning: Fields, given: Fields) -> dict[str, Any]:
    """Owner and due time, as far as they are given. The account manager's goes with the customer."""
    changes = {name: given[name] for name in ("owner", "due_at") if name in given}
    if "owner" in changes:
        changes["by_manager"] = changes["owner"] is not None and changes["owner"] == warning["manager"]
    return changes


def _details(given: Fields) -> dict[str, Any] | None:
    return _plain({name: given[name] for name in _TOLD if given.get(name) is not None}) or None


def _plain(values: Fields) -> dict[str, Any]:
    return {name: plain(value) for name, value in values.items()}


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date | uuid.UUID):
        return str(value)
    return _plain(value) if isinstance(value, dict) else value
