"""How complete and how fresh a record is, and the one question worth asking next. Pure.

The score is the weight of what is known out of the weight of all that counts for this kind of customer and that the
caller may see, in percent, rounded down. A value that looks made up, or whose licence has ended, does not count; a
stale one counts and is listed.
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.customers.attributes import ATTRIBUTES, BOTH, BY_PATH, Attribute
from app.customers.provenance import state

# By path, for all or by kind of customer, instead of the built-in ones.
Weights = Mapping[str, int | Mapping[Any, int]]
Counted = list[tuple[int, Attribute]]


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


def weight(one: Attribute, weights: Weights, kind: str) -> int:
    """What an attribute is worth for a kind of customer; 0 if it is none of theirs."""
    given = weights.get(one.path, one.weight)
    if kind not in one.kinds:
        return 0
    return given if isinstance(given, int) else given.get(kind, one.weight)


def weighted(weights: Weights, kind: str, more: Iterable[Attribute] = ()) -> Counted:
    """(weight, attribute) of what counts for a kind of customer, the heaviest first; else in the order of the list."""
    found = [(weight(one, weights, kind), one) for one in (*ATTRIBUTES, *more)]
    return sorted(((worth, one) for worth, one in found if worth > 0), key=lambda each: -each[0])


def version_of(weights: Weights, more: Iterable[Attribute] = ()) -> int:
    """The version of what is reckoned with: another number as soon as a weight or a time of freshness is another."""
    own = sorted(more, key=lambda one: one.path)
    terms = [[kind, worth, one.path, one.fresh_days] for kind in BOTH for worth, one in weighted(weights, kind, own)]
    return zlib.crc32(json.dumps(terms).encode())


def unknown_weights(weights: Weights) -> list[str]:
    """The paths of a setting that name no attribute, or one that nobody can be asked for."""
    return sorted(path for path in weights if path not in BY_PATH or not BY_PATH[path].question)


def judge(known: Known, counted: Counted, groups: frozenset[str], now: datetime, today: date) -> dict[str, Any]:
    """The score and what stands behind it, for a caller with these field groups; `counted` is that of the kind."""
    total = held = 0
    lists: dict[str, list[dict[str, Any]]] = {"missing": [], "suspect": [], "unlicensed": [], "stale": []}
    lacking: list[Attribute] = []
    old: list[Attribute] = []
    for worth, one in counted:
        if one.group not in groups:
            continue
        total += worth
        verdict = _verdict(known, one, now, today)
        if verdict in {"current", "stale"}:
            held += worth
        else:
            lacking.append(one)
        if verdict == "stale":
            old.append(one)
        if verdict != "current":
            lists[verdict].append({"path": one.path, "label": one.label, "weight": worth})
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
