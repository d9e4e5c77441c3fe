"""Keeping what names are found by: rewritten whenever a name changes, in the transaction that changes it."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, CTE, Boolean, Insert, Text, Uuid, any_, bindparam, delete, literal, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.types import TypeEngine

from app.core.db import Tx
from app.core.sql import Filled, recordset
from app.customers.models import SearchTerm
from app.customers.terms import NAMED, terms_of

# Names read without letting others have a turn on the event loop.
PORTION = 50
_TERM: dict[str, TypeEngine[Any]] = {"kind": Text(), "term": Text(), "customer_id": Uuid(), "personal": Boolean()}


def renamed(changed: Sequence[str]) -> bool:
    """Whether a change of these fields changes what a customer is found by."""
    return any(name in changed for name in NAMED)


async def rewrite(named: Mapping[uuid.UUID, Mapping[str, Any]], *, new: bool = False) -> tuple[Filled, ...]:
    """What gives customers with these fields the terms of their names; `new` ones have none yet. Lock the others first.

    No or one statement, for `core.sql.together`.
    """
    rows: list[dict[str, Any]] = []
    for place, (customer, fields) in enumerate(sorted(named.items())):
        rows += [{**term._asdict(), "customer_id": customer} for term in terms_of(fields)]
        if place % PORTION == PORTION - 1:
            await asyncio.sleep(0)
    if not rows and (new or not named):
        return ()
    if new:
        return (Filled(_new(), {"new_terms": rows}),)
    kept, gone = _rewriting()
    return (Filled(kept, {"terms": rows, "terms_of": sorted(named)}, (gone,)),)


def _added(parameter: str) -> tuple[Any, Any]:
    given = recordset(bindparam(parameter, type_=JSONB), "term_given", **_TERM)
    ordered = select(*given.c).order_by(given.c.kind, given.c.term, given.c.customer_id)
    return insert(SearchTerm).from_select(list(_TERM), ordered), given


@cache
def _new() -> Insert:
    made: Insert = _added("new_terms")[0]
    return made


@cache
def _rewriting() -> tuple[Insert, CTE]:
    (added, given), row = _added("terms"), SearchTerm
    key = ("kind", "term", "customer_id")
    kept = added.on_conflict_do_update(
        index_elements=list(key),
        set_={"personal": added.excluded.personal},
        where=row.personal != added.excluded.personal,
    )
    stays = select(literal(1)).where(*(given.c[name] == getattr(row, name) for name in key)).exists()
    theirs = row.customer_id == any_(bindparam("terms_of", type_=ARRAY(Uuid)))
    return kept, delete(row).where(theirs, ~stays).cte("terms_gone")


async def keep_terms(tx: Tx, named: Mapping[uuid.UUID, Mapping[str, Any]]) -> None:
    """Write the terms of these customers, whose rows are locked. What is right already is not written again."""
    for statement in await rewrite(named):
        await tx.execute(statement)
