"""Retention rules: what is kept of an erased customer, for how long and why, and what must be settled before. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from app.core.settings import RetentionSettings
from app.credit.traces import RECEIVABLE_NOTES
from app.customers.traces import CONSENTS
from app.engagement.traces import COMPENSATED

Reason = Literal["open_balance", "open_authorisation", "open_complaint", "open_promise", "unfinished_import", "walk_in"]

REASONS: dict[str, str] = {
    "open_balance": "The account is not settled: something is owed, or was overpaid.",
    "open_authorisation": "An amount is reserved for a sale on account: wait for its receipt, or release it.",
    "open_complaint": "A complaint is not resolved.",
    "open_promise": "A promise is neither kept nor broken.",
    "unfinished_import": "A file that is being imported speaks of the customer: wait until it is in.",
    "walk_in": "This customer stands for all buyers of a store whom nobody knows.",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What is kept, and why; `days` from the erasure on, None for as long as the company keeps its books."""

    rule: str
    what: str
    why: str
    days: int | None

    def until(self, erased_on: date) -> date | None:
        """The first day on which it is gone; None without an end."""
        return None if self.days is None else erased_on + timedelta(days=self.days)

    def as_dict(self) -> dict[str, Any]:
        """The wire form."""
        return {"rule": self.rule, "what": self.what, "why": self.why, "days": self.days}


def rules(settings: RetentionSettings) -> tuple[Rule, ...]:
    """Every rule under these settings; one of 0 days keeps nothing."""
    return (
        Rule(
            "ledger",
            "Receipts with their lines and numbers, figures, entries and balance of the account, what compensation and"
            " care have cost: amounts, times, stores, products and codes, without anything that was said or noted.",
            "Books must stay as they were closed, and the company's totals right.",
            None,
        ),
        Rule(
            "audit",
            "Who read or changed which record when, by ids and names of fields.",
            "It shows who saw the customer, and that the erasure was done.",
            None,
        ),
        Rule(
            CONSENTS,
            "Decisions about being contacted: purpose, channel, state and times, without source and proof.",
            "It can be shown that a message was allowed when it was sent.",
            settings.consents_days,
        ),
        Rule(
            RECEIVABLE_NOTES,
            "Notes of entries in the account.",
            "They belong to the books where the law says so.",
            settings.receivable_notes_days,
        ),
        Rule(
            COMPENSATED,
            "What was said in complaints that were compensated.",
            "A claim may be raised again.",
            settings.compensated_complaints_days,
        ),
    )


def held_back(found: Iterable[Rule]) -> list[Rule]:
    """The rules that hold something back after an erasure."""
    return [rule for rule in found if rule.days is None or rule.days > 0]
