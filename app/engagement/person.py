"""What becomes of a customer's contacts, complaints, surveys and tasks when two records are merged, or parted again."""

from app.core.db import Tx
from app.core.person import Holding, Trip, move_rows, move_rows_back
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

_PLAIN = (Interaction, Complaint, Survey, Suggestion, Need, Loss, Care, DevelopmentPlan)
# What belongs to another record, by the column that names it.
_FOLLOWING = ((Promise, "complaint_id"), (SurveyAnswer, "survey_id"), (Step, "record_id"))
_SAME_TASK = "theirs.source_id = mine.source_id AND theirs.reason = mine.reason AND theirs.occasion = mine.occasion"

HOLDINGS = (
    *(Holding(table) for table in _PLAIN),
    *(Holding(table, follows=(column,)) for table, column in _FOLLOWING),
    Holding(Task, follows=("source_id",), clash=_SAME_TASK),
)


async def move(tx: Tx, trip: Trip) -> None:
    """The winner has the records of both."""
    await move_rows(tx, HOLDINGS, trip)


async def move_back(tx: Tx, trip: Trip) -> None:
    """Records that had moved go back, as they are now, with all that was done to them since."""
    await move_rows_back(tx, HOLDINGS, trip)
