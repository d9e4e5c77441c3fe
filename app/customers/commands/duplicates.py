"""Duplicate candidates: noting them, deciding on them, and what a merge makes of them.

A pair is two rows, written together with both customers locked: shared by who looks for pairs, alone by who decides,
merges or erases. So the two sides always agree, a pair is there once, and no pair has a record that is no more.
"""

import asyncio
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ARRAY, BigInteger, DateTime, SmallInteger, Text, Uuid, delete, func, literal, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from app.access.audit import AuditEntry
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem, ProblemType, stale
from app.core.ids import new_id
from app.core.jobs import enqueue, waiting
from app.core.sql import recordset
from app.customers import queries
from app.customers.duplicates import Judgement, Pair, Profile, judge
from app.customers.models import DuplicateCandidate, DuplicateState
from app.customers.models.duplicates import DUPLICATE_NOT_DISMISSED, DUPLICATE_NOT_OPEN
from app.customers.queries import duplicates as reading
from app.feed.commands import come_to, next_stretch
from app.feed.outbox import Event, announce

SWEEP = "customers.find_duplicates"
# Events looked at in one transaction.
EVENTS_MAX = 1000
# Pairs judged without letting others have a turn on the event loop.
PORTION = 200

_PAIR: dict[str, TypeEngine[Any]] = {
    "customer_id": Uuid(), "other": Uuid(), "id": Uuid(), "score": SmallInteger(), "reasons": JSONB(),
    "refused": ARRAY(Text),
}  # fmt: skip
# What was found, changed and withdrawn.
Done = dict[str, int]


async def find(tx: Tx, pairs: Iterable[Pair], refused: Mapping[Pair, set[str]] | None = None) -> Done:
    """Judge these pairs and keep what is a candidate; how many were found, changed and withdrawn.

    `refused` are the kinds of identifiers that were just refused, by pair. What people have dismissed stays dismissed,
    whatever is found. An open pair that is no candidate any more is taken back, unless somebody has reopened it.
    """
    wanted, refused = set(pairs) | set(refused or ()), refused or {}
    rows = await reading.profiles(tx, {one for pair in wanted for one in pair}) if wanted else []
    people = {row["id"]: Profile.of(row) for row in rows}
    known = await reading.known_pairs(tx, wanted) if wanted else {}
    kept: dict[Pair, tuple[Judgement, list[str]]] = {}
    gone: set[Pair] = set()
    for place, pair in enumerate(sorted(wanted)):
        if place % PORTION == PORTION - 1:
            await asyncio.sleep(0)
        held = known.get(pair)
        if not people.keys() >= set(pair) or (held is not None and held["status"] == "dismissed"):
            continue
        kinds = sorted({*(held["refused"] if held else ()), *refused.get(pair, ())})
        found = judge(people[pair[0]], people[pair[1]], refused=bool(kinds))
        if found.is_candidate():
            if held is None or held["status"] == "merged" or _differs(held, found, kinds):
                kept[pair] = found, kinds
        elif held is not None and held["status"] == "open" and held["decided_at"] is None:
            gone.add(pair)
    if not kept and not gone:
        return {}
    there = await reading.locked_pairs(tx, {*kept, *gone})
    return await _keep(tx, {pair: kept[pair] for pair in sorted(kept) if pair in there}, gone & there)


def _differs(held: Mapping[str, Any], found: Judgement, kinds: list[str]) -> bool:
    return (held["score"], held["reasons"], held["refused"]) != (found.score, found.document, kinds)


async def _keep(tx: Tx, kept: Mapping[Pair, tuple[Judgement, list[str]]], gone: set[Pair]) -> Done:
    row, now = DuplicateCandidate, literal(tx.now, DateTime(timezone=True))
    events, entries, done = list[Event](), list[AuditEntry](), Done()

    def tell(verb: str, one: Any) -> None:
        done[verb] = done.get(verb, 0) + 1
        _tell(events, entries, verb, (one.customer_id, one.other), one)

    if kept:
        ids = {pair: new_id() for pair in kept}
        rows = [
            {"customer_id": str(one), "other": str(other), "id": str(ids[pair]), "score": found.score,
             "reasons": found.document, "refused": kinds}
            for pair, (found, kinds) in kept.items() for one, other in (pair, pair[::-1])
        ]  # fmt: skip
        given = recordset(rows, "given", **_PAIR)
        constants = {"version": literal(1, BigInteger), "status": literal("open"), "found_at": now, "changed_at": now}
        made = postgresql.insert(row).from_select(
            [*_PAIR, *constants], select(*given.c, *constants.values()).order_by(given.c.customer_id, given.c.other)
        )
        values = {name: made.excluded[name] for name in ("score", "reasons", "refused", "status", "changed_at")}
        written = made.on_conflict_do_update(
            index_elements=["customer_id", "other"],
            set_={**values, "version": row.version + 1},
            # Another worker may have found the same meanwhile.
            where=(row.status != "dismissed")
            & func.row(row.status, row.score, row.reasons, row.refused).is_distinct_from(
                func.row(*(made.excluded[name] for name in ("status", "score", "reasons", "refused")))
            ),
        ).returning(row.customer_id, row.other, row.id, row.version, row.score)
        for one in await tx.rows(written):
            if one.customer_id < one.other:
                tell("found" if one.version == 1 else "changed", one)
    if gone:
        for one in await tx.rows(_withdrawn(gone)):
            if one.customer_id < one.other:
                tell("withdrawn", one)
    if events:
        await announce(tx, events, entries)
    return done


