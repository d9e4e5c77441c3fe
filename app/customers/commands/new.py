"""Customers that come into being on the side: with their first receipt, and the walk-in of a store.

Everything is set-based. Identifiers are claimed first, in the order of (kind, value), and a customer is inserted only
if it has won all of its own, in the same statement: two tills that meet the same new card at the same time agree on
one customer (the second waits for the first), and no customer is left without what it was created for.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Boolean, Integer, Select, Text, Uuid, bindparam, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.types import TypeEngine

from app.access.audit import AuditEntry, record
from app.core.db import Tx
from app.core.errors import BUSY, RETRY_SOON, Problem
from app.core.ids import new_id, new_id_text
from app.core.sql import NOW, ROWS, Filled, recordset
from app.customers import queries
from app.customers.commands.rows import drop
from app.customers.identifiers import WALK_IN, Identifier
from app.customers.models import Customer, IdentifierRow
from app.customers.provenance import origin
from app.customers.suspect import made_up_identifier
from app.feed.outbox import Event

Key = tuple[str, str]
ATTEMPTS = 4

_CLAIM: dict[str, TypeEngine[Any]] = {
    "kind": Text(), "value": Text(), "customer_id": Uuid(), "id": Uuid(), "typed": Text(), "exclusive": Boolean(),
    "is_primary": Boolean(), "suspect": Boolean(), "store": Text(),
}  # fmt: skip
_NEW: dict[str, TypeEngine[Any]] = {
    "id": Uuid(),
    "kind": Text(),
    "home_store": Text(),
    "source": Text(),
    "wanted": Integer(),
}


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """A customer of whom no more is known than what identifies it. `home_store` must exist."""

    id: uuid.UUID
    identifiers: tuple[Identifier, ...]
    home_store: str | None = None
    source: str | None = None
    kind: str = "person"


@dataclass(frozen=True, slots=True)
class Created:
    """`holders`: whose each identifier is now, ours or somebody's who was faster. `made`: the customers created."""

    holders: dict[Key, uuid.UUID]
    made: tuple[uuid.UUID, ...]


async def create_many(tx: Tx, new: Sequence[NewCustomer]) -> Created:
    """Create these customers, except those of whose identifiers somebody else holds one.

    One statement when nobody was faster. It writes no events: see `announced`. A phone or e-mail is claimed as well,
    against other calls of this function: look for holders first, since people may share one. Two entries of `new` must
    not name the same identifier. Raises Problem `busy` if others keep taking and dropping the same identifiers.
    """
    holders: dict[Key, uuid.UUID] = {}
    made: set[uuid.UUID] = set()
    waiting = list(new)
    for _ in range(ATTEMPTS):
        if not waiting:
            return Created(holders, tuple(sorted(made)))
        won = await tx.rows(_claim(tx, waiting))
        made |= {row.customer_id for row in won if row.made}
        await drop(tx, [(row.kind, row.value, row.customer_id) for row in won if not row.made])
        late = [one for one in waiting if one.id not in made]
        found = await queries.holders(tx, [key.key for one in late for key in one.identifiers]) if late else {}
        for one in waiting:
            others = [found[identifier.key][0] for identifier in one.identifiers if identifier.key in found]
            owner = one.id if one.id in made else others[0] if others else None
            if owner is not None:
                holders.update({identifier.key: owner for identifier in one.identifiers})
        waiting = [one for one in late if one.identifiers[0].key not in holders]
    raise Problem(BUSY, headers=dict(RETRY_SOON))


def announced(made: Iterable[uuid.UUID]) -> tuple[list[Event], list[AuditEntry]]:
    """Events and audit entries of customers that `create_many` has created."""
    ids = list(made)
    events = [Event("customer.created", one, one, 1) for one in ids]
    return events, [AuditEntry("customer.create", "customer", one, one) for one in ids]


async def ensure_walk_ins(tx: Tx, stores: Iterable[str]) -> dict[str, uuid.UUID]:
    """The walk-in customer of each store, created if need be; the stores must exist."""
    codes = sorted(set(stores))
    found = await queries.holders(tx, [(WALK_IN, code) for code in codes])
    walk_ins = {code: found[WALK_IN, code][0] for code in codes if (WALK_IN, code) in found}
    missing = [
        NewCustomer(new_id(), (Identifier(WALK_IN, code, code),), code, kind=WALK_IN)
        for code in codes
        if code not in walk_ins
    ]
    if missing:
        created = await create_many(tx, missing)
        walk_ins.update({value: owner for (_, value), owner in created.holders.items()})
        if created.made:
            await tx.execute(record(tx, announced(created.made)[1]))
    return walk_ins


def _claim(tx: Tx, new: Sequence[NewCustomer]) -> Filled:
    claims = [
        {
            "kind": identifier.kind, "value": identifier.value, "customer_id": str(one.id), "id": new_id_text(),
            "typed": identifier.typed or identifier.value, "exclusive": True, "is_primary": True,
            "suspect": made_up_identifier(*identifier.key), "store": one.home_store,
        }
        for one in new
        for identifier in one.identifiers
    ]  # fmt: skip
    rows = [
        {
            "id": str(one.id), "kind": one.kind, "home_store": one.home_store, "source": one.source,
            "wanted": len(one.identifiers),
        }
        for one in new
    ]  # fmt: skip
    source = origin(tx.caller, None)
    whence = {"claimed_through": source.channel, "claimed_by": source.collector}
    return Filled(_claiming(), {"claims": claims, "rows": rows, "now": tx.now, **whence})


@cache
def _claiming() -> Select[Any]:
    claim = recordset(bindparam("claims", type_=JSONB), "claim", **_CLAIM)
    given = recordset(ROWS, "given", **_NEW)
    whence: dict[str, Any] = {
        "channel": bindparam("claimed_through", type_=Text),
        "collector": bindparam("claimed_by", type_=Text),
        "collected_at": NOW,
    }
    claimed = select(*claim.c, *whence.values(), NOW).order_by(claim.c.kind, claim.c.value)
    won = (
        insert(IdentifierRow)
        .from_select([*_CLAIM, *whence, "created_at"], claimed)
        .on_conflict_do_nothing()
        .returning(IdentifierRow.kind, IdentifierRow.value, IdentifierRow.customer_id)
        .cte("won")
    )
    count = select(func.count()).select_from(won).where(won.c.customer_id == given.c.id).scalar_subquery()
    constants = {"status": literal("active"), "version": literal(1), "created_at": NOW, "updated_at": NOW}
    columns = ["id", "kind", "home_store", "source"]
    made = (
        insert(Customer)
        .from_select(
            [*columns, *constants],
            select(*(given.c[name] for name in columns), *constants.values()).where(count == given.c.wanted),
        )
        .returning(Customer.id)
        .cte("made")
    )
    complete = made.c.id.is_not(None).label("made")
    return select(won, complete).select_from(won.outerjoin(made, made.c.id == won.c.customer_id))
