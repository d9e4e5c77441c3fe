"""What is said when something is done to a record. `note` goes into the record's history."""

from app.core.types import Code, Moment, Note, PositiveAmount, Wire
from app.customers.birthday import optional
from app.engagement import choices as c
from app.engagement.schemas.common import Sequels, Truth


class Noted(Wire):
    """Perhaps a note."""

    note: Note | None = None


class Start(Noted):
    """Taking a complaint on."""

    owner: Code = optional()


class Resolve(Noted):
    """How a complaint ended. `compensation_cost` is all that it has cost, in minor units."""

    outcome: c.Outcome
    outcome_note: Note = optional()
    compensation_cost: PositiveAmount = optional()
    satisfied_after: Truth = optional()
    then_did: Sequels = optional("What the satisfied customer did afterwards.")


class Reopen(Noted):
    """A complaint came back. It is due anew, by its severity unless `due_at` says otherwise."""

    due_at: Moment = optional()
    owner: Code = optional()


class Decide(Noted):
    """What becomes of a suggestion; `outcome_note` is what the customer is told."""

    outcome_note: Note = optional()
    owner: Code = optional()


class CareDone(Noted):
    """A gift or greeting was given. `cost` is in minor units."""

    cost: PositiveAmount = optional()


class Assign(Noted):
    """Who shall do a task, and until when."""

    owner: Code
    due_at: Moment = optional()


ACTIONS: dict[tuple[str, str], type[Wire]] = {
    ("complaint", "start"): Start,
    ("complaint", "resolve"): Resolve,
    ("complaint", "reopen"): Reopen,
    ("promise", "keep"): Noted,
    ("promise", "break"): Noted,
    ("suggestion", "accept"): Decide,
    ("suggestion", "decline"): Decide,
    ("suggestion", "complete"): Decide,
    ("care", "complete"): CareDone,
    ("care", "cancel"): Noted,
    ("development_plan", "complete"): Noted,
    ("development_plan", "abandon"): Noted,
    ("development_plan", "reopen"): Noted,
    ("task", "assign"): Assign,
    ("task", "complete"): Noted,
    ("task", "cancel"): Noted,
}
