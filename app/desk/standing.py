"""How things stand with a customer, from the account and the holds. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.core.settings import Language
from app.core.types import rfc3339
from app.early_warning.sentences import WORDS, hold_reason, sentence, too_much


@dataclass(frozen=True, slots=True)
class Sale:
    """What a till is about to sell, in minor units of the company's currency."""

    amount: int
    on_account: bool


def judged(
    row: Mapping[str, Any], today: date, language: Language, *, financial: bool, sale: Sale | None = None
) -> dict[str, Any]:
    """`standing`, `reasons` and `credit`, from what `queries.standing` finds; money only if `financial`.

    Of a `sale` on account also whether it fits, as an authorisation would be judged at this moment.
    """
    stops: list[dict[str, Any]] = [
        {"code": "hold", "detail": hold_reason(rule, reason, language), "since": rfc3339(placed)}
        for rule, reason, placed in zip(row["rules"] or (), row["reasons"] or (), row["placed"] or (), strict=True)
    ]
    doubts = _doubts(row, today, language, financial=financial)
    if row["status"] == "suspended":
        suspended = {"code": "account_suspended", "detail": WORDS[language].suspended, "since": None}
        # Who pays at once needs no account.
        (doubts if sale is not None and not sale.on_account else stops).append(suspended)
    if sale is not None and sale.on_account:
        stops += _too_much(row, sale.amount, language, financial=financial)
    shown: dict[str, Any] = {
        "standing": "hold" if stops else "review" if doubts else "allow",
        "reasons": stops + doubts,
    }
    if financial:
        shown["credit"] = _credit(row)
    if sale is not None:
        shown["sale"] = {"amount": sale.amount, "on_account": sale.on_account, "passes": not stops}
    return shown


def _too_much(row: Mapping[str, Any], amount: int, language: Language, *, financial: bool) -> list[dict[str, Any]]:
    """Why an amount may not be sold on account, apart from the account's status."""
    words = WORDS[language]
    if row["status"] is None:
        return [{"code": "no_account", "detail": words.no_account, "since": None}]
    left = _left(row)
    if row["status"] != "active" or amount <= left:
        return []
    detail = too_much(amount, left, row["currency"] if financial else None, language)
    return [{"code": "not_enough_credit", "detail": detail, "since": None}]


def _left(row: Mapping[str, Any]) -> int:
    return int(row["credit_limit"] - row["balance"] - row["reserved"])


def _doubts(row: Mapping[str, Any], today: date, language: Language, *, financial: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if row["status"] is None:
        return found
    evidence = {"balance": row["balance"], "limit": row["credit_limit"], "currency": row["currency"]}
    if row["balance"] > row["credit_limit"]:
        detail = {"detail": sentence("over_limit", evidence, today, language)} if financial else {}
        found.append({"code": "over_limit", **detail, "since": None})
    if row["overdue"]:
        owed = {**evidence, "overdue": row["overdue"], "since": row["since"].isoformat()}
        detail = {"detail": sentence("overdue", owed, today, language)} if financial else {}
        found.append({"code": "overdue", **detail, "since": row["since"]})
    return found


def _credit(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if row["status"] is None:
        return None
    free = max(0, _left(row)) if row["status"] == "active" else 0
    return {"limit": row["credit_limit"], "balance": row["balance"], "available": free, "currency": row["currency"]}
