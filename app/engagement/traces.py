"""What `engagement` holds on a person. Of what cost money the amount stays, with nothing that was said."""

from app.core.rights import NOW, Trace, held_or
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

# The retention rule for complaints that were compensated.
COMPENSATED = "compensated_complaints"

TRACES = (
    Trace(Task, "Things to do about you"),
    Trace(Promise, "What we promised"),
    # One that was compensated is closed now, and loses what was said when its rule allows it.
    Trace(
        Complaint,
        "Complaints",
        stays=Complaint.compensation_cost.is_not(None),
        clear={
            "status": "resolved", "task_at": None,
            "outcome": held_or(Complaint.outcome, "other"), "closed_at": held_or(Complaint.closed_at, NOW),
        },
    ),
    Trace(
        Complaint,
        "",
        clear={
            "subject": "", "note": None, "outcome_note": None, "customer_did": [], "then_did": None,
            "satisfied_after": None, "channel": None, "by": None, "owner": None,
        },
        rule=COMPENSATED,
        shown=False,
    ),
    Trace(Step, "What was done about complaints, promises, suggestions and care"),
    Trace(Interaction, "Contacts"),
    Trace(DevelopmentPlan, "What we planned with you"),
    Trace(SurveyAnswer, "Answers to surveys, one by one"),
    Trace(Survey, "Answers to surveys"),
    Trace(Suggestion, "Suggestions"),
    Trace(Need, "Needs"),
    Trace(Loss, "Why you left"),
    Trace(
        Care,
        "Gifts and greetings",
        stays=Care.cost.is_not(None),
        clear={
            "what": "", "note": None, "occasion": "other", "channel": None, "by": None, "owner": None, "task_at": None,
        },
    ),
)  # fmt: skip
