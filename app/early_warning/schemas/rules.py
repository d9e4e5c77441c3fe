"""Wire types of the rules of warnings."""

from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from app.core.pages import PageQuery
from app.core.types import Answer, Wire
from app.early_warning.rules import (
    CreditRule,
    Kind,
    LossRule,
    Rule,
    SalesExpenseRule,
    SalesProgressRule,
    Target,
)  # fmt: skip


class WarningRule(Answer):
    """A rule as it counts now; `version` is 0 as long as nobody has set anything."""

    kind: Kind
    settings: Rule
    version: int
    updated_at: datetime | None


Priority = Annotated[
    int,
    Field(
        strict=True, ge=-1000, le=1000,
        description="Of several segments of a customer the highest counts, of equal ones the first that was set.",
    ),
]  # fmt: skip


R = TypeVar("R", bound=Rule)


def _of_some(rule: R) -> R:
    if "handling" in rule.model_fields_set:
        raise PydanticCustomError("company_only", "Owners and times are set for all customers: leave `handling` out.")
    return rule


class CreditOverride(Wire):
    """A rule of credit for some customers: the whole rule, what is left out is as usual."""

    settings: Annotated[CreditRule, AfterValidator(_of_some)]
    priority: Priority = 0


class LossOverride(Wire):
    """A rule of loss for some customers: the whole rule, what is left out is as usual."""

    settings: Annotated[LossRule, AfterValidator(_of_some)]
    priority: Priority = 0


class SalesProgressOverride(Wire):
    """A rule of sales plans for some customers: the whole rule, what is left out is as usual."""

    settings: Annotated[SalesProgressRule, AfterValidator(_of_some)]
    priority: Priority = 0


class SalesExpenseOverride(Wire):
    """A rule of expenses for some customers: the whole rule, what is left out is as usual."""

    settings: Annotated[SalesExpenseRule, AfterValidator(_of_some)]
    priority: Priority = 0


OVERRIDES: dict[Kind, type[Wire]] = {
    "credit": CreditOverride, "loss": LossOverride, "sales_progress": SalesProgressOverride,
    "sales_expense": SalesExpenseOverride,
}  # fmt: skip


class RuleOverride(Answer):
    """A rule for customers of a grade, or of a segment, or for one customer."""

    kind: Kind
    by: Target
    key: Annotated[str, Field(description="The grade, or the id of the segment or of the customer.")]
    priority: int
    settings: Rule
    version: int
    set_at: datetime
    updated_at: datetime


class OverrideQuery(PageQuery):
    """Which of them to list."""

    by: Target | SkipJsonSchema[None] = None
