"""How complete and how fresh a record is, and the one question worth asking next. Pure.

The score is the weight of what is known out of the weight of all that counts for this kind of customer and that the
caller may see, in percent, rounded down. A value that looks made up, or whose licence has ended, does not count; a
stale one counts and is listed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.customers.attributes import ATTRIBUTES, BY_PATH, Attribute
from app.customers.provenance import state

Weights = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a customer: the paths with a value, and those that look made up.

    `seen` is when each was last collected or confirmed, `licences` the last day on which it may be used.
    """

    kind: str
    values: frozenset[str]
    suspect: frozenset[str]
    seen: Mapping[str, datetime]
    licences: Mapping[str, date]


def weighted(weights: Weights, more: Iterable[Attribute] = ()) -> list[tuple[int, Attribute]]:
    """(weight, attribute) of what counts, the heaviest first; what is equal in the order of the list."""
    found = [(weights.get(one.path, one.weight), one) for one in (*ATTRIBUTES, *more)]
    return sorted(((weight, one) for weight, one in found if weight > 0), key=lambda each: -each[0])


def unknown_weights(weights: Weights) -> list[str]:
    """The paths of a setting that name no attribute, or one that nobody can be asked for."""
    return sorted(path for path in weights if path not in BY_PATH or not BY_PATH[path].question)


def judge(
    known: Known, counted: Iterable[tuple[int, Attribute]], groups: frozenset[str], now: datetime, today: date
) -> dict[str, Any]:
    """The score and what stands behind it, for a caller with these field groups."""
    total = held = 0
    lists: dict[str, list[dict[str, Any]]] = {"missing": [], "suspect": [], "unlicensed": [], "stale": []}
    lacking: list[Attribute] = []
    old: list[Attribute] = []
    for weight, one in counted:
        if known.kind not in one.kinds or one.group not in groups:
            continue
        total += weight
        verdict = _verdict(known, one, now, today)
        if verdict in {"current", "stale"}:
            held += weight
        else:
            lacking.append(one)
        if verdict == "stale":
            old.append(one)
        if verdict != "current":
            lists[verdict].append({"path": one.path, "label": one.label, "weight": weight})
    following = next(iter(lacking or old), None)
    return {"score": 100 * held // total if total else 100, **lists, "ask_next": question(following)}


def question(attribute: Attribute | None) -> dict[str, str] | None:
    """What to ask for, and in which words."""
    if attribute is None:
        return None
    words = attribute.question or f"{attribute.label}?"
    return {"path": attribute.path, "label": attribute.label, "question": words}


def _verdict(known: Known, one: Attribute, now: datetime, today: date) -> str:
    if one.path not in known.values:
        return "missing"
    if one.path in known.suspect:
        return "suspect"
    if one.path in known.licences and known.licences[one.path] < today:
        return "unlicensed"
    seen = known.seen.get(one.path)
    return "current" if seen is None else state(seen, None, one.fresh_days, now)
