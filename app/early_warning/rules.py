"""The rules of the warnings: their settings, and what each state means. Pure.

`queries` holds the same rules as SQL, which judges many customers in one statement.
"""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.types import Code, Wire

Kind = Literal["credit", "loss", "sales_progress", "sales_expense"]
Severity = Literal["notice", "warning", "critical"]
State = Literal[
    "near_limit", "over_limit", "far_over_limit", "overdue", "overdue_31", "overdue_61", "overdue_91",
    "late", "at_risk", "lost",
    "behind", "far_behind", "forecast_above_budget", "above_budget", "share_climbing", "costs_climbing",
]  # fmt: skip
About = Literal[
    "limit", "overdue", "rhythm", "month_plan", "quarter_plan", "year_plan", "month_budget", "quarter_budget",
    "year_budget", "cost_share", "cost_trend",
]  # fmt: skip
BehindState = Literal["behind", "far_behind"]
CostlyState = Literal["forecast_above_budget", "above_budget", "share_climbing", "costs_climbing"]
ABOVE_BUDGET: CostlyState = "above_budget"
KINDS: tuple[Kind, ...] = get_args(Kind)

# What a warning is about, and its states from bad to worse: one that gets worse is told again.
STATES: dict[str, tuple[State, ...]] = {
    "limit": ("near_limit", "over_limit", "far_over_limit"),
    "overdue": ("overdue", "overdue_31", "overdue_61", "overdue_91"),
    "rhythm": ("late", "at_risk", "lost"),
    **dict.fromkeys(("month_plan", "quarter_plan", "year_plan"), ("behind", "far_behind")),
    **dict.fromkeys(("month_budget", "quarter_budget", "year_budget"), ("forecast_above_budget", "above_budget")),
    "cost_share": ("share_climbing",),
    "cost_trend": ("costs_climbing",),
}
SEVERITY: dict[State, Severity] = {
    "near_limit": "notice", "over_limit": "warning", "far_over_limit": "critical",
    "overdue": "warning", "overdue_31": "warning", "overdue_61": "critical", "overdue_91": "critical",
    "late": "notice", "at_risk": "warning", "lost": "critical",
    "behind": "warning", "far_behind": "critical",
    "forecast_above_budget": "warning", "above_budget": "critical", "share_climbing": "warning",
    "costs_climbing": "warning",
}  # fmt: skip
SEVERITY_RANK: dict[Severity, int] = {"notice": 1, "warning": 2, "critical": 3}

Hours = Annotated[int, Field(strict=True, ge=1, le=8760)]


class Handling(Wire):
    """Whose a warning is and by when it is to be resolved, in hours by its severity; how many these are is a setting.

    It is the account manager's, or the `owner`'s if there is none. When its due time passes it goes to the customer's
    sponsor, or to `escalate_to` if there is none.
    """

    owner: Code | None = None
    escalate_to: Code | None = None
    notice_hours: Hours = 168
    warning_hours: Hours = 72
    critical_hours: Hours = 24

    def hours(self, severity: Severity) -> int:
        """How long there is for a warning of this severity."""
        return {"notice": self.notice_hours, "warning": self.warning_hours, "critical": self.critical_hours}[severity]


class CreditRule(Wire):
    """Owed strictly above the limit; or past its due day, by up to 30, 60, 90 or more days."""

    enabled: bool = Field(default=True, strict=True)
    notice_percent: int | None = Field(
        default=None, strict=True, ge=1, le=100, description="A notice from this share of the limit on; null: none."
    )
    critical_percent: int = Field(default=110, strict=True, ge=100, le=1000, description="Critical above this share.")
    cooling_days: int = Field(
        default=7, strict=True, ge=0, le=365, description="Within so many days a warning reopens instead of a new one."
    )
    handling: Handling = Handling()


class LossRule(Wire):
    """Silent for longer than the customer's own rhythm explains.

    Late: silent for longer than `late_percent` of the customer's gaps. At risk: than `risk_percent` of them, and a
    purchase within `horizon_days` is less likely than `risk_chance_percent`. Lost: at risk, and less likely than
    `lost_chance_percent`.
    """

    enabled: bool = Field(default=True, strict=True)
    late_percent: int = Field(default=80, strict=True, ge=1, le=99)
    risk_percent: int = Field(default=90, strict=True, ge=1, le=99)
    risk_chance_percent: int = Field(default=50, strict=True, ge=0, le=100)
    lost_chance_percent: int = Field(default=10, strict=True, ge=0, le=100)
    horizon_days: int = Field(default=90, strict=True, ge=1, le=1000)
    occasions: int = Field(default=2, strict=True, ge=1, le=1000, description="Fewer purchases make no rhythm.")
    silent_days: int = Field(
        default=365, strict=True, ge=1, le=10_000, description="Late for longer raises nothing new: it is old news."
    )
    cooling_days: int = Field(
        default=30, strict=True, ge=0, le=365, description="Within so many days a warning reopens instead of a new one."
    )
    handling: Handling = Handling()

    @model_validator(mode="after")
    def _from_bad_to_worse(self) -> "LossRule":
        if self.late_percent > self.risk_percent or self.lost_chance_percent > self.risk_chance_percent:
            raise PydanticCustomError("not_in_order", "Late comes before at risk, and at risk before lost.")
        return self


