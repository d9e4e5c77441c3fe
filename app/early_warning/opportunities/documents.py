"""Opportunities as the caller may see them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.core.settings import Language
from app.core.types import rfc3339
from app.customers.contact_rules import Known, Policy, judged
from app.customers.purposes import CHANNELS
from app.early_warning.opportunities.rules import Kind
from app.early_warning.opportunities.sentences import ACTION, sentence, suggestion

_AS_STORED = (
    "id", "customer_id", "kind", "status", "priority", "owner", "store", "outcome", "note", "opened_at", "changed_at",
    "closed_at", "closed_by", "expires_on", "version",
)  # fmt: skip
# By which channel we would rather reach somebody who prefers none.
_ORDER = ("phone", "chat", "app", "sms", "email", "letter", "visit")
_ANYWHERE = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class View:
    """For whom and when an opportunity is told: field groups, the moment, the company's currency, the language."""

    groups: frozenset[str]
    now: datetime
    currency: str
    language: Language


def document(row: Mapping[str, Any], view: View) -> dict[str, Any]:
    """An opportunity of a kind that the field groups show; its `value` is there with `financial`, notes `personal`."""
    shown: dict[str, Any] = {name: plain(row[name]) for name in _AS_STORED}
    if "personal" not in view.groups:
        del shown["note"]
    kind: Kind = row["kind"]
    shown["about"] = row["subject"]
    if "financial" in view.groups:
        shown["value"] = row["value"]
    shown["sentence"] = sentence(kind, row["evidence"], view.currency, view.language)
    shown["evidence"] = row["evidence"]
    if row["status"] == "open":
        shown["suggestion"] = _suggested(kind, row["wishes"], view)
    return shown


def _suggested(kind: Kind, wishes: Mapping[str, Any], view: View) -> dict[str, Any]:
    """What to do, and by what: only by a channel that the customer's wishes allow for this purpose."""
    purpose = "service" if kind == "promise_due" else "marketing"
    refused = dict(_refused(purpose, wishes, view.now))
    preferred = wishes["preferred_channel"]
    allowed = [one for one in ((preferred,) if preferred else ()) + _ORDER if one not in refused]
    channel = allowed[0] if allowed else None
    return {
        "action": ACTION[kind],
        "purpose": purpose,
        "channel": channel,
        "refused": refused,
        "text": suggestion(ACTION[kind], channel, view.language),
    }


def _refused(purpose: str, wishes: Mapping[str, Any], now: datetime) -> Iterable[tuple[str, str]]:
    """(channel, why not) as far as only the customer can change it; `may-contact` tells of hours and caps."""
    states = {
        one["channel"]: one["state"]
        for one in wishes["consents"]
        if one["purpose"] == purpose and one["partner"] is None
    }
    policy = Policy(_ANYWHERE, do_not_call=wishes["do_not_call"])
    known = Known("person", "active", policy, states, contacts=())
    for channel in CHANNELS:
        reasons = judged(known, purpose, channel, now).reasons
        if reasons:
            yield channel, reasons[0].code


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, datetime):
        return rfc3339(value)
    return value.isoformat() if isinstance(value, date) else value
