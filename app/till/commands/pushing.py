"""What happens when receipts arrive, in one transaction over the rooms below. A batch is a fixed few statements.

Locks are taken in one order everywhere: products, identifiers, receipt numbers, customers; each kind in its own order.
"""

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.access.audit import AuditEntry, record
from app.catalog import commands as catalog
from app.core.db import Made, Tx
from app.core.errors import Problem
from app.core.ids import new_id
from app.core.settings import CompanySettings
from app.core.sql import together
from app.credit.commands import WITHIN, Sale, Use, charge_sales, settle, use_allowances
from app.customers import commands as customers
from app.customers.identifiers import WALK_IN, Identifier
from app.customers.queries import hidden
from app.early_warning.commands import Ending, after_purchases, evaluate
from app.early_warning.opportunities import commands as opportunities
from app.feed.outbox import Event, publish
from app.receipts import queries as receipts
from app.receipts.commands import Effect, Moved, count_receipts, flag_receipts, write_receipts
from app.receipts.models import RECEIPT_CONFLICT
from app.till import queries
from app.till.commands.answering import told
from app.till.content import content_of, differences
from app.till.plan import Plan, planned, reread
from app.till.prepare import Prepared
from app.till.queries import Asked, Known, Taken

# Phone regions of stores, learnt from pushes, so that the next one reads phone numbers right at once.
Regions = dict[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a receipt that is there now."""

    status: str
    receipt_id: str
    customer_id: str
    flags: tuple[str, ...] = ()


@dataclass(slots=True)
class Push:
    """One push on its way: what became of each receipt (by place), what is to be told, whose figures have changed."""

    prepared: Prepared
    company: CompanySettings
    regions: Regions
    outcomes: dict[int, Outcome | Problem] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    entries: list[AuditEntry] = field(default_factory=list)
    counted: set[str] = field(default_factory=set)
    moved: list[Moved] = field(default_factory=list)

    def tell(self, events: Iterable[Event], entries: Iterable[AuditEntry]) -> None:
        """Add to what is published and written down at the end."""
        self.events += events
        self.entries += entries


async def record_receipts(
    tx: Tx, prepared: Prepared, company: CompanySettings, regions: Regions | None = None
) -> list[dict[str, Any]]:
    """Record checked receipts and count them. Answers one batch result per receipt that was sent, in order."""
    push = Push(prepared, company, {} if regions is None else regions)
    await _record(tx, push)
    if push.events or push.entries:
        parts, parameters = _ending(tx, push)
        published = publish(tx, push.events)
        # Of a full batch each of the two takes as long as some lookups: those that came meanwhile go first.
        await asyncio.sleep(0)
        await tx.execute(together(published, record(tx, push.entries), parts=parts), parameters)
    found: dict[int, Outcome | Problem] = dict(prepared.failures)
    found.update((prepared.index[place], outcome) for place, outcome in push.outcomes.items())
    return [_result(index, found[index]) for index in range(prepared.size)]


def _result(index: int, outcome: Outcome | Problem) -> dict[str, Any]:
    if isinstance(outcome, Problem):
        return {"index": index, "status": "failed", "id": None, "problem": outcome.as_dict()}
    result: dict[str, Any] = {"index": index, "status": outcome.status, "id": outcome.receipt_id}
    if outcome.flags:
        result["flags"] = list(outcome.flags)
    return result


async def record_receipt(tx: Tx, prepared: Prepared, company: CompanySettings, regions: Regions | None = None) -> Made:
    """Record one checked receipt and answer its document: 201, or 200 if it is there already. Raises Problem."""
    push = Push(prepared, company, {} if regions is None else regions)
    await _record(tx, push)
    outcome = push.outcomes[0]
    if isinstance(outcome, Problem):
        raise outcome
    customer_id, receipt_id = uuid.UUID(outcome.customer_id), uuid.UUID(outcome.receipt_id)
    body = await told(tx, customer_id, receipt_id, push.events, push.entries, _ending(tx, push))
    return Made(body, 201 if outcome.status == "created" else 200)


def _ending(tx: Tx, push: Push) -> Ending:
    """What the last statement does besides telling: end warnings of a silence, and see who has reached an amount."""
    ending = after_purchases(tx, push.counted, push.company.today(tx.now))
    return opportunities.after_purchases(tx, ending, push.moved, push.company)


async def _record(tx: Tx, push: Push) -> None:
    """The plain list of what happens."""
    if not push.prepared.index:
        return
    known, plan = await _plan(tx, push)
    push.outcomes.update(plan.refused)
    if plan.owners:
        await _new_products(tx, push, known, plan)
        owners = await _owners(tx, push, known, plan)
        written = await _write(tx, push, owners)
        lost = [place for place in plan.owners if place not in written]
        plan.taken |= await _taken_meanwhile(tx, push, lost)
    await _compare(tx, push, plan)


async def _plan(tx: Tx, push: Push) -> tuple[Known, Plan]:
    """Look everything up and decide, locking nothing."""
    prepared = push.prepared
    stores = {store: place for place, store in enumerate(dict.fromkeys(prepared.stores))}
    asked = Asked(
        stores=list(stores),
        products=list(prepared.products),
        customers=prepared.customers,
        numbers=list(zip(prepared.sources, prepared.numbers, strict=True)),
        identifiers=[identifier.key for identifier in prepared.identifiers],
    )
    known = await queries.resolve(tx, asked)
    named = reread(prepared, known, stores)
    more = named.identifiers[len(prepared.identifiers) :]
    if more:
        found = await queries.resolve(tx, Asked(identifiers=[identifier.key for identifier in more]))
        known.holders |= {place + len(prepared.identifiers): holder for place, holder in found.holders.items()}
    push.regions.update((store, known.stores[place].region) for store, place in stores.items() if place in known.stores)
    return known, planned(prepared, known, named, stores, tx.caller)


async def _new_products(tx: Tx, push: Push, known: Known, plan: Plan) -> None:
    """Create the products that nobody has seen, with the category that the line tells."""
    prepared = push.prepared
    codes = list(prepared.products)
    wanted = {codes[place] for place in known.new_products}
    if wanted and len(plan.owners) < len(prepared.index):
        sold = (content_of(prepared.contents[place])["lines"] for place in plan.owners)
        wanted &= {line["product"] for lines in sold for line in lines}
    if wanted:
        created = await catalog.ensure_products(tx, {code: prepared.products[code] for code in sorted(wanted)})
        push.tell(*catalog.announced(created))


@dataclass(slots=True)
class Owners:
    """Whose each receipt is, by place. Walk-ins have no figures and are not locked: all tills of a store share one."""

    chosen: dict[int, tuple[str, tuple[str, ...]]]
    walk_ins: set[str]
    new: set[str]


async def _owners(tx: Tx, push: Push, known: Known, plan: Plan) -> Owners:
    """The customer of each receipt that is to be written, created if need be: all new ones in one statement."""
    prepared = push.prepared
    walk_ins = {
        store: known.stores[place].walk_in
        for place, store in enumerate(dict.fromkeys(prepared.stores))
        if place in known.stores
    }
    new: dict[tuple[str, str], customers.NewCustomer] = {}
    for place, owner in plan.owners.items():
        store = prepared.stores[place]
        if owner.identifier is not None:
            if owner.identifier.key not in new:
                new[owner.identifier.key] = customers.NewCustomer(new_id(), (owner.identifier,), store, "till")
        elif owner.customer is None and walk_ins[store] is None:
            walk_in = Identifier(WALK_IN, store, store)
            new[walk_in.key] = customers.NewCustomer(new_id(), (walk_in,), store, kind=WALK_IN)
    created = await customers.create_many(tx, list(new.values())) if new else customers.Created({}, ())
    found = {key: str(holder) for key, holder in created.holders.items()}
    walk_ins |= {value: holder for (kind, value), holder in found.items() if kind == WALK_IN}
    push.tell(*customers.announced(one for one in created.made if str(one) not in walk_ins.values()))
    push.tell((), customers.announced(one for one in created.made if str(one) in walk_ins.values())[1])
    chosen: dict[int, tuple[str, tuple[str, ...]]] = {}
    for place, owner in plan.owners.items():
        if owner.identifier is not None:
            customer: str | None = found[owner.identifier.key]
        else:
            customer = owner.customer or walk_ins[prepared.stores[place]]
        chosen[place] = (str(customer), owner.flags)
    return Owners(chosen, {one for one in walk_ins.values() if one}, {str(one) for one in created.made})


async def _write(tx: Tx, push: Push, owners: Owners) -> set[int]:
    """Write the receipts and count them; the places of those that were written (the numbers of others are taken)."""
    prepared, chosen = push.prepared, owners.chosen
    written = await write_receipts(
        tx,
        prepared.receipts,
        prepared.lines,
        prepared.line_count,
        [chosen.get(place) for place in range(len(prepared.index))],
        lock=sorted({customer for customer, _ in chosen.values()} - owners.walk_ins - owners.new),
        closing_minutes=push.company.closing_minutes,
    )
    effects = []
    for place, day in written:
        customer, flags = chosen[place]
        push.outcomes[place] = Outcome("created", prepared.ids[place], customer, flags)
        if customer not in owners.walk_ins:
            effects.append(Effect(customer, customer, prepared.ids[place], day, 1))
    push.moved = await count_receipts(tx, effects)
    push.counted.update(effect.customer_id for effect in effects)
    await _on_account(tx, push, effects)
    for place, _ in sorted(written):
        _tell_recorded(push, place, chosen[place][0])
    return {place for place, _ in written}


async def _on_account(tx: Tx, push: Push, effects: Sequence[Effect]) -> None:
    """Put what was not paid on the customers' accounts, and warn of those who owe too much now.

    What nobody knows who owes is on nobody's account until the receipt gets its customer.
    """
    owed = {push.prepared.ids[place]: amount for place, amount in push.prepared.on_account.items()}
    sales = [
        Sale(uuid.UUID(one.customer_id), uuid.UUID(one.receipt_id), owed[one.receipt_id], one.business_date)
        for one in effects
        if one.receipt_id in owed
    ]
    if sales:
        push.events += await charge_sales(tx, sales, push.company.currency)
        numbers = {
            one: (source, number)
            for one, source, number in zip(push.prepared.ids, push.prepared.sources, push.prepared.numbers, strict=True)
        }
        await settle(tx, [(sale.customer_id, numbers[str(sale.receipt_id)]) for sale in sales])
        await _under_allowances(tx, push, sales)
        await evaluate(tx, "credit", {sale.customer_id for sale in sales}, push.company.today(tx.now))


async def _under_allowances(tx: Tx, push: Push, sales: Sequence[Sale]) -> None:
    """Count what a till has sold while it was cut off; what was not allowed is recorded all the same, and flagged."""
    named = push.prepared.allowances
    if not named:
        return
    places = {one: place for place, one in enumerate(push.prepared.ids) if place in named}
    uses = [
        Use(named[places[str(sale.receipt_id)]][0], sale.customer_id, sale.receipt_id, sale.amount,
            named[places[str(sale.receipt_id)]][1])
        for sale in sales if str(sale.receipt_id) in places
    ]  # fmt: skip
    found = await use_allowances(tx, uses)
    flagged = []
    for use in uses:
        if found[use.receipt_id] != WITHIN:
            place, flag = places[str(use.receipt_id)], f"allowance_{found[use.receipt_id]}"
            outcome = push.outcomes[place]
            if isinstance(outcome, Outcome):
                push.outcomes[place] = replace(outcome, flags=(*outcome.flags, flag))
            flagged.append((use.customer_id, use.receipt_id, flag))
    if flagged:
        await flag_receipts(tx, flagged)


def _tell_recorded(push: Push, place: int, customer: str) -> None:
    receipt_id = push.prepared.ids[place]
    data = {"store": push.prepared.stores[place], "customer_id": customer}
    push.events.append(Event("receipt.recorded", customer, receipt_id, data=data))
    push.entries.append(AuditEntry("receipt.record", "receipt", receipt_id, customer))


async def _taken_meanwhile(tx: Tx, push: Push, lost: list[int]) -> dict[int, Taken]:
    """Whose the numbers are that another transaction took between our look and our claim."""
    if not lost:
        return {}
    numbers = [(push.prepared.sources[place], push.prepared.numbers[place]) for place in lost]
    found = await queries.resolve(tx, Asked(numbers=numbers))
    return {lost[place]: taken for place, taken in found.numbers.items()}


async def _compare(tx: Tx, push: Push, plan: Plan) -> None:
    """Same number, same content: a duplicate, which is harmless. Other content: a conflict that tells what differs."""
    prepared, other = push.prepared, {}
    for place, earlier in plan.repeats.items():
        plan.taken[place] = plan.taken.get(earlier) or _just_written(push, earlier)
    for place, taken in plan.taken.items():
        push.outcomes[place] = Outcome("duplicate", taken.receipt_id, taken.customer_id)
        if prepared.hashes[place] != taken.hash:
            other[place] = (prepared.sources[place], prepared.numbers[place])
    stored = await receipts.stored(tx, sorted(set(other.values()))) if other else {}
    # A store is told of what it has sold; of another's receipts, who may know of their customers.
    others = {place: plan.taken[place] for place, number in other.items() if stored[number]["store"] != tx.caller.store}
    unseen = await hidden(tx, [uuid.UUID(taken.customer_id) for taken in others.values()])
    for place, number in other.items():
        found = differences(stored[number], content_of(prepared.contents[place]))
        if found:
            seen = place not in others or uuid.UUID(others[place].customer_id) not in unseen
            push.outcomes[place] = _conflict(tx, plan.taken[place].receipt_id, found if seen else None)


def _just_written(push: Push, place: int) -> Taken:
    written = push.outcomes[place]
    if isinstance(written, Problem):
        raise written
    return Taken(written.customer_id, written.receipt_id, push.prepared.hashes[place])


def _conflict(tx: Tx, receipt_id: str, found: list[dict[str, Any]] | None) -> Problem:
    detail = "This number stands for a receipt with other content; it is unchanged."
    if found is None:
        return Problem(RECEIPT_CONFLICT, detail)
    if receipts.FINANCIAL not in tx.caller.field_groups:
        # What the caller may not read is named without its values.
        found = [{"pointer": one["pointer"]} if one["pointer"].endswith("/cost") else one for one in found]
    return Problem(RECEIPT_CONFLICT, detail, extra={"receipt_id": receipt_id, "differences": found})
