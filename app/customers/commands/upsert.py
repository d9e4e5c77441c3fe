"""Create or update any number of customers in a fixed few statements.

Locks are always taken in one order: identifiers by (kind, value), new customers by id, existing customers by id, and
only then rows that belong to a locked customer. So two batches never wait for each other in a circle.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.access.audit import AuditEntry, record
from app.core.batch import Status
from app.core.db import Tx
from app.core.errors import BUSY, NOT_FOUND, RETRY_SOON, Problem, ProblemType
from app.core.sql import together
from app.customers import queries
from app.customers.commands.facts import confirm_identifiers, noted
from app.customers.commands.reaching import beyond, owned, placed
from app.customers.commands.refusing import note_refused
from app.customers.commands.rows import (
    Held,
    claim,
    collected,
    customer_row,
    drop,
    identifier_row,
    insert_customers,
    remove_customers,
    set_primaries,
    set_verified,
    update_customers,
)
from app.customers.commands.terms import renamed, rewrite
from app.customers.intake import Item
from app.customers.models import IDENTIFIERS_MAX, REACHED, TOO_MANY_IDENTIFIERS
from app.customers.plan import Key, Outcomes, Plan, Taken, Target, assign, fit, primaries
from app.customers.provenance import Origin, fact_rows, origin
from app.customers.record import DEFAULTS, Fields, apply, changes, from_columns
from app.feed.outbox import Event, publish

ATTEMPTS = 4


@dataclass(slots=True)
class _State:
    """A target on its way through its items: its fields and their times, and what became of each item."""

    target: Target
    version: int
    fields: Fields
    collected: dict[str, str]
    statuses: dict[int, Status] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    added: bool = False
    moved: bool = False
    facts: list[Fields] = field(default_factory=list)
    origins: dict[str, Origin] = field(default_factory=dict)
    rented: frozenset[str] = frozenset()

    def take(self, tx: Tx, item: Item, *, first: bool = False) -> bool:
        """Apply an item's fields; whether any value changed. What the `first` of a new customer says has its time."""
        at = item.collected_at or (tx.now if first else None)
        before, held = self.collected, self.fields
        after, self.collected = apply(self.fields, before, item.fields, now=tx.now, collected_at=at, rented=self.rented)
        changed, self.fields = after != self.fields, after
        if self.collected != before or changed:
            source = origin(tx.caller, item.provenance)
            self.origins.update(
                {
                    path: source
                    for path in item.fields
                    if self.collected.get(path) != before.get(path) or after.get(path) != held.get(path)
                }
            )
        return changed

    def note(self, before: Fields, times: Mapping[str, str]) -> None:
        """Where the values come from that are not what they were."""
        after = (self.fields, self.collected)
        self.facts = fact_rows(self.target.id, (before, times), after, self.origins)


async def upsert_many(tx: Tx, items: Sequence[tuple[int, Item]], *, first_decides: bool = False) -> Outcomes:
    """Create or update the customer of each item (index, item); what became of each.

    An item is about the customer with its `id`, or the holder of one of its cards, external or chat ids (with
    `first_decides`: of the first), or a new one. Items about the same customer apply in their order and make one new
    version. Absent fields stay, `null` clears, an older `collected_at` loses, identifiers are only added. An item whose
    identifiers belong to different customers fails with `identifier_taken`. `home_store` must exist. Raises Problem
    `busy` if others keep taking and dropping the same identifiers.
    """
    stores, groups = await queries.reached_stores(tx), tx.caller.field_groups
    refusals = {index: item.refused(groups) or beyond(stores, item) for index, item in items}
    items = [(index, item) for index, item in items if refusals[index] is None]
    for _ in range(ATTEMPTS):
        plan = await _plan(tx, items, first_decides=first_decides)
        states = {target.id: _folded_new(tx, target) for target in plan.targets.values() if target.new}
        claimed = await _claim(tx, plan, states)
        if claimed is not None:
            break
    else:
        raise Problem(BUSY, headers=dict(RETRY_SOON))
    existing = [target for target in plan.targets.values() if not target.new]
    locked = await queries.locked(tx, [target.id for target in existing]) if existing else {}
    refused = await _refused(tx, existing, locked, claimed)
    fresh: dict[uuid.UUID, set[Key]] = {}
    for kind, value, customer in claimed:
        fresh.setdefault(customer, set()).add((kind, value))
    for target in existing:
        if target.id in refused:
            plan.failed.update({index: Problem(refused[target.id]) for index, _ in target.items})
        else:
            states[target.id] = _folded(tx, target, locked[target.id], fresh.get(target.id, set()))
    await _mark(tx, [states[target.id] for target in existing if target.id in states], claimed)
    await _write(tx, list(states.values()))
    await note_refused(tx, [one.refusal for one in plan.failed.values() if isinstance(one, Taken)])
    await owned(tx, [one for one, state in states.items() if state.target.new])
    outcomes = {index: problem for index, problem in refusals.items() if problem is not None} | plan.failed
    for state in states.values():
        outcomes.update({index: (status, state.target.id) for index, status in state.statuses.items()})
    return outcomes


