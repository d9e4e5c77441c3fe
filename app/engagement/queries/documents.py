"""Records as JSON, as a caller with some field groups may see them."""

from functools import cache
from typing import Any, cast

from sqlalchemy import ColumnElement, DateTime, FromClause, Table, Text, func, literal_column, select
from sqlalchemy import cast as as_type
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by

from app.core.documents import json_object, json_time
from app.engagement.kinds import SURVEY, Kind
from app.engagement.models import MODELS, Step, SurveyAnswer

# How each sort of answer stands in a survey: the name of its list, that of its name, and of its values.
_ANSWERS: dict[str, tuple[str, str, dict[str, str]]] = {
    "dimension": ("dimensions", "dimension", {"expected": "expected", "perceived": "score"}),
    "benefit": ("benefits", "benefit", {"score": "score", "alternative": "alternative"}),
    "sacrifice": ("sacrifices", "sacrifice", {"score": "score", "alternative": "alternative"}),
    "share": ("shares", "category", {"share": "share"}),
}
_ALL_DETAILS = frozenset({"personal", "financial"})


def table_of(kind: Kind) -> Table:
    """The table of a kind of record."""
    return cast("Table", MODELS[kind.name].__table__)


def members(kind: Kind, row: FromClause, groups: frozenset[str]) -> dict[str, ColumnElement[Any]]:
    """The members of a record's JSON: its columns, and a survey's answers."""
    columns = {name: row.c[name] for name in kind.seen_by([column.name for column in table_of(kind).c], groups)}
    found: dict[str, ColumnElement[Any]] = {
        name: json_time(column) if isinstance(column.type, DateTime) else column for name, column in columns.items()
    }
    if kind is SURVEY:
        found |= {listed: _answers(row, sort) for sort, (listed, _, _) in _ANSWERS.items()}
    return found


@cache
def document(kind: Kind, groups: frozenset[str], *, history: bool = False) -> ColumnElement[str]:
    """The JSON of a row of the kind's table as text, with its history if asked."""
    row = table_of(kind)
    found = members(kind, row, groups)
    if history and kind.actions:
        found["history"] = _history(row, groups)
    return as_type(json_object(**found), Text)


def listed(of: ColumnElement[Any], *order: ColumnElement[Any]) -> ColumnElement[Any]:
    """An array of JSON in this order; an empty one of no rows."""
    return func.coalesce(func.json_agg(aggregate_order_by(of, *order), type_=JSON), literal_column("'[]'::json"))


def _history(row: FromClause, groups: frozenset[str]) -> ColumnElement[Any]:
    step = Step.__table__.alias("step")
    told: dict[str, ColumnElement[Any]] = {
        "at": json_time(step.c.at), "action": step.c.action, "state": step.c.state, "actor": step.c.actor,
    }  # fmt: skip
    if groups >= _ALL_DETAILS:
        told["details"] = step.c.details
    mine = (step.c.customer_id == row.c.customer_id, step.c.record_id == row.c.id)
    return select(listed(json_object(**told), step.c.version)).where(*mine).correlate(row).scalar_subquery()


def _answers(row: FromClause, sort: str) -> ColumnElement[Any]:
    _, name, values = _ANSWERS[sort]
    answer = SurveyAnswer.__table__.alias(f"{sort}_answer")
    told: dict[str, ColumnElement[Any]] = {name: answer.c.name}
    for shown, stored in values.items():
        # A decimal stands in JSON as a string.
        told[shown] = as_type(answer.c[stored], Text) if stored == "share" else answer.c[stored]
    mine = (answer.c.customer_id == row.c.customer_id, answer.c.survey_id == row.c.id, answer.c.kind == sort)
    return select(listed(json_object(**told), answer.c.name)).where(*mine).correlate(row).scalar_subquery()
