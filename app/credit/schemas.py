"""Wire types of credit. Amounts are minor units of the company's currency."""

import uuid
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic.json_schema import SkipJsonSchema

from app.core.pages import CursorText, Limit
from app.core.types import AMOUNT_MAX, Answer, CurrencyCode, Day, Note, PositiveAmount, Wire, one_line

Status = Literal["active", "suspended"]
Kind = Literal["charge", "payment", "credit_note", "write_off"]
TermDays = Annotated[int, Field(strict=True, ge=0, le=3650)]
Owed = Annotated[int, Field(strict=True, ge=1, le=AMOUNT_MAX)]
ExternalId = Annotated[
    str, Field(strict=True), StringConstraints(min_length=1, max_length=100), AfterValidator(one_line)
]


class CreditTerms(Wire):
    """How much a customer may owe, and for how many days. Suspended: nothing more is sold on account."""

    limit: PositiveAmount
    term_days: TermDays
    currency: CurrencyCode | None = Field(
        default=None, description="The company's currency, which is also the default."
    )
    status: Status = "active"


class Credit(Answer):
    """A customer's account as it stands. `overdue` is the part of `balance` that is past its due day."""

    customer_id: uuid.UUID
    limit: int
    term_days: int
    currency: str
    status: Status
    balance: Annotated[int, Field(description="What is owed now; below zero is in the customer's favour.")]
    reserved: Annotated[int, Field(description="Reserved for sales whose receipts are not here yet.")]
    available: Annotated[int, Field(description="What may still be sold on account.")]
    overdue: int
    overdue_since: date | None
    version: int
    created_at: datetime
    updated_at: datetime


class ReceivableIn(Wire):
    """An entry of the ledger. `external_id` is the sender's own and names the entry for ever: repeating is harmless."""

    external_id: ExternalId
    kind: Kind
    amount: Owed
    occurred_on: Day | SkipJsonSchema[None] = Field(default=None, description="Default: today.")
    due_on: Day | None = Field(default=None, description="Of a charge; default: `occurred_on` and the account's term.")
    note: Note | None = None


class Receivable(Answer):
    """An entry of the ledger. Charges add to what is owed, all others take from it."""

    id: uuid.UUID
    external_id: str | None
    receipt_id: uuid.UUID | None
    kind: Kind
    amount: int
    occurred_on: date
    due_on: date | None
    note: str | None
    recorded_at: datetime


class ReceivableQuery(Wire):
    """Which part of the list to read."""

    limit: Limit = 50
    cursor: CursorText | None = None
