"""Accounts, what changes their terms, and their ledgers."""

import uuid
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from app.core.pages import PageQuery
from app.core.types import (
    AMOUNT_MAX,
    Answer,
    CurrencyCode,
    Day,
    Note,
    PositiveAmount,
    Wire,
    one_line,
)

Status = Literal["active", "suspended"]
Kind = Literal["charge", "payment", "credit_note", "write_off"]
TermDays = Annotated[int, Field(strict=True, ge=0, le=3650)]
Owed = Annotated[int, Field(strict=True, ge=1, le=AMOUNT_MAX)]
ExternalId = Annotated[
    str, Field(strict=True), StringConstraints(min_length=1, max_length=100), AfterValidator(one_line)
]


# Charges that one entry may name.
ALLOCATIONS_MAX = 500


class CreditTerms(Wire):
    """How much a customer may owe, and for how many days. Suspended: nothing more is sold on account.

    They are set whole: what is left out is as usual, and a review day that is left out is none.
    """

    limit: PositiveAmount
    term_days: TermDays
    currency: CurrencyCode | None = Field(
        default=None, description="The company's currency, which is also the default."
    )
    status: Status = "active"
    review_on: Day | None = Field(default=None, description="When somebody is to look at these terms again.")


class Credit(Answer):
    """A customer's account as it stands. `overdue` is the part of `balance` that is past its due day."""

    customer_id: uuid.UUID
    limit: int
    term_days: int
    currency: str
    status: Status
    review_on: date | None
    balance: Annotated[int, Field(description="What is owed now; below zero is in the customer's favour.")]
    reserved: Annotated[int, Field(description="Reserved for sales whose receipts are not here yet.")]
    available: Annotated[int, Field(description="What may still be sold on account.")]
    overdue: int
    overdue_since: date | None
    version: int
    created_at: datetime
    updated_at: datetime


class AccountQuery(PageQuery):
    """Accounts whose terms are to be looked at again."""

    review_by: Day | None = Field(default=None, description="Up to this day; default: all that have a day.")
    status: Status | None = None


class ChangedTerms(Answer):
    """The terms that an account gets when a change is confirmed."""

    limit: int
    term_days: int
    currency: str
    status: Status
    review_on: date | None


class CreditChange(Answer):
    """Terms that one client has proposed and another has to confirm. Clients are known by `client_id`."""

    id: uuid.UUID
    customer_id: uuid.UUID
    status: Literal["proposed", "expired", "confirmed", "refused", "replaced"]
    limit_before: int
    terms: ChangedTerms
    proposed_by: uuid.UUID
    proposed_at: datetime
    expires_at: datetime
    decided_by: uuid.UUID | None
    decided_at: datetime | None
    reason: str | None


class ChangeQuery(PageQuery):
    """Which changes to list: those that wait, unless `status` asks for others."""

    status: Literal["proposed", "expired", "confirmed", "refused", "replaced", "all"] = "proposed"
    customer_id: uuid.UUID | None = None


class RefusalIn(Wire):
    """Why a change is refused."""

    reason: Note | None = None


class AllocationIn(Wire):
    """A charge that an entry settles, by the sender's number of it or by ours: `external_id` or `id`."""

    external_id: ExternalId | None = None
    id: uuid.UUID | None = None
    amount: Owed

    @model_validator(mode="after")
    def _one_name(self) -> "AllocationIn":
        if (self.external_id is None) == (self.id is None):
            raise PydanticCustomError("one_of", "Name the charge by external_id or by id.")
        return self


class ReceivableIn(Wire):
    """An entry of the ledger. `external_id` is the sender's own and names the entry for ever: repeating is harmless.

    What is no charge may name the charges that it settles; the rest of it settles what is due soonest.
    """

    external_id: ExternalId
    kind: Kind
    amount: Owed
    occurred_on: Day | SkipJsonSchema[None] = Field(default=None, description="Default: today.")
    due_on: Day | None = Field(default=None, description="Of a charge; default: `occurred_on` and the account's term.")
    note: Note | None = None
    allocations: Annotated[list[AllocationIn], Field(max_length=ALLOCATIONS_MAX)] | None = None


class ReceivableItem(ReceivableIn):
    """The same of one customer among many."""

    customer_id: uuid.UUID


class Allocation(Answer):
    """A charge that an entry settles by name, and with how much."""

    id: uuid.UUID
    external_id: str | None
    amount: int


class Receivable(Answer):
    """An entry of the ledger. Charges add to what is owed, all others take from it.

    `allocations` are the charges that an entry settles by name: null of a charge.
    """

    id: uuid.UUID
    external_id: str | None
    receipt_id: uuid.UUID | None
    kind: Kind
    amount: int
    occurred_on: date
    due_on: date | None
    note: str | None
    recorded_at: datetime
    allocations: list[Allocation] | None


class OpenCharge(Answer):
    """A charge of which `open` is owed. `paid_by_name` is what entries that name it have settled of it."""

    id: uuid.UUID
    external_id: str | None
    receipt_id: uuid.UUID | None
    amount: int
    paid_by_name: int
    open: int
    occurred_on: date
    due_on: date
    days_overdue: int
    note: str | None


class Ageing(Answer):
    """What is owed by how many days it is past its due day. The parts sum to `balance`, if that is above zero."""

    customer_id: uuid.UUID
    currency: str
    as_of: date
    balance: int
    in_favour: Annotated[int, Field(description="What the customer has paid too much.")]
    not_due: int
    days_1_30: int
    days_31_60: int
    days_61_90: int
    days_over_90: int
    overdue: int


class ReceivableQuery(PageQuery):
    """Which part of the list to read."""
