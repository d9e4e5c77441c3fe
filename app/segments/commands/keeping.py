"""Keeping who is in a segment: filled once, then followed from what the feed says, and looked over as days begin.

Each step is one transaction for one segment, under the lock of its row in `kept_segments`: its memberships, the events
of whoever came or left, and how far the feed was read are written together. So a worker that is killed loses nothing,
and two that run at once tell nothing twice. A statement compares the whole question with what is kept, or only for
those about whom something has happened; who they are, a million or three, only the database knows.
"""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Date,
    DateTime,
    Executable,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    delete,
    func,
    insert,
    literal,
    null,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import insert as upsert

from app.core.db import Tx
from app.customers.models import Customer
from app.feed.models import OutboxEntry
from app.segments.check import SEGMENT_ENTERED, SEGMENT_LEFT, Checked
from app.segments.models import KeptSegment, Membership
from app.segments.queries import happened
from app.segments.queries.evaluate import Question, limited, matching
from app.segments.tree import Expr, to_json

# Events looked at in one transaction; from so many on it is quicker to ask about everybody.
EVENTS_MAX = 5_000
EVENTS_TOO_MANY = 50_000
# Memberships that go in one transaction.
PORTION = 20_000
_TELLING = ("customer_id", "id", "type", "subject", "version", "occurred_at", "data")


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a step did: who came and left, whether all were looked at, and whether there is more to do at once."""

    entered: int = 0
    left: int = 0
    whole: bool = False
    more: bool = False


async def keep_members(tx: Tx, segment: uuid.UUID, *, wanted: bool) -> None:
    """Have it kept from now on who is in a segment, or no longer; what was known before is forgotten by the worker."""
    made = upsert(KeptSegment).values(segment_id=segment, wanted=wanted, sequence=0)
    fresh = {"wanted": wanted, "since": None, "as_of": None, "refreshed_at": None, "asked": None}
    if wanted:
        await tx.execute(made.on_conflict_do_update(index_elements=["segment_id"], set_=fresh))
    else:
        await tx.execute(update(KeptSegment).where(KeptSegment.segment_id == segment).values(fresh))


async def held_row(tx: Tx, segment: uuid.UUID) -> Any:
    """The row of a kept segment, whose lock keeps others from following it; None if another does, or there is none."""
    row = select(*KeptSegment.__table__.c).where(KeptSegment.segment_id == segment)
    rows = await tx.rows(row.with_for_update(skip_locked=True))
    return rows[0] if rows else None


async def ask_anew(tx: Tx, segment: uuid.UUID) -> None:
    """Let the next refresh ask about everybody."""
    await tx.execute(update(KeptSegment).where(KeptSegment.segment_id == segment).values(asked=None))


async def clear(tx: Tx, row: Any) -> bool:
    """Delete a portion of what is known of an earlier time; whether there may be more. What is not wanted goes."""
    mine = Membership.segment_id == row.segment_id
    some = select(Membership.customer_id, Membership.id).where(mine).limit(PORTION)
    some = some.order_by(Membership.customer_id, Membership.id).with_for_update()
    found = some.cte("some")
    same = (Membership.customer_id == found.c.customer_id) & (Membership.id == found.c.id)
    if (await tx.execute(delete(Membership).where(same))).rowcount:
        return True
    if not row.wanted:
        await tx.execute(delete(KeptSegment).where(KeptSegment.segment_id == row.segment_id))
    return False


async def refresh(tx: Tx, row: Any, checked: Checked, question: Question, seconds: float) -> Refreshed:
    """Bring a kept segment up to the newest event and to the day of the question, or some way there.

    `row` is its held row, `seconds` bounds each statement. The first time nobody is said to have come.
    """
    ends = await happened.feed_ends(tx)
    if ends is None:
        return Refreshed()
    oldest, last = ends
    await limited(tx, seconds)
    asked, news, upto = digest(question.tree, question.trees, checked), None, last
    known = row.since is not None and row.asked == asked and row.as_of == question.as_of
    if known and oldest - 1 <= row.sequence <= last and last - row.sequence <= EVENTS_TOO_MANY:
        upto = min(last, row.sequence + EVENTS_MAX)
        news = await happened.news(tx, row.sequence, upto, checked.changed_by, checked.behind | checked.past)
    whole = news is None or news.everybody or (checked.population_relative and bool(news))
    moment = max(tx.now, row.refreshed_at) if row.refreshed_at is not None else tx.now
    entered = left = 0
    if whole or (news is not None and news.customers):
        some = None if news is None or whole else await happened.spread(tx, news.customers, checked.spreads)
        found = (await tx.rows(_change(question, row.segment_id, some, moment, first=row.since is None)))[0]
        entered, left = found.entered, found.left
        # Everything that was on the feed before was seen.
        upto = last if whole else upto
    values = {"asked": asked, "as_of": question.as_of, "refreshed_at": moment, "sequence": upto}
    since = question.as_of if row.since is None else row.since
    await tx.execute(update(KeptSegment).where(KeptSegment.segment_id == row.segment_id).values(since=since, **values))
    return Refreshed(entered, left, whole, more=upto < last)


def digest(tree: Expr, trees: Mapping[uuid.UUID, Expr], checked: Checked) -> str:
    """What a question asks, with the questions of the segments behind it, as a short text."""
    behind = {str(one): to_json(trees[one]) for one in sorted(checked.behind)}
    return hashlib.sha256(orjson.dumps([to_json(tree), behind])).hexdigest()


def _change(
    question: Question, segment: uuid.UUID, some: list[uuid.UUID] | None, moment: datetime, *, first: bool
) -> Executable:
    """The statement that makes the memberships (of some customers) what the question says, and tells of each change.

    It answers how many `entered` and `left`.
    """
    row, mine = Membership, literal(segment, Uuid)
    inside = matching(question, happened.among(some)).cte("inside")
    kept = row.__table__.alias("kept")
    whose = [kept.c.segment_id == mine, kept.c.left_on.is_(None)]
    if some is not None:
        whose.append(kept.c.customer_id == any_(literal(some, ARRAY(Uuid))))
    leaving = (
        select(kept.c.customer_id, kept.c.id, Customer.status)
        .join(Customer, Customer.id == kept.c.customer_id, isouter=True)
        .where(*whose, ~select(inside.c.id).where(inside.c.id == kept.c.customer_id).exists())
        .order_by(kept.c.customer_id, kept.c.id)
        .with_for_update(of=kept)
        .cte("leaving")
    )
    there = select(kept.c.id).where(kept.c.segment_id == mine, kept.c.left_on.is_(None))
    entering = select(inside.c.id).where(~there.where(kept.c.customer_id == inside.c.id).correlate(inside).exists())
    day, at = literal(question.as_of, Date), literal(moment, DateTime(timezone=True))
    columns = ["customer_id", "id", "segment_id", "entered_on", "entered_at"]
    came = (null(), null()) if first else (day, at)
    comers = entering.order_by(inside.c.id).subquery()
    entered = (
        insert(row)
        .from_select(columns, select(comers.c.id, func.uuidv7(), mine, *came))
        .returning(row.customer_id)
        .cte("entered")
    )
    same = and_(row.customer_id == leaving.c.customer_id, row.id == leaving.c.id)
    erased = func.coalesce(leaving.c.status, "erased") == "erased"
    # Of whoever was erased at the same moment nothing stays behind.
    left = update(row).where(same, ~erased).values(left_on=day, left_at=at).cte("left")
    gone = delete(row).where(same, erased).cte("gone")
    counts = select(
        select(func.count()).select_from(entered).scalar_subquery().label("entered"),
        select(func.count()).select_from(leaving).scalar_subquery().label("left"),
    ).add_cte(left, gone)
    if first:
        return counts
    parts = [
        select(part.c.customer_id, literal(kind).label("type"))
        for part, kind in ((entered, SEGMENT_ENTERED), (leaving, SEGMENT_LEFT))
    ]
    return counts.add_cte(_told(union_all(*parts).subquery(), segment, day, at).cte("told"))


def _told(changed: Any, segment: uuid.UUID, day: Any, at: Any) -> Any:
    data = func.jsonb_build_object(literal("segment_id"), literal(str(segment), Text), literal("on"), day, type_=JSONB)
    event: Select[Any] = select(
        changed.c.customer_id, func.uuidv7(), changed.c.type, literal(str(segment), Text), literal(None, BigInteger),
        at, data,
    ).order_by(changed.c.customer_id)  # fmt: skip
    return insert(OutboxEntry).from_select(list(_TELLING), event)
