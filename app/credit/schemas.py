"""Wire types of credit. Amounts are minor units of the company's currency."""

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from app.core.pages import CursorText, Limit
from app.core.types import (
    AMOUNT_MAX,
    Answer,
    Code,
    CurrencyCode,
    Day,
    Note,
    PositiveAmount,
    Wire,
    one_line,
    parse_decimal,
)
from app.credit.period import YEAR, period

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


class AccountQuery(Wire):
    """Accounts whose terms are to be looked at again."""

    review_by: Day | None = Field(default=None, description="Up to this day; default: all that have a day.")
    status: Status | None = None
    limit: Limit = 50
    cursor: CursorText | None = None


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


class ChangeQuery(Wire):
    """Which changes to list: those that wait, unless `status` asks for others."""

    status: Literal["proposed", "expired", "confirmed", "refused", "replaced", "all"] = "proposed"
    customer_id: uuid.UUID | None = None
    limit: Limit = 50
    cursor: CursorText | None = None


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


class ReceivableQuery(Wire):
    """Which part of the list to read."""

    limit: Limit = 50
    cursor: CursorText | None = None


# --- plans and budgets ------------------------------------------------------------------------------------------------


def _known_period(value: str) -> str:
    if period(value) is None:
        raise PydanticCustomError("invalid_period", "Write a year, quarter or month as 2026, 2026-Q3 or 2026-07.")
    return value


def _share(value: Decimal) -> Decimal:
    if not 0 <= value <= 1:
        raise PydanticCustomError("share_out_of_range", "A share is from 0 to 1.")
    return value


def _factor(value: Decimal) -> Decimal:
    if not 0 < value <= 100:  # noqa: PLR2004
        raise PydanticCustomError("factor_out_of_range", "A factor is above 0, and at most 100.")
    return value


def _schema(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


PeriodText = Annotated[
    str, Field(strict=True), AfterValidator(_known_period),
    _schema("^(19|2[01])[0-9]{2}(-(Q[1-4]|0[1-9]|1[0-2]))?$", "2026-Q3"),
]  # fmt: skip
_ToText = PlainSerializer(str, return_type=str, when_used="json")
MonthShare = Annotated[
    Decimal, BeforeValidator(parse_decimal), AfterValidator(_share), _ToText,
    _schema(r"^(0|1|0\.[0-9]{1,6}|1\.0{1,6})$", "0.25"),
]  # fmt: skip
Factor = Annotated[
    Decimal, BeforeValidator(parse_decimal), AfterValidator(_factor), _ToText,
    _schema(r"^(0|[1-9][0-9]?|100)(\.[0-9]{1,6})?$", "1.05"),
]  # fmt: skip


class PlanIn(Wire):
    """What is planned for a period. It may be laid out over its months, by amounts or by shares.

    Amounts sum to `planned`, shares to 1; there is one for each month of the period.
    """

    planned: PositiveAmount
    currency: CurrencyCode | None = Field(default=None, description="The company's, which is also the default.")
    monthly_amounts: Annotated[list[PositiveAmount], Field(max_length=YEAR)] | None = None
    monthly_shares: Annotated[list[MonthShare], Field(max_length=YEAR)] | None = None

    @model_validator(mode="after")
    def _laid_out_once(self) -> "PlanIn":
        if self.monthly_amounts is not None and self.monthly_shares is not None:
            raise PydanticCustomError("two_layouts", "Lay it out by amounts or by shares, not by both.")
        return self


class PlanItem(PlanIn):
    """The same of one customer among many."""

    customer_id: uuid.UUID
    period: PeriodText


class PlannedMonth(Answer):
    """What is planned for a month of a longer period."""

    month: str
    planned: int


class _Plan(Answer):
    """A plan as it stands at the end of the day `as_of`, with all that is known by now."""

    customer_id: uuid.UUID
    period: str
    starts_on: date
    ends_on: date
    planned: int
    currency: str
    months: list[PlannedMonth] | None
    share: Annotated[str | None, Field(description="Its share that is reached; null where nothing is planned.")]
    normal_share: Annotated[str, Field(description="Its share that is normally reached by now.")]
    expected: Annotated[int, Field(description="What is normally reached by now.")]
    forecast: Annotated[
        int | None, Field(description="What it will come to; null before the first day on which anything is expected.")
    ]
    shape: Annotated[
        Literal["store", "company", "calendar"],
        Field(description="Whose usual weeks say how it lies over its days; calendar: all days are alike."),
    ]
    as_of: date
    version: int
    created_at: datetime
    updated_at: datetime


class SalesPlan(_Plan):
    """What a customer is to buy in a period, and how far that has come. `actual` is net of what came back."""

    actual: int


class ExpenseBudget(_Plan):
    """What may be spent on a customer in a period, and what is."""

    spent: int


class PlanCopy(Wire):
    """Which plans to copy: of some customers, or of all of an account manager or a home store."""

    from_period: PeriodText
    to_period: PeriodText
    factor: Factor = Decimal(1)
    customer_ids: Annotated[list[uuid.UUID], Field(min_length=1, max_length=1000)] | None = None
    account_manager: Code | None = None
    home_store: Code | None = None
    replace: Annotated[bool, Field(strict=True, description="Also where there is a plan for the period.")] = False
    dry_run: Annotated[bool, Field(strict=True, description="Only tell what would come of it.")] = False

    @model_validator(mode="after")
    def _one_choice(self) -> "PlanCopy":
        if [self.customer_ids, self.account_manager, self.home_store].count(None) != 2:  # noqa: PLR2004
            raise PydanticCustomError("one_choice", "Name customer_ids, account_manager or home_store: one of them.")
        return self


class PlansCopied(Answer):
    """What was done, or would be: `found` plans, of which those `skipped` have a plan for the new period already."""

    dry_run: bool
    found: int
    created: int
    updated: int
    unchanged: int
    skipped: int
    planned: Annotated[int, Field(description="The sum of what the copies plan.")]


class PlanQuery(Wire):
    """Which part of the list to read."""

    limit: Limit = 50
    cursor: CursorText | None = None


# --- expenses ---------------------------------------------------------------------------------------------------------

ExpenseKind = Literal["gift", "visit", "rebate", "display", "travel", "other"]
Spent = Annotated[int, Field(strict=True, ge=-AMOUNT_MAX, le=AMOUNT_MAX)]


class ExpenseIn(Wire):
    """Something that was spent on a customer. `external_id` is the sender's own: repeating it is harmless.

    An entry is never changed. What was wrong is corrected by one below zero, which names it in `corrects`.
    """

    external_id: ExternalId
    kind: ExpenseKind
    amount: Annotated[Spent, Field(description="Above zero; below zero of a correction.")]
    occurred_on: Day | SkipJsonSchema[None] = Field(
        default=None, description="Default: today, of a correction the day of what it corrects."
    )
    by: Code | None = Field(default=None, description="The member of staff who spent it.")
    note: Note | None = None
    corrects: ExternalId | None = Field(default=None, description="The external id of the expense that was wrong.")


class Expense(Answer):
    """Something that was spent on a customer: an entry, or what a gift or a compensation has cost (`source`)."""

    id: uuid.UUID
    source: Literal["expense", "care", "complaint"]
    external_id: str | None
    kind: Annotated[str, Field(description="Of an entry as it was sent; gift or greeting, or compensation.")]
    amount: int
    occurred_on: date
    by: str | None
    note: str | None
    corrects: Annotated[str | None, Field(description="The external id of the expense that it corrects.")]
    recorded_at: datetime
