"""Sales plans, expense budgets and expenses."""

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from app.core.pages import PageQuery
from app.core.types import (
    AMOUNT_MAX,
    Answer,
    Code,
    CurrencyCode,
    Day,
    Note,
    PositiveAmount,
    Wire,
    parse_decimal,
)
from app.credit.period import YEAR, period
from app.credit.schemas.accounts import ExternalId


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


class PlanQuery(PageQuery):
    """Which part of the list to read."""


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


class ExpenseItem(ExpenseIn):
    """The same of one customer among many."""

    customer_id: uuid.UUID


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
