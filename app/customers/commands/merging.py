"""Two records become one, and two again: what that does to the record, its identifiers and its relationships.

Both customers are locked by the caller (`hold_pair`), in the order of ids, against everybody who writes to them.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Uuid, any_, bindparam, delete, literal, select, text, update
from sqlalchemy.dialects.postgresql import JSONB

from app.core.db import Tx
from app.core.person import Fields, Trip, put_images
from app.customers.commands.assigning import follow_merge, follow_undo
from app.customers.commands.terms import keep_terms
from app.customers.merging import UNSOURCED, Side, merged, restored, side
from app.customers.models import Customer, Fact, IdentifierRow, Relationship
from app.customers.record import Fields as Record
from app.customers.record import names_of, to_columns

_NAMES = ("display_name", "given_name", "family_name", "reading")
# What the record of somebody who was merged, or erased, no longer says.
BLANK: Fields = {
    **dict.fromkeys((*_NAMES, "gender", "birth_month", "birth_day", "birth_year", "language", "home_store")),
    **dict.fromkeys((*UNSOURCED, "source")), "profile": {}, "collected": {}, "suspect": [],
}  # fmt: skip

_FACTS = text("SELECT path, to_jsonb(f) FROM facts f WHERE customer_id = :customer ORDER BY path")
# An identifier that both had: what the loser's row was, the winner's is from now on.
_CLAIM = """
UPDATE identifiers i SET exclusive = true
FROM jsonb_to_recordset(:dropped) d(kind text, value text, exclusive boolean)
WHERE i.customer_id = :winner AND NOT i.exclusive AND d.exclusive AND i.kind = d.kind AND i.value = d.value
RETURNING i.id
"""
# The winner's primaries stay; of a kind of which it had none, the loser's is.
_DEMOTE = """
UPDATE identifiers i SET is_primary = false
WHERE i.customer_id = :winner AND i.is_primary AND i.id = ANY (:moved) AND EXISTS (
  SELECT FROM identifiers o
  WHERE o.customer_id = i.customer_id AND o.kind = i.kind AND o.is_primary AND NOT o.id = ANY (:moved))
"""
_PROMOTE = """
UPDATE identifiers i SET is_primary = true
FROM jsonb_to_recordset(:dropped) d(kind text, value text, is_primary boolean)
WHERE i.customer_id = :winner AND d.is_primary AND i.kind = d.kind AND i.value = d.value AND NOT EXISTS (
  SELECT FROM identifiers o WHERE o.customer_id = i.customer_id AND o.kind = i.kind AND o.is_primary)
RETURNING i.id
"""
_PRIMARIES = text("SELECT id FROM identifiers WHERE customer_id = :customer AND is_primary ORDER BY id")
_PRIMARIES_AGAIN = """
UPDATE identifiers i SET is_primary = true
WHERE i.customer_id = :customer AND i.id = ANY (:ids) AND NOT EXISTS (
  SELECT FROM identifiers o WHERE o.customer_id = i.customer_id AND o.kind = i.kind AND o.is_primary)
"""
_RESTORE = text(
    """
UPDATE customers c SET
  kind = r.kind, status = r.status, display_name = r.display_name, given_name = r.given_name,
  family_name = r.family_name, reading = r.reading, gender = r.gender, birth_month = r.birth_month,
  birth_day = r.birth_day, birth_year = r.birth_year, language = r.language, home_store = r.home_store,
  account_manager = r.account_manager, sponsor = r.sponsor, source = r.source, grade = r.grade,
  merged_into = NULL, profile = r.profile,
  collected = r.collected, suspect = r.suspect, version = c.version + 1, updated_at = :now
