"""Putting customers into a list and taking them out, any number in the same few statements."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Uuid, any_, delete, insert, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.access.audit import AuditEntry
from app.core.batch import Status
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem
from app.core.ids import COMPANY, new_id
from app.core.sql import recordset
from app.feed.outbox import Event, announce
from app.segments.check import LIST_CHANGED
from app.segments.grammar import LIST
from app.segments.models import (
    LIST_FULL,
    NOT_A_LIST,
    SHARED_IDENTIFIER,
    UNKNOWN_CUSTOMER,
    SegmentMember,
)
from app.segments.queries import lists, saved

SHOWN_CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """Whom to put into a list, or (`remove`) to take out: by id, or by an identifier (kind, value) in stored form."""

    index: int
    customer: uuid.UUID | None
    key: tuple[str, str] | None
    remove: bool


Outcome = Problem | tuple[Status, uuid.UUID]


@dataclass(slots=True)
class _Change:
    """What entries come to: each sees what those before it did."""

    inside: set[uuid.UUID]
    into: set[uuid.UUID]
    out: set[uuid.UUID]

    def apply(self, customer: uuid.UUID, *, remove: bool) -> Status:
        now = (customer in self.inside and customer not in self.out) or customer in self.into
        if now is not remove:
            return "duplicate"
        self.into.discard(customer)
        self.out.discard(customer)
        if remove and customer in self.inside:
            self.out.add(customer)
        elif not remove and customer not in self.inside:
            self.into.add(customer)
        return "updated" if remove else "created"


async def put(tx: Tx, segment: uuid.UUID, entries: Sequence[Entry], most: int) -> dict[int, Outcome]:
    """Put customers into a list that takes at most so many, or take them out; what became of each entry, by its index.

    Created: put in; updated: taken out; duplicate: it was so. An entry fails that names nobody, or an identifier that
    several customers share. A customer who was merged is the one it became. Raises Problem: no such list, it is full.
    """
    kind = await saved.hold(tx, segment)
    if kind != LIST:
        raise Problem(NOT_FOUND if kind is None else NOT_A_LIST)
    named = await lists.named(tx, [one.key for one in entries if one.key is not None])
    asked = {one.customer for one in entries if one.customer is not None}
    people = await lists.living(tx, asked.union(*named.values()))
    change = _Change(await lists.members_among(tx, segment, people.values()), set(), set())
    outcomes = {one.index: _outcome(one, named, people, change) for one in entries}
    if change.into and await lists.size(tx, segment, most) + len(change.into) - len(change.out) > most:
        raise Problem(LIST_FULL, f"A list takes at most {most} customers.")
    await _write(tx, segment, change)
    return outcomes


def _outcome(
    one: Entry, named: Mapping[tuple[str, str], list[uuid.UUID]], people: Mapping[uuid.UUID, uuid.UUID], change: _Change
) -> Outcome:
    ids = [one.customer] if one.customer is not None else named.get(one.key or ("", ""), [])
    found = sorted({people[each] for each in ids if each in people})
    if not found:
        return Problem(UNKNOWN_CUSTOMER)
    if len(found) > 1:
        detail = f"{len(found)} customers share this identifier: name the one who is meant by its id."
        candidates = [str(each) for each in found[:SHOWN_CANDIDATES]]
        return Problem(SHARED_IDENTIFIER, detail, extra={"candidates": candidates})
    return change.apply(found[0], remove=one.remove), found[0]


async def _write(tx: Tx, segment: uuid.UUID, change: _Change) -> None:
    if change.out:
        gone = SegmentMember.customer_id == any_(literal(sorted(change.out), ARRAY(Uuid)))
        await tx.execute(delete(SegmentMember).where(SegmentMember.segment_id == segment, gone))
    if change.into:
        rows = [{"customer_id": str(one), "id": str(new_id())} for one in sorted(change.into)]
        given = recordset(rows, "given", customer_id=Uuid(), id=Uuid())
        same = {"segment_id": segment, "added_at": tx.now, "added_by": tx.caller.client_id}
        columns = SegmentMember.__table__.c
        added = [literal(value, columns[name].type) for name, value in same.items()]
        made = select(given.c.customer_id, given.c.id, *added).order_by(given.c.customer_id)
        await tx.execute(insert(SegmentMember).from_select(["customer_id", "id", *same], made))
    if change.into or change.out:
        counts = {"added": len(change.into), "removed": len(change.out)}
        event = Event(LIST_CHANGED, COMPANY, segment, data=counts)
        await announce(tx, [event], [AuditEntry("segment.members", "segment", segment, fields=("members",))])
