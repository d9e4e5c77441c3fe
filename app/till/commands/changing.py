"""What happens to a receipt later, in one transaction: it changes hands, or is voided. Repeating is harmless."""

import uuid
from dataclasses import dataclass

from app.access.audit import AuditEntry
from app.core.db import Tx
from app.core.errors import INVALID, NOT_FOUND, FieldError, Overtaken, Problem, ProblemType
from app.core.ids import new_id
from app.core.settings import CompanySettings
from app.credit import commands as credit
from app.credit.commands import Sale
from app.customers import commands as customers
from app.customers.models import CUSTOMER_ERASED
from app.customers.queries import hidden
from app.customers.queries.merges import absent
from app.early_warning.commands import after_purchases, evaluate
from app.early_warning.opportunities import commands as opportunities
from app.feed.outbox import Event
from app.receipts import commands as receipts
from app.receipts.commands import Effect, Kept
from app.receipts.models import AMBIGUOUS_CUSTOMER, UNKNOWN_CUSTOMER
from app.till import plan, queries
from app.till.commands.answering import told
from app.till.lines import on_account
from app.till.prepare import Names
from app.till.queries import Asked
from app.till.schemas import Attribution, GivenCustomer
from app.till.terms import Exchange, Terms

# Why a receipt has no customer; settled when it gets one.
_UNSETTLED = frozenset({plan.UNKNOWN, plan.INVALID, plan.AMBIGUOUS})

_REFUSALS: dict[str, tuple[ProblemType, FieldError]] = {
    plan.INVALID: (
        INVALID,
        FieldError("/customer/identifier", plan.INVALID, "The identifier cannot be read."),
    ),
    plan.UNKNOWN: (UNKNOWN_CUSTOMER, FieldError("/customer", plan.UNKNOWN, "There is no such customer.")),
    plan.AMBIGUOUS: (
        AMBIGUOUS_CUSTOMER,
        FieldError("/customer/identifier", plan.AMBIGUOUS, "Several customers share it: name one by id."),
    ),
}


@dataclass(slots=True)
class _Change:
    """A change on its way: the receipt as it is, and what is to be told."""

    kept: Kept
    events: list[Event]
    entries: list[AuditEntry]


async def attribute_receipt(tx: Tx, receipt_id: uuid.UUID, order: Attribution, company: CompanySettings) -> bytes:
    """Give a receipt to a customer, or back to its store's walk-in. Answers its document.

    Figures are right at once on both sides. Raises Problem: no such receipt, or a customer that cannot be told.
    """
    change = _Change(await _held(tx, receipt_id), [], [])
    kept = change.kept
    owner, walk_in = await _owner(tx, change, order, company)
    if owner == kept.customer_id:
        return await told(tx, owner, kept.id, change.events, change.entries)
    flags = kept.flags if walk_in else tuple(flag for flag in kept.flags if flag not in _UNSETTLED)
    counted = [one for one, nobody in ((kept.customer_id, kept.walk_in), (owner, walk_in)) if not nobody]
    if await receipts.lock_customers(tx, counted) != set(counted):
        gone = None if kept.walk_in else await absent(tx, kept.customer_id)
        # The receipt of somebody who was erased stays where it is; who was merged has given it away meanwhile.
        raise gone if gone is not None and gone.type is CUSTOMER_ERASED else Overtaken
    await receipts.move_receipt(tx, kept, owner, flags)
    moved: list[receipts.Moved] = []
    if kept.voided_at is None:
        signs = ((one, 1 if one == owner else -1) for one in counted)
        moved = await receipts.count_receipts(
            tx, [Effect(str(one), str(owner), str(kept.id), kept.business_date, sign) for one, sign in signs]
        )
        change.events += await _on_account(tx, kept, owner if not walk_in else None, company)
    data = {"store": kept.store, "customer_id": str(owner), "previous_customer_id": str(kept.customer_id)}
    change.events.append(Event("receipt.attributed", owner, kept.id, data=data))
    change.entries.append(AuditEntry("receipt.attribute", "receipt", kept.id, owner, ("customer_id",)))
    ending = after_purchases(tx, counted if kept.voided_at is None else (), company.today(tx.now))
    ending = opportunities.after_purchases(tx, ending, moved, company)
    return await told(tx, owner, kept.id, change.events, change.entries, ending)


