"""Idempotency-Key: one request, one effect. The key's row commits with the work it stands for."""

import hashlib
import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    DateTime,
    LargeBinary,
    Uuid,
    any_,
    delete,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.caller import Caller
from app.core.errors import (
    ANSWER_ERASED,
    BAD_REQUEST,
    KEY_REUSED,
    REQUEST_RUNNING,
    RETRY_SOON,
    Problem,
    database_error,
)
from app.core.models import IdempotencyKey
from app.core.reply import Reply

KEPT = timedelta(days=7)
KEY_MAX = 255
FORGOTTEN_AT_ONCE = 10_000
# How the answer to a batch begins.
_BATCH = b'{"results":'
_LOCK_NOT_AVAILABLE = "55P03"


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The client's key and what it was sent with: method, path and body, as one digest."""

    key: str
    fingerprint: bytes

    @classmethod
    def of(cls, key: str, method: str, target: str, body: bytes) -> "RequestKey":
        """The key of a request. Raises Problem if the key is not 1 to 255 visible ASCII characters."""
        if not 1 <= len(key) <= KEY_MAX or not all(0x21 <= ord(char) < 0x7F for char in key):  # noqa: PLR2004
            raise Problem(BAD_REQUEST, "Idempotency-Key must be 1 to 255 visible ASCII characters.")
        digest = hashlib.sha256(f"{method} {target}\n".encode())
        digest.update(body)
        return cls(key, digest.digest())


async def claim(connection: AsyncConnection, caller: Caller, key: RequestKey, now: datetime) -> Reply | None:
    """Take the key for this transaction, or answer what was stored under it.

    Waits (bounded by the lock time limit) for a running request with the same key. Raises Problem: still running, or
    the key belongs to another request.
    """
    row = insert(IdempotencyKey).values(
        client_id=caller.client_id, key=key.key, fingerprint=key.fingerprint, created_at=now
    )
    try:
        claimed = await connection.execute(row.on_conflict_do_nothing().returning(IdempotencyKey.client_id))
    except DBAPIError as error:
        if (database_error(error) or ("", ""))[0] == _LOCK_NOT_AVAILABLE:
            raise Problem(REQUEST_RUNNING, headers=dict(RETRY_SOON)) from error
        raise
    if claimed.first() is not None:
        return None
    found = (await connection.execute(_stored(caller.client_id, key.key))).one()
    if found.fingerprint != key.fingerprint:
        raise Problem(KEY_REUSED, "This key was sent before with another method, path or body.")
    replayed = {"Idempotency-Replayed": "true"}
    if found.status == ANSWER_ERASED.status:
        raise Problem(ANSWER_ERASED, "The request took effect; what it answered is gone.", headers=replayed)
    return Reply(found.status, bytes(found.body), {**found.headers, **replayed})


async def store(connection: AsyncConnection, caller: Caller, key: RequestKey, reply: Reply) -> None:
    """Keep the answer beside the key, in the transaction of the work."""
    await connection.execute(
        update(IdempotencyKey)
        .where(IdempotencyKey.client_id == caller.client_id, IdempotencyKey.key == key.key)
        .values(status=reply.status, headers=reply.headers, body=reply.body)
    )


async def find(connection: AsyncConnection, client_id: uuid.UUID, key: str) -> Any:
    """The stored request (status, headers, body, created_at) or None."""
    return (await connection.execute(_stored(client_id, key))).first()


async def erase(
    connection: AsyncConnection,
    moments: Sequence[tuple[uuid.UUID, uuid.UUID, datetime]],
    customers: Sequence[uuid.UUID],
    now: datetime,
) -> Counter[uuid.UUID]:
    """Erase stored answers that speak of customers; their keys stay, so that a repeat does not do the work again.

    `moments` are (customer, client, time) of transactions that touched a record of theirs; other answers are found by
    the customers' ids in them. An answer to a batch holds ids and problems alone, and stays. Returns how many went, by
    customer; one that speaks of several counts for the first, in the order given.
    """
    row = IdempotencyKey
    touching: dict[tuple[uuid.UUID, datetime], set[uuid.UUID]] = defaultdict(set)
    for customer, client, at in moments:
        touching[client, at].add(customer)
    clients, times = [one[0] for one in touching], [one[1] for one in touching]
    given = (
        func.unnest(literal(clients, ARRAY(Uuid)), literal(times, ARRAY(DateTime(timezone=True))))
        .table_valued("client_id", "at", name="moment")
        .render_derived()
    )
    touched = tuple_(row.client_id, row.created_at).in_(select(given.c.client_id, given.c.at))
    named = row.body.op("LIKE")(any_(literal([b"%%%s%%" % str(one).encode() for one in customers], ARRAY(LargeBinary))))
    found = (
        update(row)
        .where(row.created_at >= now - KEPT, row.body.is_not(None), or_(touched, named))
        .where(func.substr(row.body, 1, len(_BATCH)) != _BATCH)
        .values(status=ANSWER_ERASED.status, headers={}, body=None)
        .returning(row.client_id, row.created_at, literal_column("old.body", LargeBinary))
    )
    gone: Counter[uuid.UUID] = Counter()
    for client, at, body in (await connection.execute(found)).all():
        spoken_of = touching.get((client, at), ())
        gone[next(one for one in customers if one in spoken_of or str(one).encode() in body)] += 1
    return gone


async def forget_old(connection: AsyncConnection, now: datetime, limit: int = FORGOTTEN_AT_ONCE) -> int:
    """Delete up to `limit` keys older than seven days, the oldest first. Returns how many.

    Bounded, because millions in one statement would outlast its time limit, and so stay for ever.
    """
    old = select(IdempotencyKey.client_id, IdempotencyKey.key).where(IdempotencyKey.created_at < now - KEPT)
    oldest = old.order_by(IdempotencyKey.created_at).limit(limit).subquery()
    same = (IdempotencyKey.client_id == oldest.c.client_id) & (IdempotencyKey.key == oldest.c.key)
    found = await connection.execute(delete(IdempotencyKey).where(same).returning(IdempotencyKey.created_at))
    return len(found.all())


def _stored(client_id: uuid.UUID, key: str) -> Any:
    columns = (
        IdempotencyKey.fingerprint, IdempotencyKey.status, IdempotencyKey.headers, IdempotencyKey.body,
        IdempotencyKey.created_at,
    )  # fmt: skip
    return select(*columns).where(IdempotencyKey.client_id == client_id, IdempotencyKey.key == key)
