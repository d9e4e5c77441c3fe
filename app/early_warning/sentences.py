"""What a warning says to people in their language: a sentence of its numbers, and what to do next. Pure."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from app.core.settings import Language
from app.core.types import currency_digits
from app.early_warning.wording import chinese, english, korean
from app.early_warning.wording.words import Words

WORDS: dict[Language, Words] = {"en": english.WORDS, "zh": chinese.WORDS, "ko": korean.WORDS}


def next_step(state: str, language: Language) -> str:
    """What is usually done next about a warning in `state`."""
    return WORDS[language].steps[state]


def hold_reason(rule: str | None, reason: str, language: Language) -> str:
    """Why sales are stopped: what somebody wrote, or, if a `rule` stops them, what the state means."""
    return reason if rule is None else WORDS[language].holds[reason]


def sentence(state: str, evidence: Mapping[str, Any], day: date, language: Language) -> str:
    """The sentence of a warning in `state` as of `day`, from its evidence."""
    words = WORDS[language]
    template = words.sentences[state]
    if state == "share_climbing" and evidence["net"] <= 0:
        template = words.without_sales
    return template.format_map(_values(state, evidence, day, words))


def too_much(amount: int, left: int, currency: str | None, language: Language) -> str:
    """Why an amount may not be sold on account; without the `currency` no amount is told."""
    words = WORDS[language]
    if currency is None:
        return words.too_much
    return words.more_than_left.format(amount=money(amount, currency), left=money(max(0, left), currency))


def _values(state: str, evidence: Mapping[str, Any], day: date, words: Words) -> dict[str, str]:
    if state in {"late", "at_risk", "lost"}:
        silent = max((day - date.fromisoformat(evidence["last_occasion"])).days, evidence["silent_days"])
        return {
            "usual": words.days(evidence["usual_days"]), "silent": str(silent),
            "horizon": words.days(evidence["horizon_days"]), "chance": words.percent(Decimal(str(evidence["chance"]))),
        }  # fmt: skip
    if state.startswith("overdue"):
        since = date.fromisoformat(evidence["since"])
        owed = _money(evidence["overdue"], evidence)
        return {"overdue": owed, "since": words.date(since), "ago": words.days((day - since).days)}
    if state in {"near_limit", "over_limit", "far_over_limit"}:
        balance, limit = evidence["balance"], evidence["limit"]
        share = str(balance * 100 // limit) if limit else ""
        return {"balance": _money(balance, evidence), "above": _money(balance - limit, evidence), "share": share}
    if state == "share_climbing":
        usual = Decimal(evidence["usual_spent"]) / evidence["usual_net"]
        sold = Decimal(evidence["spent"]) / evidence["net"] if evidence["net"] > 0 else Decimal(0)
        return {
            "spent": _money(evidence["spent"], evidence), "days": words.days(evidence["days"]),
            "share": words.percent(sold), "usual": words.percent(usual),
        }  # fmt: skip
    if state == "costs_climbing":
        first, second, third = (_money(one, evidence) for one in evidence["months"])
        return {"first": first, "second": second, "third": third, "month": words.period(evidence["month"])}
    return _of_period(evidence, words)


def _of_period(evidence: Mapping[str, Any], words: Words) -> dict[str, str]:
    """Of a plan or a budget: every amount of its evidence as money, and how far off it is."""
    planned, forecast = evidence["planned"], evidence["forecast"]
    amounts = ("planned", "actual", "spent", "expected", "forecast")
    said = {name: _money(evidence[name], evidence) for name in amounts if evidence.get(name) is not None}
    said["period"] = words.period(evidence["period"])
    if "spent" in evidence:
        said["above"] = _money(evidence["spent"] - planned, evidence)
    elif planned and forecast is not None:
        said["below"] = words.percent(Decimal(planned - forecast) / planned)
    return said


def _money(amount: int, evidence: Mapping[str, Any]) -> str:
    return money(amount, evidence["currency"])


def money(amount: int, currency: str) -> str:
    """An amount of minor units as people write it: 12,345.00 CNY."""
    digits = currency_digits(currency)
    return f"{Decimal(amount).scaleb(-digits):,.{digits}f} {currency}"
