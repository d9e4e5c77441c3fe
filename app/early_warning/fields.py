"""What can be asked about warnings, holds, and opportunities."""

from collections.abc import Callable
from functools import partial
from typing import Any, get_args

from sqlalchemy import ColumnElement, Date, FromClause, cast, func

from app.catalog.fields import column
from app.core.fields import Build, Collection, Evaluation, Field, FieldType
from app.early_warning import schemas
from app.early_warning.life import PROMISE_STATES, STATUSES
from app.early_warning.models import Hold, WarningRow
from app.early_warning.opportunities import rules as opportunities
from app.early_warning.opportunities.models import Opportunity
from app.early_warning.rules import KINDS, SEVERITY, SEVERITY_RANK, STATES

_NUMBER, _MONEY, _TEXT, _CHOICE, _DATE, _BOOLEAN = (
    FieldType.NUMBER, FieldType.MONEY, FieldType.TEXT, FieldType.CHOICE, FieldType.DATE, FieldType.BOOLEAN,
)  # fmt: skip
_SCOPE = "warnings:read"
_WARNED = ("warning.opened", "warning.changed", "warning.escalated", "warning.resolved")
_HELD = ("hold.placed", "hold.released")
_OFFERED = (
    "opportunity.opened", "opportunity.changed", "opportunity.taken", "opportunity.dismissed", "opportunity.expired",
)  # fmt: skip


def _day_of(name: str) -> Build:
    """The company's day of a moment."""
    return lambda row, asked: cast(func.timezone(asked.zone, row.c[name]), Date)


def _is_set(name: str) -> Build:
    return lambda row, _: row.c[name].is_not(None)


def _overdue(row: FromClause, asked: Evaluation) -> ColumnElement[Any]:
    return (row.c.status != "resolved") & func.coalesce(_day_of("due_at")(row, asked) < asked.as_of, False)


def _outcome(row: FromClause, _: Evaluation) -> ColumnElement[Any]:
    outcome: ColumnElement[Any] = row.c.resolution["outcome"].astext
    return outcome


def _field(name: str, label: str, kind: FieldType, value: Build | None = None, /, **more: Any) -> Field:
    return Field(name, label, kind, value or column(name), scope=_SCOPE, **more)


def _collection(
    name: str,
    label: str,
    relation: Callable[[], FromClause],
    begun: str,
    changed_by: tuple[str, ...],
    fields: tuple[Field, ...],
    **more: Any,
) -> Collection:
    return Collection(
        name, label, relation=relation, fields=fields, scope=_SCOPE, changed_by=changed_by,
        customer=lambda row: row.c.customer_id,
        day=_day_of(begun),
        order=lambda row: (row.c[begun], row.c.id),
        evidence=lambda row: row.c.id,
        **more,
    )  # fmt: skip


_warning = partial(_field, changed_by=_WARNED)
_hold = partial(_field, changed_by=_HELD)
# Among the kinds are some that only the field group `personal` shows, and some that only `financial` does: who lacks
# one of them is not to learn of these by counting.
_ALL_KINDS: dict[str, Any] = {"group": "financial", "more_groups": ("personal",)}
_chance = partial(_field, changed_by=_OFFERED, **_ALL_KINDS)

COLLECTIONS: tuple[Collection, ...] = (
    _collection("warnings", "Warnings", WarningRow.__table__.alias, "opened_at", _WARNED, (
        _warning("date", "Raised on", _DATE, _day_of("opened_at")),
        _warning("kind", "Kind", _CHOICE, choices=KINDS),
        _warning("about", "What about", _CHOICE, column("subject"), choices=tuple(STATES)),
        _warning("state", "How bad it is", _CHOICE, choices=tuple(SEVERITY)),
        _warning("severity", "Severity", _CHOICE, choices=tuple(SEVERITY_RANK)),
        _warning("status", "Status", _CHOICE, choices=STATUSES),
        _warning("owner", "Owner", _TEXT),
        _warning("due", "To be resolved by", _DATE, _day_of("due_at")),
        _warning("overdue", "Not resolved by then", _BOOLEAN, _overdue, temporal=True),
        _warning("escalated", "Escalated", _BOOLEAN, _is_set("escalated_at")),
        _warning("snoozed_until", "Snoozed until", _DATE, _day_of("snoozed_until")),
        _warning("resolved", "Resolved on", _DATE, _day_of("resolved_at")),
        _warning("outcome", "What came of it", _CHOICE, _outcome,
                 choices=(*get_args(schemas.Outcome), "cause_gone")),
        _warning("promise", "Promise to pay", _CHOICE, column("promise_state"), choices=PROMISE_STATES),
        _warning("promised", "Promised to be paid", _MONEY, column("promised_amount"), group="financial"),
        _warning("promised_on", "Promised to be paid by", _DATE),
    )),
    _collection("holds", "Holds", Hold.__table__.alias, "placed_at", _HELD, (
        _hold("date", "Placed on", _DATE, _day_of("placed_at")),
        _hold("live", "Stops sales still", _BOOLEAN, lambda row, _: row.c.released_at.is_(None)),
        _hold("rule", "Rule that has placed it, none of one by a person", _CHOICE, choices=KINDS),
        _hold("about", "What about", _CHOICE, choices=tuple(STATES)),
        _hold("released", "Released on", _DATE, _day_of("released_at")),
    )),
    _collection("opportunities", "Opportunities", Opportunity.__table__.alias, "opened_at", _OFFERED, (
        _chance("date", "Raised on", _DATE, _day_of("opened_at")),
        _chance("kind", "Kind", _CHOICE, choices=opportunities.KINDS),
        _chance("about", "What of the customer", _TEXT, column("subject")),
        _chance("status", "Status", _CHOICE, choices=opportunities.STATUSES),
        _chance("priority", "Priority, 5 comes first", _NUMBER, whole=True),
        _chance("value", "Amount reached, asked for, or paid last", _MONEY),
        _chance("expires", "Last day", _DATE, column("expires_on")),
        _chance("closed", "Closed on", _DATE, _day_of("closed_at")),
        _chance("outcome", "What came of it, why it was dismissed or has expired", _CHOICE,
                choices=tuple(dict.fromkeys(
                    (*get_args(opportunities.Outcome), *get_args(opportunities.Reason), *get_args(opportunities.Ending))
                ))),
    ), **_ALL_KINDS),
)  # fmt: skip
