"""Publishing: every command that changes something writes its events in its own transaction."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Insert, Text, Uuid, bindparam, insert, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from app.access.audit import AuditEntry, record
from app.core.db import Tx
from app.core.ids import new_id_text
from app.core.sql import Filled, recordset, together
from app.feed.models import OutboxEntry
from app.feed.types import EVENT_TYPES

_COLUMNS: dict[str, TypeEngine[Any]] = {
    "customer_id": Uuid(),
    "id": Uuid(),
    "type": Text(),
    "subject": Text(),
    "version": BigInteger(),
    "occurred_at": DateTime(timezone=True),
    "data": JSONB(),
}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to `subject`, a record of the customer (or of the company: `core.ids.COMPANY`).

    `version` is the subject's version after it; `data` is thin: ids, codes and numbers, never personal data.
    `occurred_at` is the transaction's time unless given.
    """

    type: str
    customer_id: uuid.UUID | str
    subject: uuid.UUID | str
    version: int | None = None
    data: dict[str, Any] = field(default_factory=dict)
    occurred_at: datetime | None = None


def _insert() -> Insert:
    given = recordset(bindparam("published_events", type_=JSONB), "published", **_COLUMNS, place=BigInteger())
    # Sorted first, then numbered: PostgreSQL computes the default of `position` above the sort.
    ordered = select(*(given.c[name] for name in _COLUMNS)).order_by(given.c.place)
    return insert(OutboxEntry).from_select(list(_COLUMNS), ordered)


# What `publish` fills, for a statement that is built once.
PUBLISH = _insert()


def publish(tx: Tx, events: Sequence[Event]) -> Filled:
    """One INSERT of all `events`, in their order, for the caller to run in `tx`.

    Run it after the subjects' rows are locked (updated, inserted, or selected FOR UPDATE): only then is the order of a
    subject's events on the feed the order of its versions. Raises ValueError for a type that `EVENT_TYPES` lacks.
    """
    _check({event.type for event in events})
    now = tx.now.isoformat()
    rows = [
        {
            "customer_id": str(event.customer_id),
            "id": new_id_text(),
            "type": event.type,
            "subject": str(event.subject),
            "version": event.version,
            "occurred_at": now if event.occurred_at is None else event.occurred_at.isoformat(),
            "data": event.data,
            "place": place,
        }
        for place, event in enumerate(events)
    ]
    return Filled(PUBLISH, {"published_events": rows})


async def announce(tx: Tx, events: Sequence[Event], entries: Sequence[AuditEntry]) -> None:
    """How most commands end: publish events, and write on the audit trail what was touched, in one statement.

    As for `publish`, the subjects' rows are locked.
    """
    await tx.execute(together(publish(tx, events), record(tx, entries)))


def publish_rows(rows: str, *types: str) -> str:
    """SQL of an INSERT that publishes what the SELECT `rows` finds: for what is only learnt in the database.

    `rows` has the columns customer_id, id, type (one of `types`), subject, version, occurred_at, data, in that order,
    of rows that the statement has locked. Raises ValueError for a type that `EVENT_TYPES` lacks.
    """
    _check(types)
    return f"INSERT INTO outbox ({', '.join(_COLUMNS)}) {rows}"


def _check(types: Iterable[str]) -> None:
    for one in types:
        if one not in EVENT_TYPES:
            raise ValueError(f"{one} is not in EVENT_TYPES")
