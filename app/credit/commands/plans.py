"""Setting, removing and copying plans and budgets: any number of customers in a fixed few statements.

New rows are inserted in the order of customers and periods, then the known ones are locked in that order.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import Executable, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from app.access.audit import AuditEntry
from app.core.batch import Status
from app.core.db import Tx
from app.core.errors import INVALID, NOT_FOUND, FieldError, Overtaken, Problem, stale
from app.core.ids import new_id
from app.core.types import AMOUNT_MAX
from app.credit.kinds import PlanKind
from app.credit.period import Period, period, scaled, spread
from app.credit.queries import plans as queries
from app.feed.outbox import Event, announce

Fields = Mapping[str, Any]
Items = Sequence[tuple[int, Fields]]
Outcomes = dict[int, tuple[Status, uuid.UUID] | Problem]
# The customer and the period.
Key = tuple[uuid.UUID, str]
# What is planned, and its phases.
Target = tuple[int, list[int] | None]
COPIED_MAX = 5000
TOO_MANY = "too_many"

_ROWS = "jsonb_to_recordset(:rows) n(customer_id uuid, id uuid, period text, starts_on date, ends_on date, planned bigint, phases bigint[])"  # noqa: E501


@dataclass(slots=True)
class _Wanted:
    """What a batch wants of one plan: by index, in order; `unit` is its period."""

    unit: Period
    targets: list[tuple[int, Target]]

    @property
    def last(self) -> Target:
        return self.targets[-1][1]


@dataclass(slots=True)
class Copied:
    """What became of copying: how many plans there were, what was done, and what is planned by them in sum."""

    found: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    planned: int = 0


@cache
def _insert(kind: PlanKind) -> Executable:
    return _with_rows(
        f"""
INSERT INTO {kind.table} (
  customer_id, id, version, planned, created_at, updated_at, starts_on, ends_on, period, phases)
SELECT n.customer_id, n.id, 1, n.planned, :now, :now, n.starts_on, n.ends_on, n.period, n.phases
FROM {_ROWS} ORDER BY n.customer_id, n.period
ON CONFLICT (customer_id, period) DO NOTHING
RETURNING customer_id, period, id
"""
    )


@cache
def _lock(kind: PlanKind) -> Executable:
    return _with_rows(
        f"""
SELECT p.customer_id, p.period, p.id, p.version, p.planned, p.phases
FROM {kind.table} p JOIN {_ROWS} ON n.customer_id = p.customer_id AND n.period = p.period
ORDER BY p.customer_id, p.period FOR NO KEY UPDATE OF p
"""
    )


@cache
def _change(kind: PlanKind) -> Executable:
    return _with_rows(
        f"""
