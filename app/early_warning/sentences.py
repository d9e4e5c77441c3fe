"""What a warning says to people, in one sentence. Pure."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from app.core.types import currency_digits


def sentence(state: str, evidence: Mapping[str, Any], day: date) -> str:
    """The sentence of a warning in `state` as of `day`, from its evidence."""
    if state in {"late", "at_risk", "lost"}:
        return _silence(state, evidence, day)
    if state == "near_limit":
        share = evidence["balance"] * 100 // evidence["limit"]
        return f"Owes {_money(evidence, 'balance')}, {share} % of the limit."
    if state in {"over_limit", "far_over_limit"}:
        above = {**evidence, "above": evidence["balance"] - evidence["limit"]}
        return f"Owes {_money(evidence, 'balance')}, {_money(above, 'above')} above the limit."
    since = date.fromisoformat(evidence["since"])
    return f"{_money(evidence, 'overdue')} should have been paid by {since}, {_days((day - since).days)} ago."


def _silence(state: str, evidence: Mapping[str, Any], day: date) -> str:
    silent = max((day - date.fromisoformat(evidence["last_occasion"])).days, evidence["silent_days"])
    said = f"Usually back within {_days(evidence['usual_days'])}, now {silent}"
    chance = f"the chance of a purchase within {_days(evidence['horizon_days'])} is {_percent(evidence['chance'])}"
    return {"late": f"{said}.", "at_risk": f"{said}: {chance}.", "lost": f"{said}: probably gone, {chance}."}[state]


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %" if share >= 0.01 else "below 1 %"  # noqa: PLR2004


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _money(evidence: Mapping[str, Any], name: str) -> str:
    """An amount of minor units as people write it: 12,345.00 CNY."""
    currency = evidence["currency"]
    digits = currency_digits(currency)
    return f"{Decimal(evidence[name]).scaleb(-digits):,.{digits}f} {currency}"