FROM jsonb_populate_record(NULL::customers, :row) r WHERE c.id = :loser
"""
).bindparams(bindparam("row", type_=JSONB))


async def unite(tx: Tx, trip: Trip) -> None:
    """Merge the fields and their facts into the winner's record; the loser's becomes a signpost to it."""
    rows = await _rows(tx, (trip.winner, trip.loser))
    ours = side(rows[trip.winner], await _facts(tx, trip.winner))
    theirs = side(rows[trip.loser], await _facts(tx, trip.loser))
    made = merged(trip, ours, theirs)
    facts = dict(ours.facts)
    for path in made.taken:
        if path in theirs.facts:
            replaced = ours.fields.get(path)
            differs = replaced is not None and replaced != theirs.fields.get(path)
            facts[path] = {**theirs.facts[path], "customer_id": str(trip.winner)}
            facts[path] |= {"previous": replaced} if differs else {}
    kept = trip.of("customers")
    kept.before = {
        "winner": _units(ours),
        "loser": {name: value for name, value in rows[trip.loser].items() if name != "id"},
        "facts": dict(theirs.facts),
    }
    kept.after = {"winner": _units(Side(made.fields, made.times, facts, frozenset()))}
    await _write(tx, trip.winner, made.fields, made.times)
    await _put_facts(tx, trip.loser, {})
    if facts != ours.facts:
        await _put_facts(tx, trip.winner, facts)
    resolved = update(Customer).where(Customer.merged_into == trip.loser).values(merged_into=trip.winner)
    kept.before["resolved"] = sorted(str(row.id) for row in await tx.rows(resolved.returning(Customer.id)))
    gone = {**BLANK, "status": "merged", "merged_into": trip.winner, "version": Customer.version + 1}
    await tx.execute(update(Customer).where(Customer.id == trip.loser).values(**gone, updated_at=tx.now))
    trip.of("assignments").before = dict(await follow_merge(tx, trip.winner, made.fields))
    await keep_terms(tx, {trip.winner: made.fields, trip.loser: {"kind": made.fields["kind"]}})


async def part(tx: Tx, trip: Trip) -> None:
    """Give the loser's record back as it was; the winner's too, but for the values that were written since."""
    kept, rows = trip.of("customers"), await _rows(tx, (trip.winner,))
    now = _units(side(rows[trip.winner], await _facts(tx, trip.winner)))
    units = restored(kept.before["winner"], kept.after["winner"], now)
    fields = dict.fromkeys(names_of(*(one for one in (now, units))))
    fields |= {path: unit["value"] for path, unit in units.items()}
    fields = {name: value for name, value in fields.items() if value is not None or "." not in name}
    times = {path: unit["time"] for path, unit in units.items() if unit["time"]}
    facts = {path: unit["fact"] for path, unit in units.items() if unit["fact"]}
    whole: Record = {**dict.fromkeys((*UNSOURCED, "birthday")), **_blank_fields(), **fields}
    await _write(tx, trip.winner, whole, times)
    await _put_facts(tx, trip.winner, facts)
    row = kept.before["loser"]
    await tx.execute(_RESTORE, {"row": row, "loser": trip.loser, "now": tx.now})
    await _put_facts(tx, trip.loser, kept.before["facts"])
    resolved = literal([uuid.UUID(one) for one in kept.before["resolved"]], ARRAY(Uuid))
    back = update(Customer).where(Customer.id == any_(resolved), Customer.merged_into == trip.winner)
    await tx.execute(back.values(merged_into=trip.loser))
    await follow_undo(tx, trip.winner, whole, trip.of("assignments").before)
    await keep_terms(tx, {trip.winner: whole, trip.loser: row})


def _blank_fields() -> Record:
    names = ("status", "language", "home_store", "source", "gender", *_NAMES)
    return dict.fromkeys(names)


def _units(one: Side) -> Fields:
    """Each value with its time and its fact: what is undone together."""
    paths = {*one.fields, *one.times, *one.facts}
    units = {
        path: {"value": one.fields.get(path), "time": one.times.get(path), "fact": one.facts.get(path)}
        for path in sorted(paths)
    }
    return {path: unit for path, unit in units.items() if any(part is not None for part in unit.values())}


async def _write(tx: Tx, customer: uuid.UUID, fields: Record, times: Mapping[str, str]) -> None:
    values = {**to_columns(fields), **{name: fields[name] for name in UNSOURCED if name in fields}}
    following = {"collected": dict(times), "version": Customer.version + 1, "updated_at": tx.now}
    await tx.execute(update(Customer).where(Customer.id == customer).values(**values, **following))


async def _rows(tx: Tx, customers: Sequence[uuid.UUID]) -> dict[uuid.UUID, Fields]:
    found = text("SELECT id, to_jsonb(c) FROM customers c WHERE id = ANY (:ids)")
    rows = await tx.rows(found.bindparams(bindparam("ids", type_=ARRAY(Uuid))), {"ids": sorted(customers)})
    return {row[0]: row[1] for row in rows}


async def _facts(tx: Tx, customer: uuid.UUID) -> dict[str, Fields]:
    return {row[0]: row[1] for row in await tx.rows(_FACTS, {"customer": customer})}


async def _put_facts(tx: Tx, customer: uuid.UUID, facts: Mapping[str, Fields]) -> None:
    await tx.execute(delete(Fact).where(Fact.customer_id == customer))
    if facts:
        await put_images(tx, Fact, [facts[path] for path in sorted(facts)])


# --- identifiers ------------------------------------------------------------------------------------------------------


async def note_primaries(tx: Tx, trip: Trip) -> None:
    """Before they move: which identifiers are the primary ones of either."""
    for name, customer in (("winner", trip.winner), ("loser", trip.loser)):
        rows = await tx.rows(_PRIMARIES, {"customer": customer})
        trip.of("identifiers").before[name] = [str(row.id) for row in rows]


async def unite_identifiers(tx: Tx, trip: Trip) -> None:
    """After they have moved: one primary of each kind, and what both had is claimed if either had claimed it."""
    kept = trip.of("identifiers")
    values = {"winner": trip.winner, "dropped": kept.dropped, "moved": [uuid.UUID(one) for one in kept.moved]}
    await tx.execute(_bound(_DEMOTE), values)
    for name, sql in (("claimed", _CLAIM), ("promoted", _PROMOTE)):
        kept.before[name] = [str(row.id) for row in await tx.rows(_bound(sql), values)]


async def part_identifiers(tx: Tx, trip: Trip) -> None:
    """Before they go back: the winner's rows are its own again."""
    for column, ids in (("exclusive", "claimed"), ("is_primary", "promoted")):
        await _set(tx, trip.winner, trip.of("identifiers").before[ids], {column: False})


