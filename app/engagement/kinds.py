"""The kinds of records, and what can be done with each: one table that queries, commands and routes read. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

RECORD, WRITE = "engagement:record", "engagement:write"


@dataclass(frozen=True, slots=True)
class Action:
    """Something done to a record: it takes it from one of the states `sources` to `target`, and tells `event`.

    `clears` are columns that become null, `counts` one that goes up by one.
    """

    verb: str
    sources: tuple[str, ...]
    target: str
    event: str
    clears: tuple[str, ...] = ()
    counts: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A kind of record. `plural` is its place in a path; `created` and `updated` are the events it tells.

    `groups` names the columns that only callers with that field group see, `hidden` those that nobody does. `state` is
    the column of its life, `live` the states that want something done. `due` is the column by which that is.
    """

    name: str
    plural: str
    created: str
    updated: str
    creator: str = RECORD
    groups: Mapping[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ("task_at",)
    state: str | None = None
    live: tuple[str, ...] = ()
    due: str | None = None
    actions: tuple[Action, ...] = ()

    def action(self, verb: str) -> Action:
        """One of its actions."""
        return next(one for one in self.actions if one.verb == verb)

    def seen_by(self, columns: list[str], groups: frozenset[str]) -> list[str]:
        """Which of its columns a caller with these field groups may see; the others are absent, not null."""
        return [name for name in columns if name not in self.hidden and self.groups.get(name, "basic") in groups]


_PERSONAL = "personal"

INTERACTION = Kind(
    "interaction", "interactions", "interaction.recorded", "interaction.updated",
    groups={"note": _PERSONAL}, due="follow_up_at",
)  # fmt: skip
COMPLAINT = Kind(
    "complaint", "complaints", "complaint.opened", "complaint.updated",
    groups={
        "subject": _PERSONAL, "note": _PERSONAL, "outcome_note": _PERSONAL, "compensation_cost": "financial",
    },
    state="status", live=("open", "in_progress"), due="due_at",
    actions=(
        Action("start", ("open",), "in_progress", "complaint.updated"),
        Action("resolve", ("open", "in_progress"), "resolved", "complaint.resolved"),
        Action(
            "reopen", ("resolved",), "open", "complaint.reopened",
            clears=("outcome", "outcome_note", "satisfied_after", "then_did"), counts="reopened",
        ),
    ),
)  # fmt: skip
PROMISE = Kind(
    "promise", "promises", "promise.made", "promise.updated", WRITE,
    groups={"promise": _PERSONAL, "note": _PERSONAL},
    state="state", live=("open",), due="due_at",
    actions=(
        Action("keep", ("open",), "kept", "promise.kept"),
        Action("break", ("open",), "broken", "promise.broken"),
    ),
)  # fmt: skip
SURVEY = Kind(
    "survey", "surveys", "survey.recorded", "survey.recorded", groups={"comment": _PERSONAL},
)  # fmt: skip
SUGGESTION = Kind(
    "suggestion", "suggestions", "suggestion.recorded", "suggestion.updated",
    groups={"suggestion": _PERSONAL, "outcome_note": _PERSONAL},
    state="status", live=("open",),
    actions=(
        Action("accept", ("open", "declined"), "accepted", "suggestion.decided"),
        Action("decline", ("open", "accepted"), "declined", "suggestion.decided"),
        Action("complete", ("accepted",), "done", "suggestion.decided"),
    ),
)  # fmt: skip
NEED = Kind(
    "need", "needs", "need.recorded", "need.updated",
    groups={"need": _PERSONAL, "desire": _PERSONAL, "note": _PERSONAL, "means": "financial", "budget": "financial"},
)  # fmt: skip
LOSS = Kind(
    "loss", "losses", "loss.recorded", "loss.updated", WRITE, groups={"note": _PERSONAL},
)  # fmt: skip
CARE = Kind(
    "care", "care", "care.planned", "care.updated", WRITE,
    groups={"what": _PERSONAL, "note": _PERSONAL, "planned_cost": "financial", "cost": "financial"},
    state="status", live=("planned",), due="planned_for",
    actions=(
        Action("complete", ("planned",), "done", "care.done"),
        Action("cancel", ("planned",), "cancelled", "care.cancelled"),
    ),
)  # fmt: skip
DEVELOPMENT_PLAN = Kind(
    "development_plan", "development-plans", "development_plan.created", "development_plan.updated", WRITE,
    groups={"goal": _PERSONAL, "steps": _PERSONAL, "note": _PERSONAL},
    state="status", live=("active",),
    actions=(
        Action("complete", ("active",), "achieved", "development_plan.closed"),
        Action("abandon", ("active",), "abandoned", "development_plan.closed"),
        Action("reopen", ("achieved", "abandoned"), "active", "development_plan.updated"),
    ),
)  # fmt: skip
TASK = Kind(
    "task", "tasks", "task.created", "task.updated", WRITE,
    hidden=("occasion", "by_manager", "by_store"),
    state="status", live=("open",), due="due_at",
    actions=(
        Action("assign", ("open",), "open", "task.updated"),
        Action("complete", ("open",), "done", "task.closed"),
        Action("cancel", ("open",), "cancelled", "task.closed"),
    ),
)  # fmt: skip

# Those that are a customer's records of their own; tasks are made from them.
KINDS = (INTERACTION, COMPLAINT, PROMISE, SURVEY, SUGGESTION, NEED, LOSS, CARE, DEVELOPMENT_PLAN)
# Those that make a task when they fall due.
DUE = tuple(kind for kind in KINDS if kind.due is not None)
