"""Warnings as the caller may see them. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from app.core.types import rfc3339
from app.early_warning.sentences import sentence

# Loss speaks of days only; credit speaks of money.
_GROUP = {"credit": "financial", "loss": "basic"}
_AS_STORED = (
    "id", "customer_id", "kind", "state", "severity", "status", "owner", "due_at", "opened_at", "changed_at",
    "acknowledged_at", "acknowledged_by", "resolved_at", "resolved_by", "version",
)  # fmt: skip


def document(
    row: Mapping[str, Any], groups: Iterable[str], now: datetime, day: Callable[[datetime], date]
) -> dict[str, Any]:
    """A warning for a caller with these field groups. `day` tells the company's day at a moment."""
    shown: dict[str, Any] = {name: _plain(row[name]) for name in _AS_STORED}
    shown["about"] = row["subject"]
    seen = _GROUP[row["kind"]] in groups
    resolution = row["resolution"]
    if resolution is not None and not seen:
        resolution = {name: value for name, value in resolution.items() if name != "evidence"}
    shown["resolution"] = resolution
    if seen:
        shown["sentence"] = sentence(row["state"], row["evidence"], day(row["resolved_at"] or now))
        shown["evidence"] = row["evidence"]
    return shown


def step(row: Mapping[str, Any], kind: str, groups: Iterable[str]) -> dict[str, Any]:
    """One step of a warning's history for a caller with these field groups."""
    shown = {name: _plain(value) for name, value in row.items() if name != "evidence"}
    if _GROUP[kind] in groups and row["evidence"] is not None:
        shown["evidence"] = row["evidence"]
    return shown


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON has it."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    return rfc3339(value) if isinstance(value, datetime) else value