async def _plan(tx: Tx, items: Sequence[tuple[int, Item]], *, first_decides: bool) -> Plan:
    exclusive = [given.identifier for _, item in items for given in item.identifiers if given.identifier.exclusive]
    holders = await queries.holders(tx, [identifier.key for identifier in exclusive])
    ids = [item.id for _, item in items if item.id is not None]
    known = await queries.known(tx, ids) if ids else {}
    hidden = await queries.hidden(tx, [*known, *(found[0] for found in holders.values())])
    plan = assign(
        items, {key: found[0] for key, found in holders.items()}, known,
        first_decides=first_decides, tell_holder=tx.caller.may("customers:read"), hidden=hidden,
    )  # fmt: skip
    if any(item.only for _, item in items):
        there = [target.id for target in plan.targets.values() if not target.new]
        fit(plan, await queries.kinds_of(tx, there))
    return plan


def _folded_new(tx: Tx, target: Target) -> _State:
    placed(tx, target.items[0][1])
    state, seen = _State(target, 0, dict(DEFAULTS), {}), set[Key]()
    for place, (index, item) in enumerate(target.items):
        keys = {given.identifier.key for given in item.identifiers}
        changed = state.take(tx, item, first=place == 0) or not keys <= seen
        seen |= keys
        state.statuses[index] = "created" if place == 0 else "updated" if changed else "duplicate"
    state.changed = (*state.collected, *(("identifiers",) if target.identifiers else ()))
    state.note(DEFAULTS, {})
    return state


def _folded(tx: Tx, target: Target, row: Mapping[str, Any], fresh: set[Key]) -> _State:
    before = from_columns(row)
    state = _State(target, row["version"], before, row["collected"], rented=frozenset(row["rented"]))
    for index, item in target.items:
        changed = state.take(tx, item)
        adds = {given.identifier.key for given in item.identifiers} & fresh
        fresh = fresh - adds
        state.added |= bool(adds)
        state.statuses[index] = "updated" if changed or adds else "duplicate"
    state.changed = (*changes(before, state.fields), *(("identifiers",) if state.added else ()))
    state.moved = state.collected != row["collected"]
    state.note(before, row["collected"])
    return state


async def _claim(tx: Tx, plan: Plan, states: Mapping[uuid.UUID, _State]) -> set[Held] | None:
    """Insert new identifiers and customers; the identifiers that are new, or None if somebody else was faster."""
    rows, wanted = [], set[Held]()
    for target in plan.targets.values():
        chosen = primaries(target.identifiers) if target.new else {}
        for key, given in target.identifiers.items():
            if plan.holders.get(key) == target.id:
                continue
            primary = chosen.get(key[0], ("", False))[0] == key[1]
            item = target.sources[key]
            source, when = origin(tx.caller, item.provenance), collected(tx, item)
            rows.append(identifier_row(target.id, given, source, when, primary=primary))
            if given.identifier.exclusive:
                wanted.add((*key, target.id))
    claimed = await claim(tx, rows)
    made = set[uuid.UUID]()
    if wanted <= claimed:
        made = await insert_customers(
            tx, [customer_row(one, state.fields, state.collected) for one, state in states.items()]
        )
        if len(made) == len(states):
            return claimed
    await drop(tx, claimed)
    await remove_customers(tx, made)
    return None


