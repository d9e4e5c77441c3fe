"""What becomes of a customer's contacts, complaints, surveys and tasks when two records are merged, or parted again."""

import uuid
from collections.abc import Sequence

from sqlalchemy import ARRAY, Uuid, bindparam, select, text

from app.core import rights
from app.core.db import Tx
from app.core.person import Holding, Trip, move_rows, move_rows_back
from app.engagement import traces
from app.engagement.models import (
    Care,
    Complaint,
    DevelopmentPlan,
    Interaction,
    Loss,
    Need,
    Promise,
    Step,
    Suggestion,
    Survey,
    SurveyAnswer,
    Task,
)
from app.engagement.models.records import COMPLAINTS_LIVE, PROMISES_LIVE

_PLAIN = (Interaction, Complaint, Survey, Suggestion, Need, Loss, Care, DevelopmentPlan)
# What belongs to another record, by the column that names it.
_FOLLOWING = ((Promise, "complaint_id"), (SurveyAnswer, "survey_id"), (Step, "record_id"))
_SAME_TASK = "theirs.source_id = mine.source_id AND theirs.reason = mine.reason AND theirs.occasion = mine.occasion"

HOLDINGS = (
    *(Holding(table) for table in _PLAIN),
    *(Holding(table, follows=(column,)) for table, column in _FOLLOWING),
    Holding(Task, follows=("source_id",), clash=_SAME_TASK),
)
TRACES = traces.TRACES
_UNLINKED = text(
    """
UPDATE promises SET complaint_id = NULL, version = version + 1, updated_at = :now
WHERE customer_id = :winner AND id = ANY (:promises) AND complaint_id <> ALL (:complaints) AND complaint_id IS NOT NULL
RETURNING id
"""
).bindparams(bindparam("promises", type_=ARRAY(Uuid)), bindparam("complaints", type_=ARRAY(Uuid)))


async def move(tx: Tx, trip: Trip) -> None:
    """The winner has the records of both."""
    await move_rows(tx, HOLDINGS, trip)


async def move_back(tx: Tx, trip: Trip) -> None:
    """Records that had moved go back, as they are now, with all that was done to them since.

    A promise that was linked to a complaint of the winner meanwhile goes without it.
    """
    moved = {name: [uuid.UUID(one) for one in trip.of(name).moved] for name in ("promises", "complaints")}
    if await tx.rows(_UNLINKED, {"winner": trip.winner, "now": tx.now, **moved}):
        trip.lost.append("promises")
    await move_rows_back(tx, HOLDINGS, trip)


async def export(tx: Tx, customers: Sequence[uuid.UUID]) -> dict[str, str]:
    """Section -> JSON list of everything that the room holds on one person."""
    return await rights.export(tx, TRACES, customers)


async def forget(tx: Tx, customers: Sequence[uuid.UUID], kept: rights.Kept) -> rights.Gone:
    """Erase customers, but what the retention rules `kept` hold back of some."""
    return await rights.forget(tx, TRACES, customers, kept)


async def unsettled(tx: Tx, customers: Sequence[uuid.UUID]) -> list[str]:
    """Complaints that are not resolved, and promises that are neither kept nor broken."""
    live = {
        "open_complaint": select(Complaint.id).where(Complaint.customer_id.in_(customers), text(COMPLAINTS_LIVE)),
        "open_promise": select(Promise.id).where(Promise.customer_id.in_(customers), text(PROMISES_LIVE)),
    }
    row = (await tx.rows(select(*(one.exists().label(reason) for reason, one in live.items()))))[0]
    return [reason for reason, found in zip(live, row, strict=True) if found]
