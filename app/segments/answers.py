"""Answers of segments as they go out. Pure."""

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
from pydantic import BaseModel

from app.core.caller import Caller
from app.core.fields import Registry
from app.core.pages import Cursors
from app.segments.check import Checked, World
from app.segments.composing import By, granted
from app.segments.explanation import explanation
from app.segments.outcomes import plain_number
from app.segments.queries.compare import Beside, Part
from app.segments.queries.composition import Snapshot
from app.segments.queries.evaluate import Question
from app.segments.queries.explain import Explained
from app.segments.queries.memberships import Change, Kept
from app.segments.queries.saved import Saved, Version
from app.segments.schemas.comparing import Grouping
from app.segments.tree import to_json


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
        "kind": found.kind,
        "name": found.name,
        "description": found.description,
        "text": world.printer.text(found.tree),
        "tree": to_json(found.tree),
        "uses": found.uses,
        "refers_to": [str(one) for one in found.refers_to],
        "temporal": found.temporal,
        "population_relative": found.population_relative,
        "materialised": found.materialised,
        "version": found.version,
        "created_at": _time(found.created_at),
        "updated_at": _time(found.updated_at),
    }


def version(found: Version, world: World) -> dict[str, Any]:
    """A segment as it was saved."""
    return {
        "version": found.version,
        "name": found.name,
        "description": found.description,
        "text": world.printer.text(found.tree),
        "tree": to_json(found.tree),
        "fields": found.fields,
        "changed_at": _time(found.changed_at),
        "changed_by": None if found.changed_by is None else str(found.changed_by),
    }


def part(found: Part, documents: Mapping[uuid.UUID, str]) -> dict[str, Any]:
    """How many customers, and some of them."""
    sample = [orjson.Fragment(documents[one]) for one in found.some if one in documents]
    return {"count": found.count, "sample": sample}


def difference(saved: Saved, found: Beside, world: World, documents: Mapping[uuid.UUID, str]) -> dict[str, Any]:
    """What a new question (the second of `found`) changes of a saved one (the first)."""
    parts = {"enter": found.second, "leave": found.first, "stay": found.both}
    return {
        "segment_id": str(saved.id),
        "version": saved.version,
        "before": world.printer.text(saved.tree),
        **{name: part(one, documents) for name, one in parts.items()},
    }


def overlap(found: Beside, customers: int, documents: Mapping[uuid.UUID, str]) -> dict[str, Any]:
    """Who is in one of two segments, and who in both, of so many customers."""
    both = found.both.count
    first, second = found.first.count + both, found.second.count + both
    return {
        **{name: part(getattr(found, name), documents) for name in ("first", "second", "both")},
        "share_of_first": ratio(both, first),
        "share_of_second": ratio(both, second),
        "lift": ratio(both * customers, first * second),
        "customers": customers,
    }


def ratio(part: int, whole: int) -> str | None:
    """A share as a decimal with four places; None of nothing."""
    return plain_number(round(Decimal(part) / whole, 4)) if whole else None


def held(found: Saved, kept: Kept | None = None) -> dict[str, Any]:
    """A segment that a customer is in."""
    return {"id": str(found.id), "name": found.name, "version": found.version, **refreshed(kept)}


def refreshed(kept: Kept | None) -> dict[str, str]:
    """The moment of which it is kept who is in a segment; nothing where it was asked."""
    return {} if kept is None else {"refreshed_at": _time(kept.refreshed_at)}


def moved(found: Change) -> dict[str, str]:
    """Who came or left."""
    day, moment = found.on.isoformat(), _time(found.at)
    return {"customer_id": str(found.customer_id), "what": found.what, "on": day, "at": moment}


def explained(question: Question, found: Explained, world: World) -> dict[str, Any]:
    """Why a customer is in a segment or not."""
    return {
        "member": found.member,
        "counted": found.counted,
        "text": world.printer.text(question.tree),
        "explanation": explanation(question.tree, found.outcomes, world.printer, question.as_of, question.trees),
    }


def grouping(body: Grouping) -> By:
    """How a body wants a composition grouped."""
    return By(body.field, body.measure, body.cuts, body.unit, body.limit)


def snapshot(found: Snapshot) -> dict[str, Any]:
    """What was kept of a segment."""
    return {
        "id": str(found.id),
        "version": found.segment_version,
        "taken_at": _time(found.taken_at),
        "taken_by": str(found.taken_by),
        "composition": found.composition,
    }


def may_see(found: Any, registry: Registry, caller: Caller) -> bool:
    """Whether the caller may use the `field` and `measure` that were kept; one that is no more is for nobody."""
    fields = [registry.fields.get(name) for name in (found.field, found.measure) if name is not None]
    known = [one for one in fields if one is not None]
    return len(known) == len(fields) and granted(caller, known)


def place(cursors: Cursors, name: str, cursor: str | None, as_of: date) -> tuple[uuid.UUID | None, date]:
    """Where a page begins, and the day that it is asked for: that of the first page. Raises Problem invalid_cursor."""
    if cursor is None:
        return None, as_of
    after, day = cursors.read(name, cursor)
    return uuid.UUID(after), date.fromisoformat(day)


def held_from(
    cursors: Cursors, name: str, cursor: str | None, as_of: date | None, today: date
) -> tuple[uuid.UUID | None, date, bool]:
    """Where a page of a customer's segments begins, its day, and whether the first page asked for that day."""
    if cursor is None:
        return None, as_of or today, as_of is not None
    after, day, dated = cursors.read(name, cursor)
    return uuid.UUID(after), date.fromisoformat(day), dated


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
