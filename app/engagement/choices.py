"""The words that records of engagement are made of. Pure; tables and wire types are built from them."""

from typing import Any, Literal, get_args

Channel = Literal["phone", "visit", "store", "email", "sms", "chat", "app", "letter", "event", "other"]
Direction = Literal["inbound", "outbound"]
About = Literal["product", "service", "price", "delivery", "billing", "support"]
SuggestionAbout = Literal["product", "service", "price", "delivery", "billing", "support", "other"]
Severity = Literal["minor", "moderate", "serious", "critical"]
# What the dissatisfied customer did, and what the satisfied one does.
Reaction = Literal["told_us", "asked_compensation", "legal_step", "warned_others", "stopped", "kept_silent"]
Sequel = Literal["bought_again", "told_others", "nothing"]
Outcome = Literal["solved", "replaced", "refunded", "compensated", "explained", "rejected", "withdrawn", "other"]
LossReason = Literal[
    "price", "product", "service", "delivery", "complaint", "competitor", "relationship", "no_need", "moved",
    "unknown", "other",
]  # fmt: skip
StatedBy = Literal["customer", "staff", "derived"]
Means = Literal["lacking", "limited", "ample"]
# The stages of a buying decision, from knowing of the need to what is thought after the purchase.
Stage = Literal["aware", "searching", "comparing", "deciding", "bought", "after_purchase"]
CareKind = Literal["gift", "greeting"]
Occasion = Literal["birthday", "anniversary", "festival", "welcome", "thanks", "apology", "other"]
# What a customer gets and what it costs him, besides the thing itself.
Benefit = Literal[
    "problem_solved", "features", "quality", "brand", "service", "time_saved", "enjoyment", "relationship"
]  # fmt: skip
Sacrifice = Literal["price", "time", "effort", "learning", "upkeep", "disposal"]

ComplaintStatus = Literal["open", "in_progress", "resolved"]
PromiseState = Literal["open", "kept", "broken"]
SuggestionStatus = Literal["open", "accepted", "declined", "done"]
CareStatus = Literal["planned", "done", "cancelled"]
DevelopmentStatus = Literal["active", "achieved", "abandoned"]
TaskStatus = Literal["open", "done", "cancelled"]

Trigger = Literal["receipt", "complaint_resolved", "new_customer"]
Assignee = Literal["account_manager", "store"]
TaskReason = Literal["rule", "complaint", "promise", "care", "interaction"]
AnswerKind = Literal["dimension", "benefit", "sacrifice", "share"]


def words(choice: Any) -> tuple[str, ...]:
    """The words of a choice, in their order."""
    return get_args(choice)
