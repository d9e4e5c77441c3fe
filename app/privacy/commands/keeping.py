"""What is left to do after an erasure: statistics that quote nobody, and what was kept until its time."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ARRAY, Date, Uuid, any_, literal, text, update
from sqlalchemy.dialects.postgresql import JSONB

from app.core.db import Tx
from app.core.rights import Gone
from app.core.sql import recordset
from app.core.tables import Base
from app.core.types import rfc3339
from app.privacy import queries
from app.privacy.commands.erasing import Office, counts, forget, kept_of, lock
from app.privacy.models import Erasure

AT_ONCE = 20

# ANALYZE leaves the statistics of a table without rows as they were.
_CLEAR = text(
    """SELECT pg_clear_attribute_stats(s.schemaname, s.tablename, s.attname, s.inherited) FROM pg_stats s
       WHERE s.schemaname = current_schema() AND s.tablename = ANY (CAST(:tables AS text[]))
         AND (SELECT t.reltuples FROM pg_class t
              WHERE t.relname = s.tablename AND t.relnamespace = current_schema()::regnamespace) = 0"""
)


async def settle(tx: Tx) -> int:
    """Let the planner learn anew what the tables of new erasures hold: its statistics quote common values and bounds.

    Returns how many erasures that was for.
    """
    found = await queries.unsettled(tx, 1000)
    if not found:
        return 0
    tables = sorted(Base.metadata.tables.keys() & set[str]().union(*found.values()))
    if tables:
        # A sample of a large table takes longer than a request may.
        await tx.execute(text("SET LOCAL statement_timeout = 0"))
        await tx.execute(text(f"ANALYZE {', '.join(tables)}"))
        await tx.execute(_CLEAR, {"tables": tables})
    mine = Erasure.id == any_(literal(list(found), ARRAY(Uuid)))
    await tx.execute(update(Erasure).where(mine).values(settled_at=tx.now))
    return len(found)


@dataclass(frozen=True, slots=True)
class _Due:
    """An erasure of which something may go: `over` are the rules that held it back, `left` those that still do."""

    id: uuid.UUID
    customers: frozenset[uuid.UUID]
    over: frozenset[str]
    left: frozenset[str]
    kept_until: date | None

    @classmethod
    def of(cls, row: Any, today: date) -> "_Due":
        kept = row.record["kept"]
        held = {one["rule"]: date.fromisoformat(one["until"]) for one in kept if one["until"] is not None}
        left = {rule: day for rule, day in held.items() if day > today}
        endless = {one["rule"] for one in kept if one["until"] is None}
        gone = {one for entry in row.later for one in entry["record"]["rules"]}
        return cls(
            row.id,
            frozenset((row.customer_id, *row.also)),
            frozenset(held.keys() - left.keys() - gone),
            frozenset(left.keys() | endless),
            min(left.values(), default=None),
        )


async def let_go(tx: Tx, office: Office) -> int:
    """Erase what was kept of some erased customers and may go by now. Returns of how many.

    A fixed few statements, however many there are.
    """
    today = office.settings.company.today(tx.now)
    due = [_Due.of(row, today) for row in await queries.due(tx, today, AT_ONCE)]
    if not due:
        return 0
    held, _ = await lock(tx, {one for each in due for one in each.customers})
    # In this order: what is of two of them counts for the erasure that is due first.
    ids = list(dict.fromkeys(one for each in due for one in sorted(each.customers & held.keys())))
    kept = kept_of([(each.customers, each.left) for each in due])
    await _note(tx, office, due, await forget(tx, office.persons, ids, kept))
    return len(due)


async def _note(tx: Tx, office: Office, due: Iterable[_Due], gone: Gone) -> None:
    rows = []
    for each in due:
        record = {
            "id": str(each.id), "at": rfc3339(tx.now), "rules": sorted(each.over),
            "erased": counts(gone, each.customers),
        }  # fmt: skip
        signed = {
            "record": record,
            "signature": office.signer.sign(record),
            "public_key": office.signer.public_key,
        }
        rows.append({"id": str(each.id), "kept_until": each.kept_until, "signed": [signed]})
    given = recordset(rows, "given", id=Uuid(), kept_until=Date(), signed=JSONB())
    values = {"kept_until": given.c.kept_until, "later": Erasure.later.op("||")(given.c.signed), "settled_at": None}
    await tx.execute(update(Erasure).where(Erasure.id == given.c.id).values(values))