async def _on_account(tx: Tx, kept: Kept, owner: uuid.UUID | None, company: CompanySettings) -> list[Event]:
    """Take what is owed for a receipt from the account of who had it to that of who has it now, if anybody."""
    owed = on_account(kept.tenders, Exchange.of(kept.currency, kept.rate, company.currency))
    if not owed:
        return []
    today, events = company.today(tx.now), []
    concerned = [one for one in (None if kept.walk_in else kept.customer_id, owner) if one is not None]
    # Both at once, in the order in which everybody locks them.
    await credit.lock_accounts(tx, concerned)
    if not kept.walk_in:
        events += await credit.take_back(tx, kept.customer_id, kept.id, today)
    if owner is not None:
        events += await credit.charge_sales(tx, [Sale(owner, kept.id, owed, kept.business_date)], company.currency)
        await credit.settle(tx, [(owner, (kept.source, kept.number))])
    await evaluate(tx, "credit", concerned, today)
    return events


async def void_receipt(tx: Tx, receipt_id: uuid.UUID, company: CompanySettings) -> bytes:
    """Cancel a receipt: it is kept, and counts nowhere. Answers its document. Raises Problem if there is none."""
    kept = await _held(tx, receipt_id)
    if tx.caller.store not in {None, kept.store}:
        raise Problem(NOT_FOUND)
    if kept.voided_at is not None:
        return await told(tx, kept.customer_id, kept.id, (), ())
    if not kept.walk_in:
        await receipts.lock_customers(tx, [kept.customer_id])
    await receipts.void_receipt(tx, kept)
    events: list[Event] = []
    moved: list[receipts.Moved] = []
    if not kept.walk_in:
        customer = str(kept.customer_id)
        moved = await receipts.count_receipts(tx, [Effect(customer, customer, str(kept.id), kept.business_date, -1)])
        events = await _on_account(tx, kept, None, company)
    data = {"store": kept.store, "customer_id": str(kept.customer_id)}
    event = Event("receipt.voided", kept.customer_id, kept.id, data=data)
    entry = AuditEntry("receipt.void", "receipt", kept.id, kept.customer_id, ("voided_at",))
    ending = after_purchases(tx, () if kept.walk_in else (kept.customer_id,), company.today(tx.now))
    ending = opportunities.after_purchases(tx, ending, moved, company)
    return await told(tx, kept.customer_id, kept.id, [*events, event], [entry], ending)


async def _held(tx: Tx, receipt_id: uuid.UUID) -> Kept:
    kept = await receipts.hold_receipt(tx, receipt_id)
    if kept is None:
        raise Problem(NOT_FOUND)
    # Who stands for nobody in particular is nobody's: the receipt is its store's.
    near = kept.walk_in and tx.caller.store in {None, kept.store}
    if not near and await hidden(tx, [kept.customer_id]):
        raise Problem(NOT_FOUND)
    return kept


async def _owner(tx: Tx, change: _Change, order: Attribution, company: CompanySettings) -> tuple[uuid.UUID, bool]:
    """(customer, whether it is the walk-in) to whom the receipt shall belong. Raises Problem if nobody can be told."""
    store = change.kept.store
    shop = (await queries.resolve(tx, Asked(stores=[store]))).stores[0]
    found = await _found(tx, order, store, Terms(company, tx.now, {store: shop.region}))
    for flag in found.flags:
        gone = await absent(tx, order.customer.id) if order.customer is not None and order.customer.id else None
        if gone is not None:
            raise gone
        kind, error = _REFUSALS[flag]
        raise Problem(kind, error.detail, [error])
    if found.customer is not None:
        return uuid.UUID(found.customer), False
    if found.identifier is None:
        walk_in = shop.walk_in or (await customers.ensure_walk_ins(tx, [store]))[store]
        return uuid.UUID(str(walk_in)), True
    new = customers.NewCustomer(new_id(), (found.identifier,), store, "till")
    created = await customers.create_many(tx, [new])
    events, entries = customers.announced(created.made)
    change.events += events
    change.entries += entries
    return created.holders[found.identifier.key], False


async def _found(tx: Tx, order: Attribution, store: str, terms: Terms) -> plan.Owner:
    given: GivenCustomer | None = order.customer
    if given is not None and (given.id is None) == (given.identifier is None):
        error = FieldError("/customer", "one_of", "Name the customer by id or by identifier.")
        raise Problem(INVALID, error.detail, [error])
    names = Names(terms)
    who = names.who(given, store, create=order.on_unknown_customer == "create")
    asked = Asked(customers=list(names.customers), identifiers=[one.key for one in names.identifiers])
    known = await queries.resolve(tx, asked)
    found = plan.owner(who, known, names.identifiers, may_create=plan.may_create(tx.caller))
    if found.customer is not None and await hidden(tx, [uuid.UUID(found.customer)]):
        return plan.Owner(flags=(plan.UNKNOWN,))
    return found
