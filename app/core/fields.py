"""What rooms offer to the segment language: fields, collections, and how each becomes SQL.

A room's `fields.py` builds these; `registry` gathers them. Names come from here and never from a request.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select


class FieldType(StrEnum):
    """What kind of value a field has; the operators follow from it."""

    NUMBER = "number"
    MONEY = "money"
    TEXT = "text"
    CHOICE = "choice"
    CATEGORY = "category"
    DATE = "date"
    BIRTHDAY = "birthday"
    BOOLEAN = "boolean"
    REFERENCE = "reference"
    LOCATION = "location"


_ORDERED = ("=", "!=", "<", "<=", ">", ">=", "in", "between", "missing")
OPERATORS: dict[FieldType, tuple[str, ...]] = {
    FieldType.NUMBER: (*_ORDERED, "rank"),
    FieldType.MONEY: (*_ORDERED, "rank"),
    FieldType.TEXT: ("=", "!=", "in", "contains", "starts_with", "missing"),
    FieldType.CHOICE: ("=", "!=", "in", "missing"),
    FieldType.CATEGORY: ("=", "!=", "in", "under", "missing"),
    FieldType.DATE: (*_ORDERED, "during", "anniversary"),
    FieldType.BIRTHDAY: ("anniversary", "missing"),
    FieldType.BOOLEAN: ("=", "!=", "missing"),
    FieldType.REFERENCE: ("missing",),
    FieldType.LOCATION: ("within", "missing"),
}
_SUMMED = frozenset({FieldType.NUMBER, FieldType.MONEY})
_PICKED = frozenset(FieldType) - {FieldType.BIRTHDAY, FieldType.REFERENCE, FieldType.LOCATION}
AGGREGATED: dict[str, frozenset[FieldType]] = {
    "count": frozenset(FieldType),
    "sum": _SUMMED,
    "avg": _SUMMED,
    "min": _SUMMED | {FieldType.DATE},
    "max": _SUMMED | {FieldType.DATE},
    "first": _PICKED,
    "last": _PICKED,
}


class Pii(StrEnum):
    """How personal a value is: nothing, a fact about a person, or what identifies one."""

    NONE = "none"
    PERSONAL = "personal"
    IDENTIFYING = "identifying"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One answering of a question: the company's today, its zone, and the customers that it is about.

    `within` narrows a column of customer ids to them (a page, one customer); None means everybody.
    """

    as_of: date
    zone: str
    within: Callable[[ColumnElement[uuid.UUID]], ColumnElement[bool]] | None = None

    def bounds(self, customer: ColumnElement[uuid.UUID]) -> tuple[ColumnElement[bool], ...]:
        """The conditions on a column of customer ids."""
        return () if self.within is None else (self.within(customer),)


@dataclass(frozen=True, slots=True)
class Side:
    """A relation with at most one row per row of the one it stands beside, joined when a field of it is used.

    `on` joins it: (the row it stands beside, itself). `present` is a column of it that is never null in a row of it.
    `key` is the column of the row beside it that names its `present`, where that alone joins it, an index on it leads
    to those rows, and the side has few rows itself.
    """

    name: str
    relation: Callable[[Evaluation], FromClause]
    on: Callable[[FromClause, FromClause], ColumnElement[bool]]
    present: Callable[[FromClause], ColumnElement[Any]]
    key: Callable[[FromClause], ColumnElement[Any]] | None = None


Build = Callable[[FromClause, Evaluation], ColumnElement[Any]]
Spread = Callable[[ColumnElement[Any]], Select[Any]]


@dataclass(frozen=True, slots=True)
class Points:
    """Where something lies, in degrees north and east; null where that is not known.

    With `many` it may lie at many places, and the nearest of them counts.
    """

    latitude: ColumnElement[float]
    longitude: ColumnElement[float]
    many: "Places | None" = None


@dataclass(frozen=True, slots=True)
class Places:
    """The places of many: of `rows` those for which `counted` is true. `owner` is the column of who lies there.

    `whose` is who it is of the row beside them.
    """

    rows: FromClause
    owner: ColumnElement[uuid.UUID]
    whose: ColumnElement[uuid.UUID]
    counted: tuple[ColumnElement[bool], ...]

    @property
    def mine(self) -> tuple[ColumnElement[bool], ...]:
        """The conditions of the places of the row beside them."""
        return (self.owner == self.whose, *self.counted)