def _withdrawn(gone: set[Pair]) -> Any:
    rows = [{"customer_id": str(a), "other": str(b)} for pair in sorted(gone) for a, b in (pair, pair[::-1])]
    given, row = recordset(rows, "given", customer_id=Uuid(), other=Uuid()), DuplicateCandidate
    mine = (row.customer_id == given.c.customer_id) & (row.other == given.c.other)
    untouched = (row.status == "open") & row.decided_at.is_(None)
    return delete(row).where(mine, untouched).returning(row.customer_id, row.other, row.id, row.version, row.score)


def _tell(events: list[Event], entries: list[AuditEntry], verb: str, pair: Pair, one: Any) -> None:
    data = {"customer_ids": [str(customer) for customer in pair], "score": one.score}
    events.append(Event(f"duplicate.{verb}", pair[0], one.id, one.version, data))
    entries.extend(AuditEntry(f"duplicate.{verb}", "duplicate", one.id, side) for side in pair)


async def follow(tx: Tx) -> int:
    """Look at the next events of the feed and for duplicates of who has changed; how many events lay there.

    The first time it notes where the feed stands, and has all who were there before looked at by a sweep. 0 also when
    another worker is at it.
    """
    stretch = await next_stretch(tx, DuplicateState, EVENTS_MAX, at_first=enqueue_duplicate_sweep)
    if stretch is None:
        return 0
    after, upto = stretch
    found = await reading.news(tx, after, upto)
    if found.changed or found.refused:
        await find(tx, await reading.around(tx, found.changed) if found.changed else (), found.refused)
    await come_to(tx, DuplicateState, upto)
    return upto - after


async def enqueue_duplicate_sweep(tx: Tx) -> uuid.UUID:
    """Have everybody looked at by a job; its id. One of the client's own that has yet to begin does as well."""
    job: tuple[str, dict[str, Any], uuid.UUID] = (SWEEP, {}, tx.caller.client_id)
    return await waiting(tx, *job) or await enqueue(tx, *job)


async def dismiss_duplicate(tx: Tx, pair_id: uuid.UUID, given: Mapping[str, Any], version: int | None) -> int:
    """Say that a pair is not one customer (`reason`, `note`); its new version. It stays so until somebody reopens it.

    Raises Problem: no such pair, another version than `version` (if that is given), not open.
    """
    values = {"status": "dismissed", "dismissed_for": given["reason"], "note": given.get("note")}
    return await _decide(tx, pair_id, version, ("open", DUPLICATE_NOT_OPEN), "dismissed", values)


async def reopen_duplicate(tx: Tx, pair_id: uuid.UUID, version: int | None) -> int:
    """Take back that a pair was dismissed; its new version. It stays open until somebody closes it.

    Raises Problem: no such pair, another version than `version` (if that is given), not dismissed.
    """
    values = {"status": "open", "dismissed_for": None, "note": None}
    return await _decide(tx, pair_id, version, ("dismissed", DUPLICATE_NOT_DISMISSED), "reopened", values)


async def _decide(
    tx: Tx, pair_id: uuid.UUID, version: int | None, must_be: tuple[str, ProblemType], verb: str, values: dict[str, Any]
) -> int:
    pair = await reading.sides(tx, pair_id)
    if pair is None:
        raise Problem(NOT_FOUND)
    both = len(await queries.locked(tx, pair)) == len(pair)
    # Read under the lock: somebody may have decided meanwhile.
    held = (await reading.known_pairs(tx, [pair])).get(pair)
    if held is None:
        raise Problem(NOT_FOUND)
    if version is not None and held["version"] != version:
        raise stale(held["version"])
    if held["status"] != must_be[0]:
        raise Problem(must_be[1])
    if not both:
        raise Problem(NOT_FOUND)
    row = DuplicateCandidate
    decided = {"decided_at": tx.now, "decided_by": tx.caller.client_id, "changed_at": tx.now}
    changed = update(row).where(row.customer_id.in_(pair), row.id == pair_id)
    changed = changed.values(**values, **decided, version=row.version + 1)
    written = await tx.rows(changed.returning(row.customer_id, row.other, row.id, row.version, row.score))
    events, entries = list[Event](), list[AuditEntry]()
    _tell(events, entries, verb, pair, written[0])
    await announce(tx, events, entries)
    return int(written[0].version)
