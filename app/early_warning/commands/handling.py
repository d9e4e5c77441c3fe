"""What people do about warnings: the steps of `life`, of one warning or of any number in a fixed few statements."""

import uuid
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Insert,
    Text,
    Update,
    Uuid,
    case,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from app.access.audit import AuditEntry, record
from app.core.batch import Status as Became
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem
from app.core.ids import new_id_text
from app.core.sql import recordset, together
from app.credit.commands import lock_accounts
from app.credit.models import CreditAccount
from app.early_warning import queries
from app.early_warning.life import CHANGED, WARNING_RAISED_AGAIN, Scene, Step, Verb, plain, take
from app.early_warning.models import WarningEvent, WarningRow
from app.early_warning.rules import KINDS, RULES
from app.feed.outbox import Event, publish
from app.receipts.commands import lock_customers

_ROW = WarningRow.__table__.c
_EVENT_OF = {"resolved": "warning.resolved", "reopened": "warning.opened", "commented": "warning.commented"}


@dataclass(frozen=True, slots=True)
class Order:
    """A step that somebody wants: of which warning, and what was given with it (`life.take`)."""

    warning: uuid.UUID
    verb: Verb
    given: Mapping[str, Any]


# What became of an order.
Outcome = tuple[Became, uuid.UUID]


async def handle_one(tx: Tx, order: Order, today: date) -> None:
    """Take a step of one warning. Raises Problem: not found, not from its status, values that do not fit."""
    outcome = (await handle(tx, [order], today))[0]
    if isinstance(outcome, Problem):
        raise outcome


async def handle(tx: Tx, orders: Sequence[Order], today: date) -> list[Outcome | Problem]:
    """Take steps in their order; one outcome each: updated, or duplicate if all was so already.

    `today` is the company's. Ten statements at most, however many steps there are.
    """
    await _hold_causes(tx, orders)
    wanted = {order.warning for order in orders}
    # Twice: while the first look waited, a merge may have given one to another customer.
    held = await queries.locked(tx, wanted)
    if len(held) < len(wanted):
        held = await queries.locked(tx, wanted)
    live = await queries.live_causes(tx, held.values()) if any(order.verb == "reopen" for order in orders) else {}
    handling = {kind: RULES[kind](**settings).handling for kind, settings in (await _settings(tx)).items()}
    scene = Scene(tx.now, tx.caller.client_id, today, handling)
    work = _Work(live)
    outcomes = [work.do(held.get(order.warning), order, scene) for order in orders]
    await work.keep(tx)
    return outcomes


class _Work:
    """The steps of one transaction, each on top of those before it."""

    def __init__(self, live: Mapping[tuple[Any, ...], uuid.UUID]) -> None:
        self._live = dict(live)
        self._rows: dict[uuid.UUID, dict[str, Any]] = {}
        self._accepted: set[uuid.UUID] = set()
        self._steps: list[tuple[dict[str, Any], Step]] = []

    def do(self, warning: dict[str, Any] | None, order: Order, scene: Scene) -> Outcome | Problem:
        """Take a step of a held warning."""
        if warning is None:
            return Problem(NOT_FOUND)
        cause = tuple(warning[name] for name in ("customer_id", "kind", "subject"))
        try:
            step = take(order.verb, warning, order.given, scene)
            if order.verb == "reopen" and self._live.setdefault(cause, warning["id"]) != warning["id"]:
                return Problem(WARNING_RAISED_AGAIN)
        except Problem as problem:
            return problem
        if step is None:
            return "duplicate", warning["id"]
        warning |= {**step.changes, "version": warning["version"] + 1}
        if order.verb == "resolve":
            self._accepted.add(warning["id"])
        self._rows[warning["id"]] = warning
        self._steps.append((dict(warning), step))
        return "updated", warning["id"]

    async def keep(self, tx: Tx) -> None:
        """Write what became of the warnings, and tell of each step."""
        if not self._steps:
            return
        await tx.execute(_kept(self._rows.values(), self._accepted))
        events = [_event(warning, step) for warning, step in self._steps]
        entries = [
            AuditEntry(
                f"warning.{step.action}", "warning", warning["id"], warning["customer_id"], tuple(sorted(step.changes))
            )
            for warning, step in self._steps
        ]
        await tx.execute(together(_noted(tx, self._steps), publish(tx, events), record(tx, entries)))


async def _hold_causes(tx: Tx, orders: Iterable[Order]) -> None:
    """Before a warning is reopened nobody raises another; and what is promised is not paid in the same moment."""
    wanted = {one.warning for one in orders if one.verb == "reopen" or one.given.get("promise") is not None}
    if wanted:
        customers = await queries.customers_of(tx, wanted)
        await lock_customers(tx, customers)
        await lock_accounts(tx, customers)


async def _settings(tx: Tx) -> dict[Any, Any]:
    found = await queries.rules(tx)
    return {kind: found[kind][0] if kind in found else {} for kind in KINDS}


def _kept(rows: Iterable[Mapping[str, Any]], accepted: Container[uuid.UUID]) -> Update:
    names = ("customer_id", "id", "version", *CHANGED)
    columns: dict[str, TypeEngine[Any]] = {name: _ROW[name].type for name in names}
    shown = [{name: plain(row[name]) for name in names} | {"accepts": row["id"] in accepted} for row in rows]
    given = recordset(shown, "given", **columns, accepts=Boolean())
    values: dict[Any, Any] = {name: given.c[name] for name in names[2:]}
    # A person who resolves a warning about the limit accepts what is owed.
    owed = select(CreditAccount.balance).where(CreditAccount.customer_id == given.c.customer_id).scalar_subquery()
    values["accepted"] = case((given.c.accepts & (_ROW.subject == "limit"), owed), else_=_ROW.accepted)
    mine = (_ROW.customer_id == given.c.customer_id, _ROW.id == given.c.id)
    return update(WarningRow).where(*mine).values(values)


def _noted(tx: Tx, steps: Iterable[tuple[Mapping[str, Any], Step]]) -> Insert:
    columns: dict[str, TypeEngine[Any]] = {
        "customer_id": Uuid(), "id": Uuid(), "warning_id": Uuid(), "version": BigInteger(), "action": Text(),
        "state": Text(), "severity": Text(), "status": Text(), "note": Text(), "details": JSONB(none_as_null=True),
    }  # fmt: skip
    rows = [
        {
            "customer_id": str(warning["customer_id"]), "id": new_id_text(), "warning_id": str(warning["id"]),
            "action": step.action, "note": step.note, "details": step.details,
            **{name: warning[name] for name in ("version", "state", "severity", "status")},
        }
        for warning, step in steps
    ]  # fmt: skip
    given = recordset(rows, "given", **columns)
    same = {"at": literal(tx.now, DateTime(timezone=True)), "actor": literal(tx.caller.client_id, Uuid)}
    return insert(WarningEvent).from_select([*columns, *same], select(*given.c, *same.values()))


def _event(warning: Mapping[str, Any], step: Step) -> Event:
    data = {
        "customer_id": str(warning["customer_id"]), "kind": warning["kind"], "about": warning["subject"],
        "state": warning["state"], "severity": warning["severity"], "status": warning["status"],
        "reopened": step.action == "reopened", "action": step.action,
    }  # fmt: skip
    kind = _EVENT_OF.get(step.action, "warning.changed")
    return Event(kind, warning["customer_id"], warning["id"], warning["version"], data)
