"""Warnings as the caller may see them. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from app.core.settings import Language
from app.core.types import rfc3339
from app.early_warning.rules import RULES, Kind
from app.early_warning.sentences import hold_reason, next_step, sentence

# Loss speaks of days only; credit speaks of money.
_GROUP = {"credit": "financial", "loss": "basic", "sales_progress": "financial", "sales_expense": "financial"}
_AS_STORED = (
    "id", "customer_id", "kind", "state", "severity", "status", "owner", "due_at", "opened_at", "changed_at",
    "acknowledged_at", "acknowledged_by", "resolved_at", "resolved_by", "version",
)  # fmt: skip


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
        resolution = {name: value for name, value in resolution.items() if name != "evidence"}
    shown["resolution"] = resolution
    if seen:
        shown["sentence"] = sentence(row["state"], row["evidence"], day(row["resolved_at"] or now), language)
        shown["evidence"] = row["evidence"]
    return shown


def step(row: Mapping[str, Any], kind: str, groups: Iterable[str]) -> dict[str, Any]:
    """One step of a warning's history for a caller with these field groups."""
    shown = {name: _plain(value) for name, value in row.items() if name != "evidence"}
    if _GROUP[kind] in groups and row["evidence"] is not None:
        shown["evidence"] = row["evidence"]
    return shown


def hold(row: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """A hold; why a rule has placed it is said in words."""
    names = (
        "id", "customer_id", "reason", "placed_at", "placed_by", "rule", "about", "released_at", "released_by",
        "release_reason",
    )  # fmt: skip
    shown = {name: _plain(row[name]) for name in names}
    return shown if row["rule"] is None else {**shown, "reason": hold_reason(row["reason"], language)}


def override(kind: Kind, row: Mapping[str, Any]) -> dict[str, Any]:
    """A rule for some customers, as it counts."""
    names = ("by", "key", "priority", "version", "set_at", "updated_at")
    settings = RULES[kind](**row["settings"]).model_dump()
    return {"kind": kind, **{name: _plain(row[name]) for name in names}, "settings": settings}


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON has it."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    return rfc3339(value) if isinstance(value, datetime) else value