async def _refused(
    tx: Tx, targets: Sequence[Target], locked: Mapping[uuid.UUID, Any], claimed: set[Held]
) -> dict[uuid.UUID, ProblemType]:
    """Customers that may not be changed or would have too many identifiers; what they claimed is given back."""
    refused = {target.id: NOT_FOUND for target in targets if target.id not in locked}
    gaining = {customer for _, _, customer in claimed if customer in locked}
    if gaining:
        counts = await queries.count_identifiers(tx, gaining)
        refused |= {customer: TOO_MANY_IDENTIFIERS for customer in gaining if counts[customer] > IDENTIFIERS_MAX}
    await drop(tx, [held for held in claimed if held[2] in refused])
    return refused


async def _mark(tx: Tx, states: Sequence[_State], claimed: set[Held]) -> None:
    """Primary and verified of the identifiers of customers that were there before; their rows are locked."""
    leading, verified = [], []
    for state in states:
        customer, given = state.target.id, state.target.identifiers
        for kind, (value, asked) in primaries(given).items():
            if asked or (kind, value, customer) in claimed:
                leading.append({"customer_id": customer, "kind": kind, "value": value, "force": asked})
        verified += [
            {"customer_id": customer, "kind": kind, "value": value, "verified_at": one.verified_at}
            for (kind, value), one in given.items()
            if one.verified_at is not None and (kind, value, customer) not in claimed
        ]
    again = [row for state in states for row in _said(tx, state.target)]
    await confirm_identifiers(tx, [row for row in again if _held(row) not in claimed])
    touched = await set_primaries(tx, leading) | await set_verified(tx, verified)
    for state in states:
        if state.target.id in touched and "identifiers" not in state.changed:
            state.changed = (*state.changed, "identifiers")
            for index, item in state.target.items:
                if any(one.primary or one.verified_at for one in item.identifiers):
                    state.statuses[index] = "updated"


def _said(tx: Tx, target: Target) -> list[Fields]:
    """The phones and e-mail addresses that were given, and where they come from, for `confirm_identifiers`."""
    rows = []
    for (kind, value), item in target.sources.items():
        if kind in REACHED:
            source = origin(tx.caller, item.provenance)
            rows.append({
                "kind": kind, "value": value, "customer_id": target.id, "channel": source.channel,
                "collector": source.collector, "store": source.store, "licence_end": source.licence_end,
                "collected_at": collected(tx, item), "timed": item.collected_at is not None,
            })  # fmt: skip
    return rows


def _held(row: Fields) -> Held:
    return row["kind"], row["value"], row["customer_id"]


async def _write(tx: Tx, states: Sequence[_State]) -> None:
    rows = [
        {**customer_row(state.target.id, state.fields, state.collected), "bump": 1 if state.changed else 0}
        for state in states
        if not state.target.new and (state.changed or state.moved)
    ]
    await update_customers(tx, rows)
    written = [state for state in states if state.changed or state.target.new]
    facts = [fact for state in states for fact in state.facts]
    if not written and not facts:
        return
    events, entries = [], []
    for state in written:
        customer, new = state.target.id, state.target.new
        events.append(Event("customer.created" if new else "customer.updated", customer, customer, state.version + 1))
        action = "customer.create" if new else "customer.update"
        entries.append(AuditEntry(action, "customer", customer, customer, state.changed))
    made = await rewrite({state.target.id: state.fields for state in written if state.target.new}, new=True)
    terms = await rewrite(
        {state.target.id: state.fields for state in written if not state.target.new and renamed(state.changed)}
    )
    more = (*made, *terms, *([noted(facts)] if facts else ()))
    await tx.execute(together(publish(tx, events), record(tx, entries), *more))
