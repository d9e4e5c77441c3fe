"""The rules about plans and costs, read in plain Python: day by day, in exact fractions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from app.credit.period import period
from tests.credit.standings import CALENDAR, Plan, rounded

PROGRESS, EXPENSE = "sales_progress", "sales_expense"
SALES_PLAN, BUDGET = "sales-plans", "expense-budgets"
Settings = Mapping[str, Any]
# (state or None, episode, numbers).
Found = tuple[str | None, str, dict[str, Any]]


@dataclass(frozen=True)
class Planned:
    """What is planned for a period, perhaps laid out over its months."""

    unit: str
    planned: int
    phases: tuple[int, ...] | None = None

    def plan(self) -> Plan:
        """The same as something that can be measured."""
        found = period(self.unit)
        assert found is not None
        return Plan(found.first, found.last, self.planned, self.phases)

    def with_(self, other: "Planned") -> "Planned":
        """Both together. Where only one is laid out, the other lies over the months by their days."""
        phases = None
        if self.phases is not None or other.phases is not None:
            phases = tuple(map(sum, zip(self.laid_out(), other.laid_out(), strict=True)))
        return Planned(self.unit, self.planned + other.planned, phases)

    def laid_out(self) -> tuple[int, ...]:
        """Its months."""
        if self.phases is not None:
            return self.phases
        found = period(self.unit)
        assert found is not None
        days = (found.last - found.first).days + 1
        starts = [_months_later(found.first, count) for count in range(found.months + 1)]
        upto = [rounded(Fraction(self.planned * (start - found.first).days, days)) for start in starts]
        return tuple(after - before for before, after in pairwise(upto))


Plans = Mapping[tuple[str, str], Planned]


def now_planned(today: date) -> dict[str, str]:
    """The three periods that a day is in, by what they are called."""
    quarter = (today.month + 2) // 3
    return {"month": f"{today:%Y-%m}", "quarter": f"{today.year}-Q{quarter}", "year": f"{today.year}"}


def progress(rule: Settings, plans: Plans, sold: Mapping[date, int], today: date) -> dict[str, Found]:
    """The plans of today, and whether their forecasts miss them by more than may be."""
    found: dict[str, Found] = {}
    for name, unit in now_planned(today).items():
        plan = plans.get((SALES_PLAN, unit))
        found[f"{name}_plan"] = (None, unit, {}) if plan is None else _missed(rule, plan.plan(), unit, sold, today)
    return found


def _missed(rule: Settings, plan: Plan, unit: str, sold: Mapping[date, int], today: date) -> Found:
    standing = plan.standing(sold.items(), CALENDAR, today)
    forecast: Any = standing["forecast"]
    numbers = {"period": unit, "planned": plan.planned, "actual": standing["reached"], "forecast": forecast}
    numbers["expected"] = standing["expected"]
    # Of nothing, nothing is missed; and the first few days of a plan tell nothing.
    if plan.planned == 0 or forecast is None or _share(plan, today) * 100 < rule["from_percent"]:
        return None, unit, numbers
    tolerance = rule["tolerance_percent"]
    if (today - plan.first).days < rule["early_days"]:
        tolerance = max(tolerance, rule["early_tolerance_percent"])
    if forecast >= plan.planned * (1 - Fraction(tolerance, 100)):
        return None, unit, numbers
    far = forecast < plan.planned * (1 - Fraction(rule["critical_percent"], 100))
    return "far_behind" if far else "behind", unit, numbers


def budgets(rule: Settings, plans: Plans, spent: Iterable[tuple[date, int]], today: date) -> dict[str, Found]:
    """The budgets of today, and whether more is spent than they allow, or will be."""
    found: dict[str, Found] = {}
    for name, unit in now_planned(today).items():
        budget = plans.get((BUDGET, unit))
        found[f"{name}_budget"] = (
            (None, unit, {}) if budget is None else _spent(rule, budget.plan(), unit, spent, today)
        )
    return found


def _spent(rule: Settings, plan: Plan, unit: str, spent: Iterable[tuple[date, int]], today: date) -> Found:
    standing = plan.standing(spent, CALENDAR, today)
    reached: Any = standing["reached"]
    forecast: Any = standing["forecast"]
    numbers = {"period": unit, "planned": plan.planned, "spent": reached, "forecast": forecast}
    most = plan.planned * Fraction(rule["budget_percent"], 100)
    state = None
    if reached > most:
        state = "above_budget"
    elif _share(plan, today) * 100 >= rule["forecast_from_percent"] and forecast is not None and forecast > most:
        state = "forecast_above_budget"
    return state, unit, numbers


def climbing(
    rule: Settings, sold: Mapping[date, int], spent: Iterable[tuple[date, int]], today: date
) -> dict[str, Found]:
    """Whether costs climb: against what is sold, and by themselves."""
    spent = list(spent)
    last = today - timedelta(days=rule["share_days"])
    usually = last - timedelta(days=365)
    lately, usual = _sum(spent, last, today), _sum(spent, usually, last)
    net, usual_net = _sum(sold.items(), last, today), _sum(sold.items(), usually, last)
    shares = {"days": rule["share_days"], "spent": lately, "net": net, "usual_spent": usual, "usual_net": usual_net}
    share = None
    if lately > 0 and usual > 0 and usual_net > 0:
        factor = Fraction(rule["share_factor_percent"], 100)
        if net <= 0 or Fraction(lately, net) > Fraction(usual, usual_net) * factor:
            share = "share_climbing"
        # What was sold is only looked at where it matters.
    else:
        shares = {name: shares[name] for name in ("days", "spent", "usual_spent")}
    starts = [_months_later(today.replace(day=1), -count) for count in (3, 2, 1, 0)]
    day = timedelta(days=1)
    months = [_sum(spent, start - day, end - day) for start, end in pairwise(starts)]
    one, two, three = months
    climbs = 0 < one < two < three and three * 100 >= one * (100 + rule["trend_percent"])
    episode = f"{starts[2]:%Y-%m}"
    trend = ("costs_climbing" if climbs else None, episode, {"month": episode, "months": months})
    return {"cost_share": (share, "", shares), "cost_trend": trend}


def _share(plan: Plan, today: date) -> Fraction:
    """The share that is normally reached, in ten thousandths, as an answer tells it."""
    return Fraction(rounded(plan.normal(CALENDAR, today) * 10_000), 10_000)


def _sum(amounts: Iterable[tuple[date, int]], after: date, upto: date) -> int:
    return sum(amount for day, amount in amounts if after < day <= upto)


def _months_later(first: date, count: int) -> date:
    month = first.year * 12 + first.month - 1 + count
    return date(month // 12, month % 12 + 1, 1)
