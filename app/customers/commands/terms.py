"""Keeping what names are found by: rewritten whenever a name changes, in the transaction that changes it."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, CTE, Boolean, Insert, Text, Uuid, any_, delete, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.types import TypeEngine

from app.core.db import Tx
from app.core.sql import recordset, together
from app.customers.models import SearchTerm
from app.customers.terms import NAMED, terms_of

# Names read without letting others have a turn on the event loop.
PORTION = 50
_TERM: dict[str, TypeEngine[Any]] = {"kind": Text(), "term": Text(), "customer_id": Uuid(), "personal": Boolean()}


class Rewrite(NamedTuple):
    """Parts of a statement (for `core.sql.together`) after which these customers have the terms of their names."""

    inserts: tuple[Insert, ...] = ()
    parts: tuple[CTE, ...] = ()


def renamed(changed: Sequence[str]) -> bool:
    """Whether a change of these fields changes what a customer is found by."""
    return any(name in changed for name in NAMED)


async def rewrite(named: Mapping[uuid.UUID, Mapping[str, Any]], *, new: bool = False) -> Rewrite:
    """The terms of customers with these fields; `new` ones have none yet. Lock the others first."""
    rows: list[dict[str, Any]] = []
    for place, (customer, fields) in enumerate(sorted(named.items())):
        rows += [{**term._asdict(), "customer_id": customer} for term in terms_of(fields)]
        if place % PORTION == PORTION - 1:
            await asyncio.sleep(0)
    if not rows and (new or not named):
        return Rewrite()
    given, row = recordset(rows, "term_given", **_TERM), SearchTerm
    added = insert(row).from_select(
        list(_TERM), select(*given.c).order_by(given.c.kind, given.c.term, given.c.customer_id)
    )
    if new:
        return Rewrite((added,))
    key = ("kind", "term", "customer_id")
    kept = added.on_conflict_do_update(
        index_elements=list(key),
        set_={"personal": added.excluded.personal},
        where=row.personal != added.excluded.personal,
    )
    stays = select(literal(1)).where(*(given.c[name] == getattr(row, name) for name in key)).exists()
    gone = delete(row).where(row.customer_id == any_(literal(sorted(named), ARRAY(Uuid))), ~stays).cte("terms_gone")
    return Rewrite((kept,), (gone,))


async def keep_terms(tx: Tx, named: Mapping[uuid.UUID, Mapping[str, Any]]) -> None:
    """Write the terms of these customers, whose rows are locked. What is right already is not written again."""
    made = await rewrite(named)
    if made.inserts:
        await tx.execute(together(*made.inserts, parts=made.parts))
