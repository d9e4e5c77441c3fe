"""One record at a time: make it, change it, do something to it. The same for every kind; `kinds` says what differs."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Insert, Integer, Numeric, Text, Uuid, insert, literal, select, update
from sqlalchemy.types import TypeEngine

from app.access.audit import AuditEntry, record
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem, stale
from app.core.ids import new_id
from app.core.sql import recordset, together
from app.customers.models import Customer
from app.customers.purposes import happened
from app.customers.queries import editable, visible_to
from app.engagement import queries
from app.engagement.commands.counting import count, count_care
from app.engagement.commands.following import close_tasks
from app.engagement.due import Terms
from app.engagement.kinds import CARE, COMPLAINT, INTERACTION, SURVEY, TASK, Action, Kind
from app.engagement.models import WRONG_STATE, Step, SurveyAnswer
from app.engagement.queries.documents import table_of
from app.feed.outbox import Event, publish

Fields = Mapping[str, Any]
# The lists of a survey: how their answers are stored.
_LISTS: dict[str, tuple[str, dict[str, str]]] = {
    "dimensions": ("dimension", {"dimension": "name", "perceived": "score", "expected": "expected"}),
    "benefits": ("benefit", {"benefit": "name", "score": "score", "alternative": "alternative"}),
    "sacrifices": ("sacrifice", {"sacrifice": "name", "score": "score", "alternative": "alternative"}),
    "shares": ("share", {"category": "name", "share": "share"}),
}


async def create(tx: Tx, kind: Kind, customer_id: uuid.UUID, given: Fields, terms: Terms) -> str:
    """Make a record of a customer; its JSON, at version 1.

    Raises Problem not_found: no such customer, or one that is a walk-in, merged or erased.
    """
    table = table_of(kind)
    row = _new_row(tx, kind, customer_id, given, terms)
    values = [literal(row[column.name], column.type) for column in table.c]
    # Held until the end: nobody merges the customer while it gets a record.
    customer = (
        select(*values).select_from(Customer).where(Customer.id == customer_id, editable(), visible_to(tx.caller))
    )
    made = insert(table).from_select([column.name for column in table.c], customer.with_for_update(read=True))
    shown = queries.document(kind, tx.caller.field_groups)
    document = await tx.scalar(made.returning(table.c.id if kind is SURVEY else shown))
    if document is None:
        raise Problem(NOT_FOUND)
    filled = (name for name, value in given.items() if value not in (None, []))
    event = Event(kind.created, customer_id, row["id"], 1, _thin(kind, row))
    entry = AuditEntry(f"{kind.name}.create", kind.name, row["id"], customer_id, _told(kind, filled))
    parts = [publish(tx, [event]), record(tx, [entry])]
    if kind is SURVEY:
        await tx.execute(together(*parts, _answers(customer_id, row["id"], given)))
        document = (await queries.one(tx, kind, customer_id, row["id"]) or ("",))[0]
    else:
        await tx.execute(together(*parts))
    if kind is INTERACTION:
        await count(tx, None, row)
    return str(document)


def _new_row(tx: Tx, kind: Kind, customer_id: uuid.UUID, given: Fields, terms: Terms) -> dict[str, Any]:
    occurred_at = happened(given.get("occurred_at"), tx.now, "/occurred_at")
    row: dict[str, Any] = dict.fromkeys(column.name for column in table_of(kind).c)
    row |= {name: value for name, value in given.items() if name in row}
    row |= {
        "customer_id": customer_id, "id": given.get("id") or new_id(), "recorded_by": tx.caller.client_id,
        "version": 1, "occurred_at": occurred_at, "occurred_on": terms.company.today(occurred_at),
        "created_at": tx.now, "updated_at": tx.now,
    }  # fmt: skip
    if kind.state is not None:
        row[kind.state] = kind.live[0]
    if kind is COMPLAINT:
        row["reopened"] = 0
        row["due_at"] = row["due_at"] or terms.complaint_due(row["severity"], tx.now)
    if "task_at" in row:
        row["task_at"] = terms.task_at(kind, row, tx.now)
    return row


def _answers(customer_id: uuid.UUID, survey_id: uuid.UUID, given: Fields) -> Insert:
    rows = [
        {"kind": sort, **{stored: answer.get(name) for name, stored in names.items()}}
        for listed, (sort, names) in _LISTS.items()
        for answer in given.get(listed, ())
    ]
    columns: dict[str, TypeEngine[Any]] = {
        "kind": Text(), "name": Text(), "score": Integer(), "expected": Integer(), "alternative": Integer(),
        "share": Numeric(),
    }  # fmt: skip
    answer = recordset(rows, "answer", **columns)
    whose = (literal(customer_id, Uuid), literal(survey_id, Uuid))
    return insert(SurveyAnswer).from_select(["customer_id", "survey_id", *columns], select(*whose, *answer.c))


async def change(
    tx: Tx, kind: Kind, customer_id: uuid.UUID, record_id: uuid.UUID, given: Fields, version: int, terms: Terms
) -> tuple[str, int]:
    """Apply a JSON merge patch to version `version`; (JSON, version) after it. What is the same makes no new version.

    Raises Problem: no such record, another version.
    """
    if given.get("informed_at") is not None:
        given = {**given, "informed_at": happened(given["informed_at"], tx.now, "/informed_at")}
    before = await _held(tx, kind, customer_id, record_id, version)
    changed = {name: value for name, value in given.items() if before[name] != value}
    if not changed:
        return await _shown(tx, kind, before)
    if kind.due in changed:
        changed["task_at"] = terms.task_at(kind, {**before, **changed}, tx.now)
        await close_tasks(tx, before["customer_id"], record_id, "cancelled")
    document = await _update(tx, kind, before, changed)
    event = Event(kind.updated, customer_id, record_id, version + 1, _thin(kind, before))
    await _announce(tx, kind, before, event, "update", _told(kind, changed))
    if kind is INTERACTION:
        await count(tx, before, {**before, **changed})
    return document, version + 1


async def act(
    tx: Tx, kind: Kind, action: Action, customer_id: uuid.UUID | None, record_id: uuid.UUID, given: Fields,
    version: int | None, terms: Terms,
) -> tuple[str, int]:  # fmt: skip
    """Do something to a record, with what is said about it; (JSON, version) after it. A `note` goes into its history.

    `version` is the one that was read, None to act on whichever there is. Raises Problem: no such record, another
    version, or it is not in a state in which this can be done.
    """
    assert kind.state is not None  # noqa: S101  only records with a life have actions
    before = await _held(tx, kind, customer_id, record_id, version)
    state = before[kind.state]
    if state not in action.sources:
        raise Problem(WRONG_STATE, f"The {kind.name} is {state.replace('_', ' ')}.", extra={"state": state})
    changed: dict[str, Any] = {name: value for name, value in given.items() if name != "note"}
    changed |= {kind.state: action.target, **dict.fromkeys(action.clears)}
    if action.counts is not None:
        changed[action.counts] = before[action.counts] + 1
    changed |= _closing(tx, kind, action, state)
    if kind is COMPLAINT and action.target == "open" and "due_at" not in changed:
        changed["due_at"] = terms.complaint_due(before["severity"], tx.now)
    if kind is TASK:
        # Whom somebody has chosen stays.
        changed |= {"by_manager": False} if "owner" in changed else {}
    if "task_at" in before and (action.target not in kind.live or kind.due in changed):
        changed["task_at"] = terms.task_at(kind, {**before, **changed}, tx.now)
    if "task_at" in before and action.target not in kind.live:
        status = "cancelled" if action.target == "cancelled" else "done"
        await close_tasks(tx, before["customer_id"], record_id, status)
    document = await _update(tx, kind, before, changed)
    customer, after = before["customer_id"], before["version"] + 1
    step = insert(Step).values(
        customer_id=customer, id=new_id(), record_id=record_id, actor=tx.caller.client_id, at=tx.now, version=after,
        kind=kind.name, action=action.verb, state=action.target, details=dict(given),
    )  # fmt: skip
    event = Event(action.event, customer, record_id, after, _thin(kind, {**before, **changed}))
    await _announce(tx, kind, before, event, action.verb, _told(kind, changed), step)
    if kind is CARE and action.target == "done":
        await count_care(tx, before)
    return document, after


def _closing(tx: Tx, kind: Kind, action: Action, state: str) -> Fields:
    if action.target in kind.live:
        return {"closed_at": None, "closed_by": None} if state not in kind.live else {}
    return {"closed_at": tx.now, "closed_by": tx.caller.client_id}


async def _held(tx: Tx, kind: Kind, customer_id: uuid.UUID | None, record_id: uuid.UUID, version: int | None) -> Fields:
    before = await queries.held(tx, kind, customer_id, record_id)
    if before is None:
        raise Problem(NOT_FOUND)
    if version is not None and before["version"] != version:
        raise stale(before["version"])
    return before


async def _shown(tx: Tx, kind: Kind, row: Fields) -> tuple[str, int]:
    table = table_of(kind)
    mine = (table.c.customer_id == row["customer_id"], table.c.id == row["id"])
    shown = await tx.scalar(select(queries.document(kind, tx.caller.field_groups)).where(*mine))
    return str(shown), row["version"]


async def _update(tx: Tx, kind: Kind, before: Fields, changed: Fields) -> str:
    table = table_of(kind)
    mine = (table.c.customer_id == before["customer_id"], table.c.id == before["id"])
    values = {**changed, "version": before["version"] + 1, "updated_at": tx.now}
    written = update(table).where(*mine).values(**values).returning(queries.document(kind, tx.caller.field_groups))
    return str(await tx.scalar(written))


async def _announce(
    tx: Tx, kind: Kind, row: Fields, event: Event, verb: str, fields: tuple[str, ...], *more: Insert
) -> None:
    entry = AuditEntry(f"{kind.name}.{verb}", kind.name, row["id"], row["customer_id"], fields)
    await tx.execute(together(publish(tx, [event]), record(tx, [entry]), *more))


def _thin(kind: Kind, row: Fields) -> dict[str, Any]:
    """What an event tells besides the ids: the state, where there is one."""
    return {} if kind.state is None else {kind.state: row[kind.state]}


def _told(kind: Kind, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if name not in kind.hidden))
