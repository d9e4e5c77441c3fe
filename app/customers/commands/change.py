"""One customer at a time: create, merge patch, upsert by an external id, identifiers."""

import uuid
from collections.abc import Mapping, Sequence

from sqlalchemy import update

from app.access.audit import AuditEntry, record
from app.core.db import Tx
from app.core.documents import Sections
from app.core.errors import NOT_FOUND, FieldError, Problem, stale
from app.core.ids import new_id
from app.core.sql import Filled, together
from app.customers import queries
from app.customers.birthday import merged
from app.customers.commands.facts import noted
from app.customers.commands.reaching import owned, placed, refuse_beyond
from app.customers.commands.rows import (
    claim,
    collected,
    customer_row,
    identifier_row,
    insert_customers,
    set_primaries,
    update_customers,
)
from app.customers.commands.rows import remove_identifier as remove_row
from app.customers.commands.terms import renamed, rewrite
from app.customers.commands.upsert import upsert_many
from app.customers.identifiers import Identifier
from app.customers.intake import Given, Item
from app.customers.models import CUSTOMER_EXISTS, Customer
from app.customers.plan import Key, Refusal, primaries, taken
from app.customers.provenance import fact_rows, origin
from app.customers.record import DEFAULTS, Fields, apply, changes, from_columns, stamp, to_columns
from app.feed.outbox import Event, publish


async def create(tx: Tx, item: Item) -> uuid.UUID:
    """Create a customer; its id. Raises Problem: an identifier is another's, or the id is in use."""
    refusal = item.refused(tx.caller.field_groups) or item.misfit(item.fields.get("kind") or DEFAULTS["kind"])
    if refusal is not None:
        raise refusal
    await refuse_beyond(tx, item)
    placed(tx, item)
    source = origin(tx.caller, item.provenance)
    customer, given = item.id or new_id(), {one.identifier.key: one for one in item.identifiers}
    chosen = primaries(given)
    claimed = await claim(
        tx,
        [
            identifier_row(customer, one, source, collected(tx, item), primary=chosen[kind][0] == value)
            for (kind, value), one in given.items()
        ],
    )
    lost = [one for key, one in given.items() if (*key, customer) not in claimed]
    if lost:
        found = await queries.holders(tx, [one.identifier.key for one in lost])
        holders = found.get(lost[0].identifier.key, [])
        if customer in holders:
            raise Problem(CUSTOMER_EXISTS)
        told = holders and tx.caller.may("customers:read") and not await queries.hidden(tx, holders[:1])
        raise taken(lost[0], holders[0] if told else None, _between(lost, found))
    fields, times = apply(DEFAULTS, {}, item.fields, now=tx.now, collected_at=item.collected_at or tx.now)
    if not await insert_customers(tx, [customer_row(customer, fields, times)]):
        raise Problem(CUSTOMER_EXISTS)
    named = (*times, *(("identifiers",) if given else ()))
    entry = AuditEntry("customer.create", "customer", customer, customer, named)
    facts = fact_rows(customer, (DEFAULTS, {}), (fields, times), dict.fromkeys(times, source))
    event, terms = Event("customer.created", customer, customer, 1), await rewrite({customer: fields}, new=True)
    more = (*terms, *([noted(facts)] if facts else ()))
    await tx.execute(together(publish(tx, [event]), record(tx, [entry]), *more))
    await owned(tx, [customer])
    return customer


def _between(lost: Sequence[Given], found: Mapping[Key, Sequence[uuid.UUID]]) -> Refusal | None:
    """Of a new customer whose identifiers are those of two records: these two."""
    first = next(iter(found.get(lost[0].identifier.key, ())), None)
    for one in lost[1:]:
        other = next(iter(found.get(one.identifier.key, ())), None)
        if first is not None and other is not None and other != first:
            return Refusal(first, other, one.identifier.kind)
    return None


