"""Wire types of warnings, their rules and holds."""

from app.early_warning.schemas.board import (
    EVALUATED_MAX,
    About,
    Evaluated,
    Evaluation,
    Hold,
    HoldIn,
    Promised,
    Release,
    WarningAnswer,
    WarningQuery,
    WarningRule,
    WarningStep,
    WarningWithHistory,
)  # fmt: skip
from app.early_warning.schemas.figures import Counted, CountQuery, Counts, Times, TimesQuery, Took
from app.early_warning.schemas.life import (
    Acknowledgement,
    Assignment,
    Comment,
    CommentIn,
    CommentQuery,
    Investigation,
    Outcome,
    PromiseIn,
    Reopening,
    Resolution,
    Snooze,
    WarningStepIn,
)  # fmt: skip

__all__ = [
    "EVALUATED_MAX", "About", "Acknowledgement", "Assignment", "Comment", "CommentIn", "CommentQuery", "CountQuery",
    "Counted", "Counts", "Evaluated", "Evaluation", "Hold", "HoldIn", "Investigation", "Outcome", "PromiseIn",
    "Promised", "Release", "Reopening", "Resolution", "Snooze", "Times", "TimesQuery", "Took", "WarningAnswer",
    "WarningQuery", "WarningRule", "WarningStep", "WarningStepIn", "WarningWithHistory",
]  # fmt: skip
