"""Warnings as the caller may see them. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from app.core.settings import Language
from app.early_warning.life import plain as _plain
from app.early_warning.rules import RULES, Kind
from app.early_warning.sentences import hold_reason, next_step, sentence

# Loss speaks of days only; credit speaks of money.
_GROUP = {"credit": "financial", "loss": "basic", "sales_progress": "financial", "sales_expense": "financial"}
_AS_STORED = (
    "id", "customer_id", "kind", "state", "severity", "status", "owner", "due_at", "opened_at", "changed_at",
    "acknowledged_at", "acknowledged_by", "resolved_at", "resolved_by", "snoozed_until", "escalated_at", "version",
)  # fmt: skip
# What speaks of money in what a person has said.
_MONEY = frozenset({"evidence", "promise"})


def document(
    row: Mapping[str, Any], groups: Iterable[str], now: datetime, day: Callable[[datetime], date], language: Language
) -> dict[str, Any]:
    """A warning for a caller with these field groups.

    `day` tells the company's day at a moment, `language` is that of
    what is for people.
    """
    shown: dict[str, Any] = {name: _plain(row[name]) for name in _AS_STORED}
    shown["about"] = row["subject"]
    shown["next_step"] = next_step(row["state"], language) if row["status"] != "resolved" else None
    seen = _GROUP[row["kind"]] in groups
    resolution = row["resolution"]
    if resolution is not None and not seen:
        resolution = _without_money(resolution)
    shown["resolution"] = resolution
    if seen:
        shown["sentence"] = sentence(row["state"], row["evidence"], day(row["resolved_at"] or now), language)
        shown["evidence"] = row["evidence"]
        promise = _promise(row)
        if promise is not None:
            shown["promise"] = promise
            if promise["state"] == "broken":
                shown["evidence"] = {**row["evidence"], "promise": promise}
    return shown


def _promise(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if row["promise_state"] is None:
        return None
    amount, currency = row["promised_amount"], row["evidence"].get("currency")
    return {
        "amount": amount, "currency": currency, "due_on": _plain(row["promised_on"]), "state": row["promise_state"],
        "paid": row["promise_paid"],
    }  # fmt: skip


def step(row: Mapping[str, Any], kind: str, groups: Iterable[str]) -> dict[str, Any]:
    """One step of a warning's history for a caller with these field groups."""
    shown = {name: _plain(value) for name, value in row.items() if name != "evidence"}
    if _GROUP[kind] not in groups:
        shown["details"] = None if row["details"] is None else _without_money(row["details"])
    elif row["evidence"] is not None:
        shown["evidence"] = row["evidence"]
    return shown


def comment(row: Mapping[str, Any]) -> dict[str, Any]:
    """A comment, from its step in the history."""
    by = (row["details"] or {}).get("by")
    shown = {"id": row["id"], "warning_id": row["warning_id"], "at": row["at"], "actor": row["actor"], "by": by}
    return plain({**shown, "text": row["note"]})


def _without_money(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in _MONEY}


def hold(row: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """A hold; why a rule has placed it is said in words."""
    names = (
        "id", "customer_id", "reason", "placed_at", "placed_by", "rule", "about", "released_at", "released_by",
        "release_reason",
    )  # fmt: skip
    shown = {name: _plain(row[name]) for name in names}
    return {**shown, "reason": hold_reason(row["rule"], row["reason"], language)}


def override(kind: Kind, row: Mapping[str, Any]) -> dict[str, Any]:
    """A rule for some customers, as it counts."""
    names = ("by", "key", "priority", "version", "set_at", "updated_at")
    settings = RULES[kind](**row["settings"]).model_dump(exclude={"handling"})
    return {"kind": kind, **{name: _plain(row[name]) for name in names}, "settings": settings}


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON has it."""
    return {name: _plain(value) for name, value in row.items()}
