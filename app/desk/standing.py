"""How things stand with a customer, from the account and the holds. Pure."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.core.settings import Language
from app.core.types import rfc3339
from app.early_warning.sentences import WORDS, hold_reason, sentence


def judged(row: Mapping[str, Any], today: date, language: Language, *, financial: bool) -> dict[str, Any]:
    """`standing`, `reasons` and `credit`, from what `queries.standing` finds; money only if `financial`."""
    stops: list[dict[str, Any]] = [
        {"code": "hold", "detail": hold_reason(reason, language), "since": rfc3339(placed)}
        for reason, placed in zip(row["reasons"], row["placed"], strict=True)
    ]
    if row["status"] == "suspended":
        stops.append({"code": "account_suspended", "detail": WORDS[language].suspended, "since": None})
    doubts = _doubts(row, today, language, financial=financial)
    shown: dict[str, Any] = {
        "standing": "hold" if stops else "review" if doubts else "allow",
        "reasons": stops + doubts,
    }
    if financial:
        shown["credit"] = _credit(row)
    return shown


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
    free = max(0, row["credit_limit"] - row["balance"] - row["reserved"]) if row["status"] == "active" else 0
    return {"limit": row["credit_limit"], "balance": row["balance"], "available": free, "currency": row["currency"]}
