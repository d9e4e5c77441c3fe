"""Tables of engagement: `MODELS` has that of each kind of record by its name."""

from app.catalog.models import UNKNOWN_STORE
from app.core.errors import NOT_FOUND, ProblemType
from app.core.tables import Base
from app.engagement.kinds import KINDS, TASK
from app.engagement.models.records import (
    COMPLAINTS_LIVE,
    PROMISES_LIVE,
    Care,
    Complaint,
    DevelopmentPlan,
    Interaction,
    Loss,
    Need,
    Promise,
    Suggestion,
    Survey,
    SurveyAnswer,
)
from app.engagement.models.tasks import TASKS_LIVE, FollowUpRule, FollowUpState, Step, Task

RECORD_EXISTS = ProblemType("record_exists", 409, "The customer has a record with this id already")
WRONG_STATE = ProblemType("wrong_state", 409, "This cannot be done to the record as it stands")
UNKNOWN_COMPLAINT = ProblemType("unknown_complaint", 422, "The customer has no such complaint")

# The records of which there are work lists: what wants something done, in the words of their indexes.
LIVE = {"complaint": COMPLAINTS_LIVE, "promise": PROMISES_LIVE, "task": TASKS_LIVE}
_TABLES: tuple[type[Base], ...] = (
    Interaction, Complaint, Promise, Survey, Suggestion, Need, Loss, Care, DevelopmentPlan, Task,
)  # fmt: skip
MODELS: dict[str, type[Base]] = dict(zip((kind.name for kind in (*KINDS, TASK)), _TABLES, strict=True))

PROBLEMS: dict[str, ProblemType] = {
    **{f"pk_{model.__tablename__}": RECORD_EXISTS for model in _TABLES},
    **{f"fk_{model.__tablename__}_customer_id_customers": NOT_FOUND for model in _TABLES},
    "fk_promises_customer_id_complaint_id_complaints": UNKNOWN_COMPLAINT,
    "fk_complaints_store_stores": UNKNOWN_STORE,
}

__all__ = [
    "LIVE", "MODELS", "PROBLEMS", "UNKNOWN_COMPLAINT", "WRONG_STATE", "Care", "Complaint", "DevelopmentPlan",
    "FollowUpRule", "FollowUpState", "Interaction", "Loss", "Need", "Promise", "Step", "Suggestion", "Survey",
    "SurveyAnswer", "Task",
]  # fmt: skip
