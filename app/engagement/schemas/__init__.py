"""Wire types of engagement: what is told of a record, what is changed, what is done to it, and the lists."""

from app.engagement.schemas.actions import ACTIONS
from app.engagement.schemas.lists import (
    ComplaintQuery,
    FollowUpRules,
    FollowUpRulesAnswer,
    PromiseQuery,
    RecordQuery,
    TaskAnswer,
    TaskQuery,
)
from app.engagement.schemas.records import SHAPES, Shape

__all__ = [
    "ACTIONS", "SHAPES", "ComplaintQuery", "FollowUpRules", "FollowUpRulesAnswer", "PromiseQuery", "RecordQuery",
    "Shape", "TaskAnswer", "TaskQuery",
]  # fmt: skip
