"""Which value counts when two records turn out to be one person. Pure.

What only one of them has is kept. Of two values for the same thing, in this order: what the caller has chosen; what
does not look made up; what was collected or confirmed later; what the fuller record says; what the winner says. A value
that one side has cleared stays cleared if that was later than the other side's was said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.core.person import Conflict, Fields, Trip
from app.customers.record import PARTS, from_columns, names_of, stamp

WINNER, LOSER = "winner", "loser"
# A merge says itself what becomes of these.
_NEVER = frozenset({"kind"})
# Fields of the record that no fact stands for, in the order in which they are shown.
UNSOURCED = ("grade", *PARTS)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two records: its fields, when each was collected, the facts by path, and what looks made up."""

    fields: Fields
    times: Mapping[str, str]
    facts: Mapping[str, Fields]
    suspect: frozenset[str]

    def latest(self, path: str) -> str:
        """When the value at a path, or that there is none, was last said: as the text of `record.stamp`."""
        fact = self.facts.get(path) or {}
        said = [
            stamp(datetime.fromisoformat(fact[name])) for name in ("collected_at", "confirmed_at") if fact.get(name)
        ]
        return max([self.times.get(path, ""), *said])


@dataclass(slots=True)
class Merged:
    """The fields of the record that remains, when each was collected, and the paths that it has from the loser."""

    fields: Fields
    times: dict[str, str]
    taken: list[str]


def side(row: Mapping[str, Any], facts: Mapping[str, Fields]) -> Side:
    """A side from its row of `customers` and its facts by path."""
    own = {name: row[name] for name in UNSOURCED if name in row}
    return Side(from_columns(row) | own, row["collected"], facts, frozenset(row["suspect"]))


def merged(trip: Trip, winner: Side, loser: Side) -> Merged:
    """What remains; each conflict is noted in the trip."""
    made = Merged(dict(winner.fields), dict(winner.times), [])
    names = (*names_of(winner.fields, loser.fields), *UNSOURCED)
    for name in names:
        if name in _NEVER:
            continue
        ours, theirs = winner.fields.get(name), loser.fields.get(name)
        if _takes(trip, name, (winner, ours), (loser, theirs)):
            made.taken.append(name)
            made.fields[name] = theirs
            if name in loser.times:
                made.times[name] = loser.times[name]
    return made


def _takes(trip: Trip, name: str, ours: tuple[Side, Any], theirs: tuple[Side, Any]) -> bool:
    """Whether the loser's value counts."""
    (winner, mine), (loser, other) = ours, theirs
    later = loser.latest(name) > winner.latest(name)
    if mine == other:
        # The same value: whoever said so last is its source.
        return other is not None and later
    choice = trip.choices.get(name)
    if choice is None and (mine is None or other is None):
        if other is None:
            return False
        cleared = winner.latest(name)
        if not cleared or later or name in UNSOURCED:
            return True
        kept, rule = WINNER, "cleared_later"
    else:
        kept, rule = (choice, "chosen") if choice is not None else _ruled(name, winner, loser)
    return trip.chosen(Conflict(name, mine, other, kept, rule)) == LOSER


def _ruled(name: str, winner: Side, loser: Side) -> tuple[str, str]:
    ours, theirs = name in winner.suspect, name in loser.suspect
    if ours != theirs:
        return (LOSER if ours else WINNER), "made_up"
    mine, other = winner.latest(name), loser.latest(name)
    if mine != other:
        return (LOSER if other > mine else WINNER), "newer"
    full, fuller = _filled(winner), _filled(loser)
    if full != fuller:
        return (LOSER if fuller > full else WINNER), "fuller"
    return WINNER, "winner"


def _filled(one: Side) -> int:
    return sum(value is not None for value in one.fields.values())


def restored(before: Fields, after: Fields, now: Fields) -> Fields:
    """What a dictionary is once a merge is undone: as it was before, but for what was changed since the merge."""
    made = {}
    for name in {*before, *after, *now}:
        value = before.get(name) if now.get(name) == after.get(name) else now.get(name)
        if value is not None:
            made[name] = value
    return made