@dataclass(frozen=True, slots=True)
class Lately:
    """The sum of a field of a collection over the last so many days, today's too; without a field, how many rows."""

    days: int
    collection: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that can be asked about: of a customer, or of a row of a collection.

    `value` builds its expression from the row (of `side` where one is named); null means missing. `empty` is its value
    for whom the side has no row; None means missing. `year` goes with a birthday, whose own value is month * 100 + day,
    and `points` with a location, whose own value is its coordinates as text.
    `group` (with `more_groups`, all of them) and `scope` are what a caller needs to use it; `changed_by` the events
    after which it may differ, and `temporal` whether time alone changes it. `only` are its operators where they are
    fewer than those of its type, `unit` is what a number is of. `spreads`: an event about one customer may change the
    value for others; of an array of ids it makes a SELECT of those. What is not `followed` can change without an event
    about it. `same_as` names a sum that the value equals for everybody, so that a question which reads those rows
    anyway reads them once.
    """

    name: str
    label: str
    type: FieldType
    value: Build
    group: str = "basic"
    scope: str = "customers:read"
    side: Side | None = None
    empty: int | None = None
    year: Build | None = None
    points: Callable[[FromClause, Evaluation], Points] | None = None
    choices: tuple[str, ...] = ()
    values_at: str | None = None
    pii: Pii = Pii.NONE
    whole: bool = False
    only: tuple[str, ...] = ()
    changed_by: tuple[str, ...] = ()
    temporal: bool = False
    more_groups: tuple[str, ...] = ()
    spreads: Spread | None = None
    followed: bool = True
    unit: str | None = None
    same_as: Lately | None = None

    @property
    def groups(self) -> tuple[str, ...]:
        """The field groups that a caller needs, all of them."""
        return (self.group, *self.more_groups)

    @property
    def operators(self) -> tuple[str, ...]:
        """The operators that it takes."""
        return self.only or OPERATORS[self.type]


@dataclass(frozen=True, slots=True)
class DaySums:
    """A smaller relation with one row per customer and day, to answer plain sums of a collection from.

    It has a row for exactly the days on which the collection has one; `rows` is how many those were, `columns` are the
    fields whose sums it holds.
    """

    relation: Callable[[], FromClause]
    customer: Callable[[FromClause], ColumnElement[uuid.UUID]]
    day: Build
    rows: Callable[[FromClause], ColumnElement[Any]]
    columns: Mapping[str, Build]


@dataclass(frozen=True, slots=True)
class Collection:
    """Many rows per customer, for aggregates and for any, none and all.

    `order` is oldest first and unique within a customer, and `in_order` says that an index gives a customer's rows in
    it. `counted` leaves out rows that count nowhere; `evidence` is the id that is shown to a person as the reason.
    `spreads`, `group` and `more_groups` are as for a field. `of_others`: its rows tell of other customers as well, so
    that it is for callers who may know of all.
    """

    name: str
    label: str
    relation: Callable[[], FromClause]
    customer: Callable[[FromClause], ColumnElement[uuid.UUID]]
    fields: tuple[Field, ...]
    order: Callable[[FromClause], tuple[ColumnElement[Any], ...]]
    evidence: Callable[[FromClause], ColumnElement[uuid.UUID]]
    day: Build | None = None
    counted: Callable[[FromClause], ColumnElement[bool]] | None = None
    in_order: bool = False
    day_sums: DaySums | None = None
    group: str = "basic"
    scope: str = "customers:read"
    changed_by: tuple[str, ...] = ()
    spreads: Spread | None = None
    more_groups: tuple[str, ...] = ()
    of_others: bool = False
    by_name: Mapping[str, Field] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", _by_name(self.fields))

    @property
    def groups(self) -> tuple[str, ...]:
        """The field groups that a caller needs, all of them."""
        return (self.group, *self.more_groups)


def _by_name(fields: Iterable[Field]) -> dict[str, Field]:
    found: dict[str, Field] = {}
    for each in fields:
        if each.name in found:
            raise ValueError(f"two fields are called {each.name}")
        found[each.name] = each
    return found


@dataclass(frozen=True, slots=True)
class Population:
    """The customers that segments are about: their table, and the condition that leaves out who is in none."""

    rows: Callable[[], FromClause]
    id: Callable[[FromClause], ColumnElement[uuid.UUID]]
    counted: Callable[[FromClause], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Consents:
    """What customers allow: decisions of one of the `states` for one of the `purposes` and `channels`.

    `relation` takes a purpose and a channel; it has `customer_id` and `state` of each customer who has decided.
    """

    purposes: tuple[str, ...]
    channels: tuple[str, ...]
    states: tuple[str, ...]
    relation: Callable[[str, str, Evaluation], FromClause]
    group: str = "basic"
    scope: str = "customers:read"
    changed_by: tuple[str, ...] = ()


class Registry:
    """Everything that can be asked about. Raises ValueError when two things have one name."""

    def __init__(
        self, population: Population, fields: Iterable[Field], collections: Iterable[Collection], consents: Consents
    ) -> None:
        self.population = population
        self.consents = consents
        self.fields: Mapping[str, Field] = _by_name(fields)
        self.collections: Mapping[str, Collection] = {each.name: each for each in collections}
        taken = {name.partition(".")[0] for name in self.fields} & set(self.collections)
        if taken:
            raise ValueError(f"both a field and a collection: {', '.join(sorted(taken))}")

    def extended(self, fields: Iterable[Field]) -> "Registry":
        """What this registry holds, and more fields; one of the same name takes the place of the one here."""
        found = {**self.fields, **_by_name(fields)}
        return Registry(self.population, found.values(), self.collections.values(), self.consents)

    def names(self) -> Iterator[str]:
        """Every name that can stand in a text: fields, collections and their fields."""
        yield from self.fields
        for collection in self.collections.values():
            yield collection.name
            yield from (f"{collection.name}.{each.name}" for each in collection.fields)
