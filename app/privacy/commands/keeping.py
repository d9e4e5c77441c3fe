"""What is left to do after an erasure: statistics that quote nobody, and what was kept until its time."""

from datetime import date
from typing import Any

from sqlalchemy import ARRAY, Uuid, any_, cast, func, literal, text, update
from sqlalchemy.dialects.postgresql import JSONB

from app.core.db import Tx
from app.core.tables import Base
from app.core.types import rfc3339
from app.privacy import queries
from app.privacy.commands.erasing import Office, forget, lock
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


async def let_go(tx: Tx, office: Office) -> int:
    """Erase what was kept of some erased customers and may go by now. Returns of how many."""
    today = office.settings.company.today(tx.now)
    due = await queries.due(tx, today, AT_ONCE)
    for row in due:
        kept = row.record["kept"]
        held = {one["rule"]: date.fromisoformat(one["until"]) for one in kept if one["until"] is not None}
        left = {rule: day for rule, day in held.items() if day > today}
        ids = sorted((await lock(tx, [row.customer_id, *row.also]))[0])
        endless = {one["rule"] for one in kept if one["until"] is None}
        counts = await forget(tx, office.persons, ids, left.keys() | endless) if ids else {}
        gone = {one for entry in row.later for one in entry["record"]["rules"]}
        record: dict[str, Any] = {
            "id": str(row.id), "at": rfc3339(tx.now), "rules": sorted(held.keys() - left.keys() - gone),
            "erased": counts,
        }  # fmt: skip
        signed = {
            "record": record,
            "signature": office.signer.sign(record),
            "public_key": office.signer.public_key,
        }
        values = {
            "kept_until": min(left.values(), default=None),
            "later": func.coalesce(Erasure.later, cast([], JSONB)).op("||")(cast([signed], JSONB)),
            "settled_at": None,
        }
        await tx.execute(update(Erasure).where(Erasure.id == row.id).values(**values))
    return len(due)
