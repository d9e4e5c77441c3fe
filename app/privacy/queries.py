"""Every SELECT of privacy."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, Text, Uuid, and_, any_, cast, literal, or_, select, union
from sqlalchemy.dialects.postgresql import JSON

from app.access.audit import first_id
from app.access.models import AuditRow
from app.core import rights
from app.core.caller import SYSTEM
from app.core.db import Database, Tx
from app.core.documents import json_object, json_time
from app.core.errors import NOT_FOUND, Problem
from app.core.idempotency import KEPT
from app.customers.queries.merges import absent
from app.customers.queries.person import same_person, stands
from app.feed.queries import here
from app.privacy.models import Erasure, ErasureState
from app.receipts.models import Receipt

_ROW = Erasure.__table__.c
_DOCUMENT = cast(
    json_object(
        id=_ROW.id, customer_id=_ROW.customer_id, erased_at=json_time(_ROW.erased_at),
        replayed_at=json_time(_ROW.replayed_at), settled_at=json_time(_ROW.settled_at), kept_until=_ROW.kept_until,
        record=cast(_ROW.record, JSON), signature=_ROW.signature, public_key=_ROW.public_key,
        later=cast(_ROW.later, JSON),
    ),
    Text,
)  # fmt: skip


async def present(tx: Tx, customer: uuid.UUID) -> None:
    """Raise the problem that tells why there is no such customer for this caller, if there is none."""
    if await stands(tx, customer) is None:
        raise await absent(tx, customer) or Problem(NOT_FOUND)


async def everything(
    tx: Tx, persons: Sequence[rights.Person], customer: uuid.UUID
) -> tuple[list[uuid.UUID], dict[str, str]]:
    """(the ids of this person, section -> JSON list) of all that the rooms hold; a statement a room and one more."""
    ids = await same_person(tx, [customer])
    sections: dict[str, str] = {}
    for person in persons:
        sections |= await person.export(tx, ids)
    return ids, sections


async def document(tx: Tx, erasure: uuid.UUID) -> str | None:
    """The JSON of an erasure."""
    found: str | None = await tx.scalar(select(_DOCUMENT).where(Erasure.id == erasure))
    return found


async def of_customer(tx: Tx, customer: uuid.UUID) -> str | None:
    """The JSON of the erasure of a customer, or of the one that it was merged into."""
    named = or_(Erasure.customer_id == customer, Erasure.also.op("@>")(cast([customer], ARRAY(Uuid))))
    found: str | None = await tx.scalar(select(_DOCUMENT).where(named))
    return found


async def page(tx: Tx, *, after: uuid.UUID | None, limit: int) -> list[tuple[uuid.UUID, str]]:
    """Up to `limit` (id, JSON) of erasures after an id, the oldest first."""
    statement = select(Erasure.id, _DOCUMENT).order_by(Erasure.id).limit(limit)
    if after is not None:
        statement = statement.where(Erasure.id > after)
    return [(row[0], row[1]) for row in await tx.page(statement)]


async def public_keys(tx: Tx) -> list[str]:
    """Every key that a kept record was signed with."""
    return [row[0] for row in await tx.rows(select(Erasure.public_key).distinct())]


async def moments(tx: Tx, customers: Sequence[uuid.UUID]) -> list[tuple[uuid.UUID, uuid.UUID, datetime]]:
    """(customer, client, time) of transactions that touched their records in the days that stored answers are kept.

    A receipt may have been another's then, so it is found by itself too.
    """
    mine = any_(literal(list(customers), ARRAY(Uuid)))
    since = AuditRow.id >= first_id(tx.now - KEPT - timedelta(days=1))
    own = select(AuditRow.customer_id, AuditRow.client_id, AuditRow.at).where(since, AuditRow.customer_id == mine)
    receipts = select(Receipt.customer_id, AuditRow.client_id, AuditRow.at)
    # No receipt is its own customer; said, since the index on records leaves out what is.
    theirs = and_(AuditRow.record_id == Receipt.id, AuditRow.record_id != AuditRow.customer_id)
    receipts = receipts.join(AuditRow, theirs).where(since, Receipt.customer_id == mine)
    return [(row[0], row[1], row[2]) for row in await tx.rows(union(own, receipts))]


async def due(tx: Tx, today: date, limit: int) -> list[Any]:
    """Up to `limit` erasures of which something that was kept may go now, locked."""
    statement = select(*_ROW).where(Erasure.kept_until <= today).order_by(Erasure.kept_until, Erasure.id).limit(limit)
    return await tx.rows(statement.with_for_update(skip_locked=True))


async def known(tx: Tx, ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these erasures are on record here."""
    wanted = Erasure.id == any_(literal(list(ids), ARRAY(Uuid)))
    return {row[0] for row in await tx.rows(select(Erasure.id).where(wanted))}


async def restored(tx: Tx) -> bool:
    """Whether this is not the database in which the list of erasures was last complete."""
    found: bool | None = await tx.scalar(select(ErasureState.cluster != here()).where(ErasureState.id == 1))
    return bool(found)


async def unsettled(tx: Tx, limit: int) -> dict[uuid.UUID, set[str]]:
    """Erasures after which the planner's statistics were not made anew, with the tables that they touched."""
    statement = select(Erasure.id, Erasure.record["erased"].label("erased"), Erasure.later)
    rows = await tx.rows(statement.where(Erasure.settled_at.is_(None)).order_by(Erasure.id).limit(limit))
    return {row.id: {*row.erased, *(one for each in row.later for one in each["record"]["erased"])} for row in rows}


async def probe(db: Database) -> dict[str, Any]:
    """What erasures add to `/readyz`: whether the list must be replayed, since the database was restored."""
    return {"erasures_to_replay": await db.read(SYSTEM, restored)}