def _each_once(states: list[str]) -> list[str]:
    if len(set(states)) < len(states):
        raise PydanticCustomError("not_unique", "Name each state once.")
    return states


class SalesProgressRule(Wire):
    """The plan for the month, quarter or year that today is in will not be reached, by its forecast.

    The forecast is that of the plan's own answer. Nothing is said of a plan of zero, or before `from_percent` of the
    plan are normally reached. Behind: forecast < planned x (1 - tolerance). The tolerance is `tolerance_percent`; in
    the first `early_days` days of the period it is `early_tolerance_percent`, if that is more. Far behind: behind, and
    forecast < planned x (1 - `critical_percent`).

    In a state of `hold_on` nothing is sold to the customer until somebody releases the hold. A hold that was released
    is not placed again in the same period unless the state gets worse, or it was over in between.
    """

    enabled: bool = Field(default=True, strict=True)
    tolerance_percent: int = Field(default=5, strict=True, ge=0, le=100)
    early_days: int = Field(default=9, strict=True, ge=0, le=366)
    early_tolerance_percent: int = Field(default=10, strict=True, ge=0, le=100)
    from_percent: int = Field(
        default=10,
        strict=True,
        ge=0,
        le=100,
        description="Before this share of a plan is due, its forecast is a guess.",
    )
    critical_percent: int = Field(default=25, strict=True, ge=0, le=100)
    hold_on: Annotated[list[BehindState], Field(max_length=2), AfterValidator(_each_once)] = Field(default_factory=list)
    cooling_days: int = Field(
        default=7, strict=True, ge=0, le=365, description="Within so many days a warning reopens instead of a new one."
    )
    handling: Handling = Handling()


class SalesExpenseRule(Wire):
    """What is spent on the customer is above its budget, will be, or climbs.

    About a budget (of the month, quarter or year that today is in): above, if spent > planned x `budget_percent`; else
    its forecast is, if at least `forecast_from_percent` of the period have passed and forecast > planned x
    `budget_percent`. Both numbers are those of the budget's own answer.

    Climbing against net sales: with spent and net of the last `share_days` days (today is one of them), and usual spent
    and usual net of the 365 days before these, both above zero: spent > 0, and net <= 0 or spent / net >
    (usual spent / usual net) x `share_factor_percent`.

    Climbing by itself: each of the last three whole months cost more than the one before, the first of them more than
    zero, and the last at least `trend_percent` more than the first.

    In a state of `hold_on` nothing is sold to the customer until somebody releases the hold. A hold that was released
    is not placed again in the same period unless it gets worse (another state, or more was spent of the budget than
    `again_percent` of what had been when it was released), or it was over in between.
    """

    enabled: bool = Field(default=True, strict=True)
    budget_percent: int = Field(default=100, strict=True, ge=1, le=1000)
    forecast_from_percent: int = Field(default=25, strict=True, ge=0, le=100)
    share_days: int = Field(default=90, strict=True, ge=7, le=365)
    share_factor_percent: int = Field(default=150, strict=True, ge=100, le=10_000)
    trend_percent: int = Field(default=20, strict=True, ge=0, le=10_000)
    hold_on: Annotated[list[CostlyState], Field(max_length=4), AfterValidator(_each_once)] = Field(
        default_factory=lambda: [ABOVE_BUDGET]
    )
    again_percent: int = Field(default=110, strict=True, ge=100, le=1000)
    cooling_days: int = Field(
        default=7, strict=True, ge=0, le=365, description="Within so many days a warning reopens instead of a new one."
    )
    handling: Handling = Handling()


# For whom a rule may be set otherwise, the most specific first.
Target = Literal["customer", "segment", "grade"]
Rule = CreditRule | LossRule | SalesProgressRule | SalesExpenseRule
RULES: dict[Kind, type[Rule]] = {
    "credit": CreditRule, "loss": LossRule, "sales_progress": SalesProgressRule, "sales_expense": SalesExpenseRule,
}  # fmt: skip
# The rules that may stop sales.
HOLDING: tuple[Kind, ...] = ("sales_progress", "sales_expense")
