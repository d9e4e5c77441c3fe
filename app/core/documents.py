"""Documents that PostgreSQL writes as JSON, with sections that higher rooms contribute.

A customer's answer shows figures of a room above `customers`; `main` hands that room's section down, so nothing calls
upward.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Numeric, SQLColumnExpression, Text, cast, func, literal
from sqlalchemy.dialects.postgresql import JSON


@dataclass(frozen=True, slots=True)
class Section:
    """One key of a customer's document: `build` takes the column with the customer's id and answers a JSON expression.

    `groups` are the field groups of which the caller needs one to see it.
    """

    name: str
    groups: frozenset[str]
    build: Callable[[ColumnElement[object]], ColumnElement[object]]


@dataclass(frozen=True, slots=True)
class Sections:
    """What the rooms above `customers` add to its documents."""

    all: tuple[Section, ...] = ()

    def visible(self, groups: Iterable[str]) -> tuple[Section, ...]:
        """The sections that a caller with these field groups may see; the others are absent, not null."""
        held = frozenset(groups)
        return tuple(section for section in self.all if section.groups & held)


def json_object(**members: SQLColumnExpression[Any]) -> ColumnElement[object]:
    """`json_build_object` that keeps the order of its members."""
    arguments: list[SQLColumnExpression[Any]] = []
    for name, value in members.items():
        arguments += [cast(literal(name, literal_execute=True), Text), value]
    return func.json_build_object(*arguments, type_=JSON)


def json_degrees(degrees: SQLColumnExpression[Any]) -> ColumnElement[str]:
    """Degrees (double precision) as a decimal string, never with an exponent."""
    return cast(func.trim_scale(cast(degrees, Numeric)), Text)


def json_time(moment: SQLColumnExpression[Any]) -> ColumnElement[object]:
    """A timestamptz as RFC 3339 in UTC with microseconds (the session's zone is UTC)."""
    return func.to_char(moment, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