UPDATE {kind.table} p SET planned = n.planned, phases = n.phases, version = p.version + 1, updated_at = :now
FROM {_ROWS} WHERE p.customer_id = n.customer_id AND p.period = n.period
"""
    )


def _with_rows(sql: str) -> Executable:
    return text(sql).bindparams(bindparam("rows", type_=JSONB))


async def put_plans(tx: Tx, kind: PlanKind, items: Items, currency: str) -> Outcomes:
    """Set plans of many customers (`customer_id`, `period` and the fields of a PlanIn); what became of each, by index.

    Of a period that stands in it twice the last counts.
    """
    outcomes: Outcomes = {}
    wanted: dict[Key, _Wanted] = {}
    for index, item in items:
        unit = _period(item["period"])
        try:
            target = _target(unit, item, currency)
        except Problem as problem:
            outcomes[index] = problem
            continue
        wanted.setdefault((item["customer_id"], unit.text), _Wanted(unit, [])).targets.append((index, target))
    held = await queries.hold_customers(tx, {customer for customer, _ in wanted})
    for key in [key for key in wanted if key[0] not in held]:
        outcomes |= {index: Problem(NOT_FOUND) for index, _ in wanted.pop(key).targets}
    if not wanted:
        return outcomes
    made = await _inserted(tx, kind, wanted)
    stored = await _locked(tx, kind, {key: one for key, one in wanted.items() if key not in made})
    events: list[Event] = []
    entries: list[AuditEntry] = []
    changed: dict[Key, _Wanted] = {}
    for key, one in wanted.items():
        row = stored.get(key)
        plan_id: uuid.UUID = made[key] if row is None else row.id
        before = None if row is None else (row.planned, row.phases)
        outcomes |= _statuses(before, one.targets, plan_id)
        if before != one.last:
            verb, version = ("create", 1) if row is None else ("update", row.version + 1)
            if row is not None:
                changed[key] = one
            events.append(Event(kind.updated, key[0], plan_id, version, {"period": key[1]}))
            entries.append(AuditEntry(f"{kind.name}.{verb}", kind.name, plan_id, key[0], ("planned", "phases")))
    if changed:
        await tx.execute(_change(kind), {"rows": _rows(changed), "now": tx.now})
    if events:
        await announce(tx, events, entries)
    return outcomes


async def put_plan(
    tx: Tx, kind: PlanKind, customer_id: uuid.UUID, given: Fields, version: int | None, currency: str
) -> bool:
    """Set one plan; whether it is new. `version` is the one that was read, None for whichever there is.

    Raises Problem: no such customer, values that do not fit the period, another version.
    """
    item = {**given, "customer_id": customer_id}
    if version is not None:
        held = await queries.hold_customers(tx, [customer_id])
        key = (customer_id, given["period"])
        stored = await _locked(tx, kind, {key: _Wanted(_period(given["period"]), [(0, (0, None))])}, missing=True)
        current = stored[key].version if key in stored else 0
        if held and current != version:
            raise stale(current)
    outcome = (await put_plans(tx, kind, [(0, item)], currency))[0]
    if isinstance(outcome, Problem):
        raise outcome
    return outcome[0] == "created"


async def drop_plan(tx: Tx, kind: PlanKind, customer_id: uuid.UUID, unit: str, version: int) -> None:
    """Remove version `version` of a plan. Raises Problem: no such customer or plan, another version."""
    held = await queries.hold_customers(tx, [customer_id])
    key = (customer_id, unit)
    stored = await _locked(tx, kind, {key: _Wanted(_period(unit), [(0, (0, None))])}, missing=True) if held else {}
    if key not in stored:
        raise Problem(NOT_FOUND)
    row = stored[key]
    if row.version != version:
        raise stale(row.version)
    gone = text(f"DELETE FROM {kind.table} WHERE customer_id = :customer AND id = :id")
    await tx.execute(gone, {"customer": customer_id, "id": row.id})
    event = Event(kind.updated, customer_id, row.id, version + 1, {"period": unit, "removed": True})
    await announce(tx, [event], [AuditEntry(f"{kind.name}.delete", kind.name, row.id, customer_id)])


async def copy_plans(tx: Tx, kind: PlanKind, order: Fields, currency: str) -> Copied:
    """Copy plans from one period to another, times a factor, as a PlanCopy says; a dry run writes nothing.

    Raises Problem: the periods are not of one length, or too many customers are meant.
    """
    source, target = _period(order["from_period"]), _period(order["to_period"])
    if source.months != target.months or source == target:
        detail = "Copy from one year, quarter or month to another one."
        raise Problem(INVALID, detail, [FieldError("/to_period", "other_length", detail)])
    customers = await _meant(tx, kind, order, source.text)
    there: dict[Key, Any] = {
        (row.customer_id, row.period): row
        for row in await queries.sources(tx, kind, customers, source.text, target.text)
    }
    copied, items = Copied(), []
    for customer in sorted({customer for customer, unit in there if unit == source.text}):
        plan, old = there[customer, source.text], there.get((customer, target.text))
        planned, phases = scaled(plan.planned, plan.phases, order["factor"])
        copied.found += 1
        if old is not None and not order["replace"]:
            copied.skipped += 1
            continue
        if planned > AMOUNT_MAX:
            detail = "Multiplied by this, one of the plans is too large."
            raise Problem(INVALID, detail, [FieldError("/factor", "too_large", detail)])
        copied.planned += planned
        same = old is not None and (old.planned, old.phases) == (planned, phases)
        name = "created" if old is None else "unchanged" if same else "updated"
        setattr(copied, name, getattr(copied, name) + 1)
        items.append({"customer_id": customer, "period": target.text, "planned": planned, "monthly_amounts": phases})
    if items and not order["dry_run"]:
        done = await put_plans(tx, kind, list(enumerate(items)), currency)
        new = sum(1 for one in done.values() if not isinstance(one, Problem) and one[0] == "created")
        if new != copied.created:
            # Somebody has set a plan meanwhile, which a copy may not replace.
            raise Overtaken
    return copied


async def _meant(tx: Tx, kind: PlanKind, order: Fields, source: str) -> list[uuid.UUID]:
    if order["customer_ids"] is not None:
        return sorted(await queries.hold_customers(tx, order["customer_ids"]))
    column = "account_manager" if order["account_manager"] is not None else "home_store"
    found = await queries.whose(tx, column, order[column], kind, source, COPIED_MAX + 1)
    if len(found) > COPIED_MAX:
        detail = f"These are the plans of more than {COPIED_MAX} customers: name some of them at a time."
        raise Problem(INVALID, detail, [FieldError(f"/{column}", TOO_MANY, detail)])
    return sorted(await queries.hold_customers(tx, found))


def _period(text_of: str) -> Period:
    found = period(text_of)
    assert found is not None  # noqa: S101  the wire type has read it
    return found


def _target(unit: Period, item: Fields, currency: str) -> Target:
    """What is to be planned. Raises Problem: the months do not fit the period, or not the amount."""
    if item.get("currency") not in {None, currency}:
        raise _refused("currency", "other_currency", f"Plans are in {currency}.")
    amounts, shares = item.get("monthly_amounts"), item.get("monthly_shares")
    name = "monthly_amounts" if amounts is not None else "monthly_shares"
    given = amounts if amounts is not None else shares
    if given is None:
        return item["planned"], None
    if len(given) != unit.months:
        raise _refused(name, "other_length", f"The period has {unit.months} months: give one value for each.")
    if amounts is not None and sum(amounts) != item["planned"]:
        raise _refused(name, "other_sum", "The months do not sum to what is planned.")
    if shares is not None and sum(shares, Decimal(0)) != 1:
        raise _refused(name, "other_sum", "The shares of the months do not sum to 1.")
    return item["planned"], list(amounts) if amounts is not None else spread(item["planned"], given)


def _refused(name: str, code: str, detail: str) -> Problem:
    return Problem(INVALID, detail, [FieldError(f"/{name}", code, detail)])


def _rows(wanted: Mapping[Key, _Wanted]) -> list[dict[str, Any]]:
    return [
        {
            "customer_id": str(customer), "id": str(new_id()), "period": unit,
            "starts_on": one.unit.first.isoformat(), "ends_on": one.unit.last.isoformat(),
            "planned": one.last[0], "phases": one.last[1],
        }
        for (customer, unit), one in wanted.items()
    ]  # fmt: skip


async def _inserted(tx: Tx, kind: PlanKind, wanted: Mapping[Key, _Wanted]) -> dict[Key, uuid.UUID]:
    rows = await tx.rows(_insert(kind), {"rows": _rows(wanted), "now": tx.now})
    return {(row.customer_id, row.period): row.id for row in rows}


async def _locked(tx: Tx, kind: PlanKind, wanted: Mapping[Key, _Wanted], *, missing: bool = False) -> dict[Key, Any]:
    """The rows that are there already, locked. Raises Overtaken: one has gone meanwhile."""
    if not wanted:
        return {}
    rows = await tx.rows(_lock(kind), {"rows": _rows(wanted)})
    found = {(row.customer_id, row.period): row for row in rows}
    if len(found) < len(wanted) and not missing:
        raise Overtaken
    return found


def _statuses(before: Target | None, targets: Sequence[tuple[int, Target]], plan_id: uuid.UUID) -> Outcomes:
    """What each item of a batch did to its plan, one after the other."""
    found: Outcomes = {}
    for index, target in targets:
        status: Status = "created" if before is None else "duplicate" if before == target else "updated"
        found[index] = (status, plan_id)
        before = target
    return found
