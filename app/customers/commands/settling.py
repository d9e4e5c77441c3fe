"""What becomes of a customer's duplicate candidates when it is merged, when that is undone, and when it is erased."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, DateTime, Text, Uuid, any_, delete, insert, literal, select, update
from sqlalchemy.types import TypeEngine

from app.core.db import Tx
from app.core.ids import new_id
from app.core.sql import recordset
from app.customers.models import Customer, DuplicateCandidate
from app.customers.queries import editable

# What `settle_duplicates` has changed, as JSON: ids, states and times, nothing of what people wrote.
Settled = dict[str, list[dict[str, Any]]]

_ROW = DuplicateCandidate
_KEY: dict[str, TypeEngine[Any]] = {"customer_id": Uuid(), "id": Uuid()}
# What a decision is, and what it stands on.
_DECIDED: dict[str, TypeEngine[Any]] = {
    "status": Text(), "refused": ARRAY(Text), "dismissed_for": Text(), "note": Text(), "decided_by": Uuid(),
    "decided_at": DateTime(timezone=True),
}  # fmt: skip
_UNDECIDED = {"dismissed_for": None, "note": None}


async def settle_duplicates(tx: Tx, winner: uuid.UUID, loser: uuid.UUID) -> Settled:
    """Close the pairs of a customer who is merged into another one; what was changed, for `unsettle_duplicates`.

    Call it in the merge's transaction, with both customers locked (`queries.locked`). Keep what it answers with the
    merge: it is JSON, and holds no personal data. It writes no events and no audit rows: the merge has its own.

    All pairs of the loser become `merged`. Whom somebody has dismissed as the loser's duplicate, the winner is not
    either: the winner gets that decision and its reason, unless one about the two is there already. Identifiers that
    were refused between the loser and somebody count for the winner. All else follows from the records: the worker
    judges the winner anew as soon as the feed says that it has changed (`customer.updated` or `customer.merged`).
    """
    parked = [one for one in await _pairs(tx, loser) if one.status != "merged"]
    theirs = {one.other: one for one in await _pairs(tx, winner)}
    await _set(tx, loser, [{"id": one.id, "other": one.other, "status": "merged"} for one in parked], ("status",))
    made, changed = list[dict[str, Any]](), list[tuple[Any, dict[str, Any]]]()
    for one in parked:
        held = theirs.get(one.other)
        if one.other == winner or (one.status == "open" and not one.refused):
            continue
        if held is None:
            made.append(_copied(tx, one))
        elif held.status == "open":
            decision = one if one.status == "dismissed" else held
            refused = sorted({*held.refused, *one.refused})
            changed.append((held, {**_decision(decision), "id": held.id, "other": one.other, "refused": refused}))
    await _add(tx, winner, made)
    await _set(tx, winner, [now for _, now in changed], tuple(_DECIDED))
    return {
        "parked": [_plain(one, "id", "other", "status") for one in parked],
        "made": [_plain(one, "id", "other", "decided_at") for one in made],
        "changed": [
            {**_plain(held, "id", "other", "refused", "decided_at", "decided_by"), "since": _text(now["decided_at"])}
            for held, now in changed
        ],
    }


async def unsettle_duplicates(tx: Tx, winner: uuid.UUID, loser: uuid.UUID, settled: Settled) -> None:
    """Take back what `settle_duplicates` did; `settled` is what it answered.

    Call it in the transaction that undoes the merge, when both records are again as they were, and locked. Pairs of
    the loser are what they were before the merge, but for those with a customer who was merged or erased since. What
    the winner got from the loser goes, unless somebody has decided on it since. The worker judges both anew as soon as
    the feed says that they have changed (`customer.updated` or `customer.unmerged`).
    """
    parked = {one["id"]: one for one in settled["parked"]}
    living = await _living(tx, {one["other"] for one in parked.values()})
    still = {str(one.id) for one in await _pairs(tx, loser) if one.status == "merged"}
    back = [one for key, one in parked.items() if key in still and one["other"] in living]
    await _set(tx, loser, back, ("status",))
    held = {str(one.id): one for one in await _pairs(tx, winner)}

    def untouched(one: Mapping[str, Any], since: str | None) -> bool:
        now = held.get(one["id"])
        return now is not None and now.status != "merged" and _text(now.decided_at) == since

    await _delete(tx, winner, [one for one in settled["made"] if untouched(one, one["decided_at"])])
    before = [{**_UNDECIDED, **one, "status": "open"} for one in settled["changed"] if untouched(one, one["since"])]
    await _set(tx, winner, before, tuple(_DECIDED))


async def forget_duplicates(tx: Tx, customer: uuid.UUID) -> int:
    """Delete the pairs of a customer who is erased, on both sides; how many pairs. Lock the customer first."""
    found = await _pairs(tx, customer)
    await _delete(tx, customer, [_plain(one, "id", "other") for one in found])
    return len(found)


async def _pairs(tx: Tx, customer: uuid.UUID) -> list[Any]:
    """The pairs of a customer from its side; both sides are locked, in the order of their keys."""
    mine = select(_ROW.id).where(_ROW.customer_id == customer)
    found = select(*_ROW.__table__.c).where(_ROW.id.in_(mine)).order_by(_ROW.customer_id, _ROW.id).with_for_update()
    return [one for one in await tx.rows(found) if one.customer_id == customer]


async def _living(tx: Tx, customers: Iterable[str]) -> set[str]:
    ids = sorted(uuid.UUID(one) for one in customers)
    found = select(Customer.id).where(Customer.id == any_(literal(ids, ARRAY(Uuid))), editable())
    return {str(row.id) for row in await tx.rows(found)}


async def _set(tx: Tx, customer: uuid.UUID, pairs: Sequence[Mapping[str, Any]], columns: tuple[str, ...]) -> None:
    """Write `columns` of these pairs of a customer (`id`, `other`), on both sides."""
    if not pairs:
        return
    rows = [{**one, "customer_id": side} for one in pairs for side in (customer, one["other"])]
    kinds = {name: _DECIDED[name] for name in columns}
    given = recordset([_plain(one, *_KEY, *columns) for one in rows], "given", **_KEY, **kinds)
    values = {name: given.c[name] for name in columns} | {"version": _ROW.version + 1, "changed_at": tx.now}
    mine = (_ROW.customer_id == given.c.customer_id) & (_ROW.id == given.c.id)
    await tx.execute(update(_ROW).where(mine).values(values))


async def _delete(tx: Tx, customer: uuid.UUID, pairs: Sequence[Mapping[str, Any]]) -> None:
    if pairs:
        rows = [{"customer_id": str(side), "id": one["id"]} for one in pairs for side in (customer, one["other"])]
        given = recordset(rows, "given", **_KEY)
        await tx.execute(delete(_ROW).where(_ROW.customer_id == given.c.customer_id, _ROW.id == given.c.id))


async def _add(tx: Tx, customer: uuid.UUID, pairs: Sequence[Mapping[str, Any]]) -> None:
    if pairs:
        rows = [
            {**one, "customer_id": mine, "other": theirs}
            for one in pairs for mine, theirs in ((customer, one["other"]), (one["other"], customer))
        ]  # fmt: skip
        await tx.execute(insert(_ROW).values(sorted(rows, key=lambda one: (one["customer_id"], one["other"]))))


def _copied(tx: Tx, one: Any) -> dict[str, Any]:
    """A pair of the loser as one of the winner."""
    same = {name: getattr(one, name) for name in ("other", "found_at", "score", "reasons", "refused")}
    return {**same, **_decision(one), "id": new_id(), "version": 1, "changed_at": tx.now}


def _decision(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("status", "dismissed_for", "note", "decided_by", "decided_at")}


def _plain(one: Any, *names: str) -> dict[str, Any]:
    """These values as JSON has them."""
    values = one if isinstance(one, Mapping) else one._mapping  # noqa: SLF001  the documented way to a row's names
    return {name: _text(values[name]) for name in names}


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, uuid.UUID) else value
