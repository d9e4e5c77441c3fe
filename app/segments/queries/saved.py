"""Saved segments."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, Text, Uuid, any_, exists, func, literal, or_, select
from sqlalchemy.dialects.postgresql import array

from app.core.db import Tx
from app.segments.check import Known
from app.segments.models import KeptSegment, Segment, SegmentVersion
from app.segments.tree import Expr, from_json
from app.segments.walk import past_of, segments_of


class Saved(NamedTuple):
    """A saved segment."""

    id: uuid.UUID
    kind: str
    name: str
    description: str | None
    tree: Expr
    uses: list[str]
    refers_to: list[uuid.UUID]
    temporal: bool
    population_relative: bool
    materialised: bool
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def known(self) -> Known:
        """As another segment may refer to it."""
        return Known(self.id, self.name, self.tree)

    @property
    def named(self) -> frozenset[uuid.UUID]:
        """The segments that its tree names: those that it refers to, and a list itself."""
        return segments_of(self.tree)


class Version(NamedTuple):
    """A segment as it was saved: the fields that changed then, when, and by whose key."""

    version: int
    name: str
    description: str | None
    tree: Expr
    fields: list[str]
    changed_at: datetime
    changed_by: uuid.UUID | None

    @property
    def named(self) -> frozenset[uuid.UUID]:
        """The segments that its tree names."""
        return segments_of(self.tree)


COLUMNS = tuple(getattr(Segment, name) for name in Saved._fields)


def saved_of(row: Any) -> Saved:
    """A row of COLUMNS."""
    return Saved._make(row)._replace(tree=from_json(row.tree))


async def one(tx: Tx, segment: uuid.UUID) -> Saved | None:
    """A segment by its id."""
    rows = await tx.rows(select(*COLUMNS).where(Segment.id == segment))
    return saved_of(rows[0]) if rows else None


async def some(tx: Tx, segments: Iterable[uuid.UUID]) -> list[Saved]:
    """Those of these segments that are saved, in the order of ids."""
    wanted = Segment.id == any_(literal(sorted(set(segments)), ARRAY(Uuid)))
    return [saved_of(row) for row in await tx.rows(select(*COLUMNS).where(wanted).order_by(Segment.id))]


async def hold(tx: Tx, segment: uuid.UUID, *, to_delete: bool = False) -> str | None:
    """The kind of a segment, whose row stays locked: one upload to a list after the other. None if there is none.

    Those who refer to it, as a merge does that moves a place in it, are held up only if it is to be deleted.
    """
    row = select(Segment.kind).where(Segment.id == segment).with_for_update(key_share=not to_delete)
    found: str | None = await tx.scalar(row)
    return found


async def there(tx: Tx, segments: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these segments are saved."""
    wanted = Segment.id == any_(literal(sorted(set(segments)), ARRAY(Uuid)))
    return {row.id for row in await tx.rows(select(Segment.id).where(wanted))}


async def page(tx: Tx, *, after: uuid.UUID | None, limit: int) -> list[Saved]:
    """Up to `limit` segments in the order of ids."""
    statement = select(*COLUMNS).order_by(Segment.id).limit(limit)
    if after is not None:
        statement = statement.where(Segment.id > after)
    return [saved_of(row) for row in await tx.rows(statement)]


async def every(tx: Tx) -> list[Saved]:
    """All segments in the order of ids."""
    return [saved_of(row) for row in await tx.rows(select(*COLUMNS).order_by(Segment.id))]


async def behind(tx: Tx, *, ids: Iterable[uuid.UUID] = (), names: Iterable[str] = ()) -> dict[uuid.UUID, Known]:
    """The segments with these ids or names, and all that they refer to in turn."""
    wanted, called = sorted(set(ids)), sorted(set(names))
    if not wanted and not called:
        return {}
    named = or_(Segment.id == any_(literal(wanted, ARRAY(Uuid))), Segment.name == any_(literal(called, ARRAY(Text))))
    found = select(Segment.id, Segment.refers_to).where(named).cte("found", recursive=True)
    # UNION, not UNION ALL: a circle, which ought not to be there, would never end.
    found = found.union(select(Segment.id, Segment.refers_to).join(found, Segment.id == any_(found.c.refers_to)))
    kept = Segment.__table__.outerjoin(KeptSegment, (KeptSegment.segment_id == Segment.id) & KeptSegment.wanted)
    statement = select(Segment.id, Segment.name, Segment.tree, KeptSegment.since).select_from(kept)
    rows = await tx.rows(statement.where(Segment.id.in_(select(found.c.id))))
    return {row.id: Known(row.id, row.name, from_json(row.tree), row.since) for row in rows}


async def above(tx: Tx, segment: uuid.UUID) -> list[Saved]:
    """The segments that refer to one, and all that refer to these in turn."""
    names_it = Segment.refers_to.contains(literal([segment], ARRAY(Uuid)))
    found = select(Segment.id).where(names_it).cte("found", recursive=True)
    found = found.union(select(Segment.id).join(found, Segment.refers_to.contains(array([found.c.id]))))
    statement = select(*COLUMNS).where(Segment.id.in_(select(found.c.id))).order_by(Segment.id)
    return [saved_of(row) for row in await tx.rows(statement)]


async def is_past_asked(tx: Tx, segment: uuid.UUID) -> bool:
    """Whether another segment asks who came into this one, left it or was in it."""
    return any(segment in past_of(one.tree) for one in await above(tx, segment))


async def is_referred_to(tx: Tx, segment: uuid.UUID) -> bool:
    """Whether another segment names this one."""
    names_it = Segment.refers_to.contains(literal([segment], ARRAY(Uuid)))
    return bool(await tx.scalar(select(exists().where(names_it))))


async def versions(tx: Tx, segment: uuid.UUID, *, before: int | None, limit: int) -> list[Version]:
    """Up to `limit` versions of a segment, the newest first, those before version `before`."""
    columns = (getattr(SegmentVersion, name) for name in Version._fields)
    statement = select(*columns).where(SegmentVersion.segment_id == segment)
    if before is not None:
        statement = statement.where(SegmentVersion.version < before)
    rows = await tx.page(statement.order_by(SegmentVersion.version.desc()).limit(limit))
    return [Version._make(row)._replace(tree=from_json(row.tree)) for row in rows]


async def some_names(tx: Tx, most: int) -> list[str]:
    """The names of saved segments, the newest of them."""
    return [row.name for row in await tx.rows(select(Segment.name).order_by(Segment.id.desc()).limit(most))]


async def how_many(tx: Tx) -> int:
    """How many segments are saved."""
    return int(await tx.scalar(select(func.count()).select_from(Segment)))
