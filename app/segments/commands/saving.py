"""Saving, changing and deleting segments, with every version of each."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, Boolean, Uuid, delete, func, insert, literal, text, update

from app.access.audit import AuditEntry
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem, stale
from app.core.ids import COMPANY, new_id
from app.feed.outbox import Event, announce
from app.segments.check import Checked
from app.segments.commands.exports import drop_of
from app.segments.commands.keeping import keep_members
from app.segments.grammar import LIST, QUESTION
from app.segments.models import (
    NOT_A_QUESTION,
    SEGMENT_IN_USE,
    Segment,
    SegmentMember,
    SegmentSnapshot,
    SegmentVersion,
)
from app.segments.queries import saved
from app.segments.queries.saved import COLUMNS, Saved, saved_of
from app.segments.tree import to_json
from app.segments.walk import listed

# What segments refer to must not change while it is decided that they make no circle. Readers are not held up.
_ALONE = text("LOCK TABLE segments IN SHARE ROW EXCLUSIVE MODE")

# What follows from a segment and those behind it.
_FLAGS = ("temporal", "population_relative")
# What a version may change.
_TOLD = ("name", "description", "tree", "materialised")


async def take_turn(tx: Tx) -> None:
    """Let nobody else write segments until this transaction ends. Call it before the question is checked."""
    await tx.execute(_ALONE)


async def create(
    tx: Tx,
    name: str,
    description: str | None,
    checked: Checked | None,
    segment: uuid.UUID | None,
    *,
    materialised: bool = False,
) -> Saved:
    """Save a new segment: a question, or without one a list that nobody is in. `materialised` keeps who is in it."""
    own = segment or new_id()
    row = {
        "id": own,
        "kind": LIST if checked is None else QUESTION,
        "name": name,
        "description": description,
        **(_empty_list(own) if checked is None else _columns(checked)),
        "materialised": materialised,
        "version": 1,
        "created_at": tx.now,
        "updated_at": tx.now,
    }
    made = saved_of((await tx.rows(insert(Segment).values(row).returning(*COLUMNS)))[0])
    await _announce(tx, "create", made, tuple(name for name in _TOLD if row[name]))
    if materialised:
        await keep_members(tx, own, wanted=True)
    return made


async def change(tx: Tx, before: Saved, given: dict[str, Any], checked: Checked | None, version: int) -> Saved:
    """Apply a merge patch to version `version`. What is the same makes no new version.

    Raises Problem: stale, a question for a list, or what was is to be forgotten that another segment asks about.
    """
    if before.version != version:
        raise stale(before.version)
    if before.kind == LIST and checked is not None:
        raise Problem(NOT_A_QUESTION)
    values = {name: value for name, value in given.items() if getattr(before, name) != value}
    if checked is not None and checked.tree != before.tree:
        values |= _columns(checked)
    if not values:
        return before
    if values.get("materialised") is False and await saved.is_past_asked(tx, before.id):
        raise Problem(SEGMENT_IN_USE, "Another segment asks who came into this one, left it or was in it.")
    statement = (
        update(Segment)
        .where(Segment.id == before.id, Segment.version == version)
        .values(**values, version=version + 1, updated_at=tx.now)
        .returning(*COLUMNS)
    )
    rows = await tx.rows(statement)
    if not rows:
        raise Problem(NOT_FOUND)
    made = saved_of(rows[0])
    await _announce(tx, "update", made, tuple(name for name in _TOLD if name in values))
    if "materialised" in values:
        await keep_members(tx, before.id, wanted=made.materialised)
    return made


async def follow(tx: Tx, referring: Sequence[tuple[uuid.UUID, Checked]]) -> None:
    """Keep what follows now from segments that refer to a changed one. They are the same segments: no new version."""
    if not referring:
        return
    ids = literal([segment for segment, _ in referring], ARRAY(Uuid))
    flags = [literal([getattr(checked, name) for _, checked in referring], ARRAY(Boolean)) for name in _FLAGS]
    found = func.unnest(ids, *flags).table_valued("id", *_FLAGS, name="found").render_derived()
    values = {name: found.c[name] for name in _FLAGS}
    await tx.execute(update(Segment).where(Segment.id == found.c.id).values(values))


async def remove(tx: Tx, segment: uuid.UUID, version: int) -> None:
    """Delete a segment with its versions, snapshots and, of a list, who is in it.

    Raises Problem: there is none, another version, another segment refers to it.
    """
    await take_turn(tx)
    found = await saved.one(tx, segment)
    if found is None:
        raise Problem(NOT_FOUND)
    if found.version != version:
        raise stale(found.version)
    if await saved.is_referred_to(tx, segment):
        raise Problem(SEGMENT_IN_USE)
    # Who is putting somebody in at this moment comes first.
    await saved.hold(tx, segment, to_delete=True)
    await drop_of(tx, segment)
    for table in (SegmentMember, SegmentSnapshot, SegmentVersion):
        await tx.execute(delete(table).where(table.segment_id == segment))
    await tx.execute(delete(Segment).where(Segment.id == segment))
    if found.materialised:
        await keep_members(tx, segment, wanted=False)
    await _announce(tx, "delete", found, ())


def _empty_list(segment: uuid.UUID) -> dict[str, Any]:
    return {"tree": to_json(listed(segment)), "uses": [], "refers_to": [], **dict.fromkeys(_FLAGS, False)}


def _columns(checked: Checked) -> dict[str, Any]:
    return {
        "tree": checked.as_json,
        "uses": sorted(checked.uses),
        "refers_to": sorted(checked.segments),
        **{name: getattr(checked, name) for name in _FLAGS},
    }


async def _announce(tx: Tx, verb: str, segment: Saved, fields: tuple[str, ...]) -> None:
    if verb != "delete":
        values = {"tree": to_json(segment.tree), "fields": list(fields), "changed_by": tx.caller.client_id}
        same = {name: getattr(segment, name) for name in ("version", "name", "description")}
        version = {"segment_id": segment.id, "changed_at": tx.now, **same, **values}
        await tx.execute(insert(SegmentVersion).values(version))
    happened = {"create": "segment.created", "update": "segment.updated", "delete": "segment.deleted"}[verb]
    event = Event(happened, COMPANY, segment.id, segment.version)
    entry = AuditEntry(f"segment.{verb}", "segment", segment.id, fields=fields)
    await announce(tx, [event], [entry])