async def patch(tx: Tx, customer: uuid.UUID, item: Item, version: int, sections: Sections) -> tuple[str, int]:
    """Apply a JSON merge patch to version `version`; (JSON, version) after it. What is the same makes no new version.

    It wins over what is held, whenever its values were collected: its sender has seen that. Raises Problem: no such
    customer, another version, no such day, a field of a group that the caller does not hold.
    """
    refusal = item.refused(tx.caller.field_groups)
    row = await queries.current(tx, customer)
    if row is None:
        raise Problem(NOT_FOUND)
    if row["version"] != version:
        raise stale(row["version"])
    refusal = refusal or item.misfit(item.fields.get("kind") or row["kind"])
    if refusal is not None:
        raise refusal
    await refuse_beyond(tx, item)
    before, given = from_columns(row), item.fields
    after = {name: value for name, value in {**before, **given}.items() if value is not None or "." not in name}
    if given.get("birthday") is not None:
        after["birthday"] = merged(before["birthday"], given["birthday"])
    changed = changes(before, after)
    shown = queries.document(tx.caller.field_groups, sections)
    # What was rented and is said again is ours.
    again = tuple(sorted(name for name in given if name in row["rented"] and name not in changed))
    if not changed and not again:
        document, version = await queries.one(tx, customer, sections) or ("", version)
        return document, version
    when = stamp(collected(tx, item))
    times = {**row["collected"], **{name: max(when, row["collected"].get(name, "")) for name in changed + again}}
    following = version + 1 if changed else version
    statement = (
        update(Customer)
        .where(Customer.id == customer, Customer.version == version)
        .values(
            **to_columns(after),
            collected=times,
            version=following,
            updated_at=tx.now if changed else Customer.updated_at,
        )
        .returning(shown)
    )
    written = await tx.scalar(statement)
    if written is None:
        # Somebody else has changed it since we looked.
        row = await queries.current(tx, customer)
        raise stale(row["version"]) if row is not None else Problem(NOT_FOUND)
    source = origin(tx.caller, item.provenance)
    facts = fact_rows(customer, (before, row["collected"]), (after, times), dict.fromkeys(times, source))
    terms = await rewrite({customer: after}) if renamed(changed) else ()
    what = ("customer.updated", "customer.update") if changed else ("customer.confirmed", "customer.confirm")
    await _announce(tx, customer, following, changed or again, what, facts=facts, terms=terms)
    return written, following


async def upsert_external(tx: Tx, key: Identifier, item: Item) -> tuple[uuid.UUID, bool]:
    """Create or update the customer with the external id `key`; (id, whether it is new).

    Raises Problem: another identifier of `item` belongs to another customer.
    """
    others = [given for given in item.identifiers if given.identifier.key != key.key]
    item.identifiers = [Given(key), *others]
    outcome = (await upsert_many(tx, [(0, item)], first_decides=True))[0]
    if isinstance(outcome, Problem):
        raise outcome
    return outcome[1], outcome[0] == "created"


async def add_identifier(tx: Tx, customer: uuid.UUID, given: Given, provenance: Fields | None = None) -> None:
    """Add an identifier to a customer that exists, or restate it to make it primary or verified.

    Raises Problem: no such customer, the identifier is another's, too many of them.
    """
    at = (provenance or {}).get("collected_at") or tx.now
    item = Item({}, [given], customer, collected_at=at, provenance=provenance, needs={"contact": "value"})
    outcome = (await upsert_many(tx, [(0, item)]))[0]
    if isinstance(outcome, Problem):
        outcome.errors = [FieldError("/value", error.code, error.detail) for error in outcome.errors]
        raise outcome


async def remove_identifier(tx: Tx, customer: uuid.UUID, identifier: uuid.UUID, version: int) -> None:
    """Take an identifier from version `version` of a customer; the oldest left of its kind becomes primary if it was.

    Raises Problem: no such customer or identifier, a caller who is not shown it, another version.
    """
    row = (await queries.locked(tx, [customer])).get(customer)
    if row is None:
        raise Problem(NOT_FOUND)
    refusal = Item({}, needs={"contact": "identifiers"}).refused(tx.caller.field_groups)
    if refusal is not None:
        raise refusal
    if row["version"] != version:
        raise stale(row["version"])
    removed = await remove_row(tx, customer, identifier)
    if removed is None:
        raise Problem(NOT_FOUND)
    if removed.is_primary:
        heir = await queries.oldest(tx, customer, removed.kind)
        if heir is not None:
            await set_primaries(tx, [{"customer_id": customer, "kind": removed.kind, "value": heir, "force": True}])
    await update_customers(tx, [{**customer_row(customer, from_columns(row), row["collected"]), "bump": 1}])
    await _announce(tx, customer, version + 1, ("identifiers",))


async def _announce(
    tx: Tx,
    customer: uuid.UUID,
    version: int,
    changed: tuple[str, ...],
    what: tuple[str, str] = ("customer.updated", "customer.update"),
    *,
    facts: Sequence[Fields] = (),
    terms: Sequence[Filled] = (),
) -> None:
    event = Event(what[0], customer, customer, version)
    entry = AuditEntry(what[1], "customer", customer, customer, changed)
    more = (*terms, *([noted(facts)] if facts else ()))
    await tx.execute(together(publish(tx, [event]), record(tx, [entry]), *more))
