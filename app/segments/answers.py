"""Answers of segments as they go out. Pure."""

import uuid
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel

from app.core.pages import Cursors
from app.segments.check import Checked, World
from app.segments.explanation import explanation
from app.segments.queries.explain import Explained
from app.segments.queries.saved import Saved
from app.segments.tree import Expr, to_json


def given(body: BaseModel) -> dict[str, Any]:
    """The question in a body, `text` or `tree` as a node; empty if it has none."""
    return {name: getattr(body, name) for name in ("text", "tree") if getattr(body, name, None) is not None}


def written(checked: Checked, world: World) -> dict[str, Any]:
    """A question as text and as tree."""
    return {"text": world.printer.text(checked.tree), "tree": checked.as_json}


def parsed(checked: Checked, world: World) -> dict[str, Any]:
    """A question with what follows from it."""
    return {
        **written(checked, world),
        "uses": sorted(checked.uses),
        "refers_to": [str(one) for one in sorted(checked.segments)],
        "temporal": checked.temporal,
        "population_relative": checked.population_relative,
    }


def segment(found: Saved, world: World) -> dict[str, Any]:
    """A saved segment."""
    return {
        "id": str(found.id),
        "name": found.name,
        "description": found.description,
        "text": world.printer.text(found.tree),
        "tree": to_json(found.tree),
        "uses": found.uses,
        "refers_to": [str(one) for one in found.refers_to],
        "temporal": found.temporal,
        "population_relative": found.population_relative,
        "version": found.version,
        "created_at": _time(found.created_at),
        "updated_at": _time(found.updated_at),
    }


def held(found: Saved) -> dict[str, Any]:
    """A segment that a customer is in."""
    return {"id": str(found.id), "name": found.name, "version": found.version}


def explained(tree: Expr, found: Explained, world: World) -> dict[str, Any]:
    """Why a customer is in a segment or not."""
    return {
        "member": found.member,
        "counted": found.counted,
        "text": world.printer.text(tree),
        "explanation": explanation(tree, found.outcomes, world.printer),
    }


def warnings(count: int, checked: Checked) -> list[dict[str, str]]:
    """What whoever wrote the question may not have meant."""
    found = []
    if count == 0:
        found.append({"code": "nobody", "detail": "It is true of nobody."})
    if checked.population_relative:
        detail = "Who is in it depends on others: a customer can leave without having changed."
        found.append({"code": "population_relative", "detail": detail})
    return found


def place(cursors: Cursors, name: str, cursor: str | None, as_of: date) -> tuple[uuid.UUID | None, date]:
    """Where a page begins, and the day that it is asked for: that of the first page. Raises Problem invalid_cursor."""
    if cursor is None:
        return None, as_of
    after, day = cursors.read(name, cursor)
    return uuid.UUID(after), date.fromisoformat(day)


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
