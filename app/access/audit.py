"""The audit trail: who did what to which record. Ids and field names only, never a value.

`record` belongs into the transaction of every write; `reads.ReadAudit` uses `seen` for reads of personal data.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import ARRAY, DateTime, Table, Text, Uuid, bindparam, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.types import TypeEngine

from app.access.models import AuditRow
from app.core.caller import Caller
from app.core.db import Tx
from app.core.ids import COMPANY, new_id_text
from app.core.sql import Filled, recordset

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TABLE = cast("Table", AuditRow.__table__)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One record that was touched. `action` is `kind.verb` (`customer.update`), `fields` the names that changed.

    `customer_id` is the customer the record belongs to; COMPANY for stores, products, keys.
    """

    action: str
    record_kind: str
    record_id: uuid.UUID | str
    customer_id: uuid.UUID | str = COMPANY
    fields: tuple[str, ...] = ()


_ROWS = bindparam("audit_rows", type_=JSONB)
_WRITTEN = recordset(
    _ROWS, "entry", customer_id=Uuid(), id=Uuid(), action=Text(), record_kind=Text(),
    record_id=Uuid(), fields=ARRAY(Text),
)  # fmt: skip
_WHO: dict[str, TypeEngine[Any]] = {
    "at": DateTime(timezone=True),
    "client_id": Uuid(),
    "key_id": Uuid(),
    "request_id": Text(),
}
_WRITES = select(*_WRITTEN.c, *(bindparam(f"audit_{name}", type_=kind).label(name) for name, kind in _WHO.items()))
_SEEN = recordset(
    _ROWS, "entry", customer_id=Uuid(), id=Uuid(), at=DateTime(timezone=True), client_id=Uuid(),
    key_id=Uuid(), request_id=Text(), action=Text(), record_kind=Text(), record_id=Uuid(), fields=ARRAY(Text),
)  # fmt: skip
_READS = select(*_SEEN.c)


# What `record` fills, for a statement that is built once.
RECORD = insert(_TABLE).from_select(_WRITES.selected_columns.keys(), _WRITES)
_SAW = insert(_TABLE).from_select(_READS.selected_columns.keys(), _READS).on_conflict_do_nothing()


def record(tx: Tx, entries: Sequence[AuditEntry]) -> Filled:
    """One statement that writes `entries` for the caller of `tx`; nothing is executed here.

    Run it in the transaction of the write, alone or through `core.sql.together`. No entries write nothing.
    """
    moment, caller = _nanoseconds(tx.now), tx.caller
    rows = [
        {
            "customer_id": entry.customer_id,
            "id": new_id_text(moment),
            "action": entry.action,
            "record_kind": entry.record_kind,
            "record_id": entry.record_id,
            "fields": entry.fields,
        }
        for entry in entries
    ]
    who = {
        "audit_at": tx.now,
        "audit_client_id": caller.client_id,
        "audit_key_id": caller.key_id,
        "audit_request_id": caller.request_id,
    }
    return Filled(RECORD, {"audit_rows": rows, **who})


def seen(rows: list[dict[str, Any]]) -> Filled:
    """One statement that writes rows of `rows_of`, of any number of callers. Repeating it is harmless."""
    return Filled(_SAW, {"audit_rows": rows})


def rows_of(caller: Caller, at: datetime, action: str, customers: Sequence[uuid.UUID]) -> list[dict[str, Any]]:
    """The rows for `seen` that say that `caller` saw these customers."""
    moment = _nanoseconds(at)
    same = {
        "at": at,
        "client_id": caller.client_id,
        "key_id": caller.key_id,
        "request_id": caller.request_id,
        "action": action,
        "record_kind": "customer",
        "fields": (),
    }
    return [{**same, "id": new_id_text(moment), "customer_id": each, "record_id": each} for each in customers]


def first_id(moment: datetime) -> uuid.UUID:
    """The lowest id that an entry of this moment can have: ids of earlier milliseconds are lower."""
    return uuid.UUID(int=max(0, _nanoseconds(moment) // 1_000_000) << 80)


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND * 1000
