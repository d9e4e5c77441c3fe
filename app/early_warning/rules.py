"""The rules of the warnings: their settings, and what each state means. Pure.

`queries` holds the same rules as SQL, which judges many customers in one statement.
"""

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.types import Code, Wire

Kind = Literal["credit", "loss"]
Severity = Literal["notice", "warning", "critical"]
State = Literal[
    "near_limit", "over_limit", "far_over_limit", "overdue", "overdue_31", "overdue_61", "overdue_91",
    "late", "at_risk", "lost",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)

# What a warning is about, and its states from bad to worse: one that gets worse is told again.
STATES: dict[str, tuple[State, ...]] = {
    "limit": ("near_limit", "over_limit", "far_over_limit"),
    "overdue": ("overdue", "overdue_31", "overdue_61", "overdue_91"),
    "rhythm": ("late", "at_risk", "lost"),
}
SEVERITY: dict[State, Severity] = {
    "near_limit": "notice", "over_limit": "warning", "far_over_limit": "critical",
    "overdue": "warning", "overdue_31": "warning", "overdue_61": "critical", "overdue_91": "critical",
    "late": "notice", "at_risk": "warning", "lost": "critical",
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


RULES: dict[Kind, type[CreditRule] | type[LossRule]] = {"credit": CreditRule, "loss": LossRule}
