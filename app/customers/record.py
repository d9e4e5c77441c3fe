"""A customer's own fields as one dictionary, and which value wins when two sources disagree. Pure.

The record's own fields stand under their names and are always there; values of the profile stand under their paths
(`career.occupation`) and are there if they are known.

A value collected earlier than the one we hold never replaces it, so that a till that was offline cannot undo what the
call centre learnt. A cleared field keeps its time too: an older value does not come back.
"""

from collections.abc import Container, Mapping
from datetime import UTC, datetime
from typing import Any

from app.customers.profile import nested, paths_of
from app.customers.suspect import made_up

Fields = dict[str, Any]

# Fields of the wire that are columns of the same name; `birthday` is three columns.
PLAIN = (
    "kind", "status", "display_name", "given_name", "family_name", "reading", "gender", "language", "home_store",
    "source",
)  # fmt: skip
BIRTH = {"month": "birth_month", "day": "birth_day", "year": "birth_year"}
# Who looks after a customer, each a staff id: no fact about it, and changed by assignment alone.
PARTS = ("account_manager", "sponsor")
COLUMNS = (*PLAIN, *BIRTH.values())
NAMES = (*PLAIN, "birthday")

DEFAULTS: Fields = {**dict.fromkeys(NAMES), "kind": "person", "status": "active"}


def from_columns(row: Mapping[str, Any]) -> Fields:
    """The fields of a row of `customers`."""
    fields = {name: row[name] for name in PLAIN}
    birthday = {part: row[column] for part, column in BIRTH.items()}
    fields["birthday"] = birthday if birthday["month"] is not None else None
    return fields | paths_of(row["profile"])


def to_columns(fields: Mapping[str, Any]) -> Fields:
    """The columns of all fields."""
    birthday = fields["birthday"] or {}
    columns = {name: fields[name] for name in PLAIN}
    columns.update({column: birthday.get(part) for part, column in BIRTH.items()})
    return {**columns, "profile": nested(fields), "suspect": made_up(fields)}


def stamp(moment: datetime) -> str:
    """A time in the form that `collected` holds; their order as text is their order in time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def apply(
    fields: Mapping[str, Any],
    times: Mapping[str, str],
    given: Mapping[str, Any],
    *,
    now: datetime,
    collected_at: datetime | None = None,
    rented: Container[str] = (),
) -> tuple[Fields, dict[str, str]]:
    """(fields, times) after `given`; unknown names in it are passed over.

    Without `collected_at` the values are as of now and always win. With it they win over what is not newer, and a value
    that is already there counts as confirmed then, as does one that was only `rented`. Nothing is collected in the
    future: a wrong clock must not protect its values for years.
    """
    after, moved = dict(fields), dict(times)
    when = stamp(now if collected_at is None else min(collected_at, now))
    for name in names_of(given):
        held = moved.get(name, "")
        if collected_at is not None and held > when:
            continue
        if after.get(name) != given[name] or collected_at is not None or name in rented:
            after[name], moved[name] = given[name], max(when, held)
            if after[name] is None and "." in name:
                del after[name]
    return after, moved


def names_of(*fields: Mapping[str, Any]) -> tuple[str, ...]:
    """The names that any of these give a value: own fields first, then the paths of the profile."""
    given = set[str]().union(*fields)
    return (*(name for name in NAMES if name in given), *sorted(name for name in given if "." in name))


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the fields that differ."""
    return tuple(name for name in names_of(before, after) if before.get(name) != after.get(name))