async def restore_primaries(tx: Tx, trip: Trip) -> None:
    """After they went back: what was the loser's primary is so again, and the winner's if none is now."""
    before = trip.of("identifiers").before
    await tx.execute(update(IdentifierRow).where(IdentifierRow.customer_id == trip.loser).values(is_primary=False))
    for customer, name in ((trip.loser, "loser"), (trip.winner, "winner")):
        values = {"customer": customer, "ids": [uuid.UUID(one) for one in before[name]]}
        await tx.execute(_bound(_PRIMARIES_AGAIN), values)


async def _set(tx: Tx, customer: uuid.UUID, ids: Sequence[str], values: Fields) -> None:
    if ids:
        which = IdentifierRow.id == any_(literal([uuid.UUID(one) for one in ids], ARRAY(Uuid)))
        await tx.execute(update(IdentifierRow).where(IdentifierRow.customer_id == customer, which).values(**values))


def _bound(sql: str) -> Any:
    types: dict[str, Any] = {"dropped": JSONB, "moved": ARRAY(Uuid), "ids": ARRAY(Uuid)}
    return text(sql).bindparams(*(bindparam(name, type_=kind) for name, kind in types.items() if f":{name}" in sql))


# --- relationships ----------------------------------------------------------------------------------------------------

_TURN = text(
    """
WITH gone AS (
  DELETE FROM relationships WHERE customer_id = :source AND id = ANY (:moved) RETURNING *
),
put AS (
  INSERT INTO relationships (customer_id, id, other, version, created_at, updated_at, since, kind, note)
  SELECT :target, id, other, version, created_at, updated_at, since, kind, note FROM gone
)
UPDATE relationships r SET other = :target FROM gone
WHERE r.customer_id = gone.other AND r.id = gone.id AND r.other = :source
"""
).bindparams(bindparam("moved", type_=ARRAY(Uuid)))
_ENDED = text(
    "DELETE FROM relationships r WHERE customer_id = ANY (:people) AND id = ANY (:ids) RETURNING to_jsonb(r)"
).bindparams(bindparam("people", type_=ARRAY(Uuid)), bindparam("ids", type_=ARRAY(Uuid)))
# Both sides of a relationship come back if both customers are there.
_AGAIN = text(
    """
INSERT INTO relationships
SELECT r.* FROM jsonb_populate_recordset(NULL::relationships, :dropped) r
WHERE NOT EXISTS (
  SELECT FROM customers c WHERE c.id IN (r.customer_id, r.other) AND c.status IN ('merged', 'erased'))
ON CONFLICT DO NOTHING
RETURNING id
"""
).bindparams(bindparam("dropped", type_=JSONB))


async def move_relationships(tx: Tx, trip: Trip) -> None:
    """The loser's relationships are the winner's; one between the two, and one that the winner has as well, ends."""
    kept, row = trip.of("relationships"), Relationship
    sides = (trip.winner, trip.loser)
    rows = await tx.rows(select(row.customer_id, row.id, row.other, row.kind).where(row.customer_id.in_(sides)))
    has = {(one.other, one.kind) for one in rows if one.customer_id == trip.winner}
    mine = [one for one in rows if one.customer_id == trip.loser]
    ending = [one for one in mine if one.other == trip.winner or (one.other, one.kind) in has]
    ended = {one.id for one in ending}
    kept.moved = sorted(str(one.id) for one in mine if one.id not in ended)
    if ending:
        people = sorted({*sides, *(one.other for one in ending)})
        found = await tx.rows(_ENDED, {"people": people, "ids": sorted(ended)})
        kept.dropped = [one[0] for one in found]
    await _turn(tx, trip.loser, trip.winner, kept.moved)


async def return_relationships(tx: Tx, trip: Trip) -> None:
    """Undo `move_relationships`; what has ended since, or whose other side is gone, stays so."""
    kept = trip.of("relationships")
    await _turn(tx, trip.winner, trip.loser, kept.moved)
    if kept.dropped and len(await tx.rows(_AGAIN, {"dropped": kept.dropped})) < len(kept.dropped):
        trip.lost.append("relationships")


async def _turn(tx: Tx, source: uuid.UUID, target: uuid.UUID, moved: Sequence[str]) -> None:
    if moved:
        values = {"source": source, "target": target, "moved": [uuid.UUID(one) for one in moved]}
        await tx.execute(_TURN, values)
