"""Erasing a customer, in one transaction through all rooms.

Locks are taken in the usual order: customers (of both sides of a relationship) by id, then what belongs to them.
"""

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert

from app.access.audit import AuditEntry
from app.core import idempotency
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem
from app.core.ids import new_id
from app.core.rights import Gone, Kept, Person
from app.core.services import Services
from app.core.settings import Settings
from app.core.types import rfc3339
from app.customers.purposes import happened
from app.customers.queries import person as customers
from app.customers.queries.merges import absent
from app.feed.outbox import Event, announce
from app.privacy import queries
from app.privacy.models import ERASURE_REFUSED, Erasure
from app.privacy.retention import REASONS, Rule, held_back, rules
from app.privacy.signing import Signer, signer_of

# Settings say which of these an erasure waits for; every other reason stands.
OPTIONAL = frozenset({"open_balance", "open_complaint", "open_promise"})
_KIND = "clientele.erasure.1"


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is to be erased and why: `reason` and `reference` are codes, never texts about somebody."""

    customer_id: uuid.UUID
    reason: str
    requested_at: datetime | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Office:
    """What an erasure works with: the rooms, the settings, the key."""

    persons: Sequence[Person]
    settings: Settings
    signer: Signer

    @classmethod
    def of(cls, services: Services) -> "Office":
        """From a process's services."""
        return cls(services.rights, services.settings, signer_of(services.settings.secret))


async def erase(tx: Tx, office: Office, asked: Asked) -> tuple[str, bool]:
    """Erase a customer and all that were merged into it; (the JSON of the erasure, whether it was done now).

    Raises Problem: no such customer, it was merged into another, something must be settled first.
    """
    held, related = await lock(tx, [asked.customer_id])
    mine = held.get(asked.customer_id)
    if mine is None or mine.status in {"merged", "erased"}:
        known = await queries.of_customer(tx, asked.customer_id)
        if known is not None:
            return known, False
        raise await absent(tx, asked.customer_id) or Problem(NOT_FOUND)
    ids = sorted(held)
    await _refuse_unless_settled(tx, office, ids, mine.kind)
    found = rules(office.settings.retention)
    gone = await forget(tx, office.persons, ids, kept_of([(ids, {rule.rule for rule in held_back(found)})]))
    row = _row(tx, office, asked, ids, counts(gone, ids), held_back(found))
    await tx.execute(insert(Erasure).values(row))
    await tell(tx, {one: held[one].version + 1 for one in ids}, related)
    return str(await queries.document(tx, row["id"])), True


async def lock(tx: Tx, customers_ids: Iterable[uuid.UUID]) -> tuple[dict[uuid.UUID, Any], list[Any]]:
    """Lock the customers, whom they were merged with, and whom they are related to: (person by id, relationships)."""
    wanted = list(customers_ids)
    while True:
        ids = await customers.same_person(tx, wanted)
        related = await customers.related(tx, ids)
        held = await customers.hold(tx, [*ids, *(one[0] for one in related)])
        # Somebody may have merged or related them while we waited.
        again = await customers.same_person(tx, wanted)
        if again == ids and await customers.related(tx, ids) == related:
            return {one: held[one] for one in ids}, related


async def _refuse_unless_settled(tx: Tx, office: Office, ids: Sequence[uuid.UUID], kind: str) -> None:
    reasons = ["walk_in"] if kind == "walk_in" else []
    for person in office.persons:
        ask = getattr(person, "unsettled", None)
        if ask is not None:
            reasons += await ask(tx, ids)
    reasons = [one for one in reasons if one not in OPTIONAL or one in office.settings.retention.settle]
    if reasons:
        told = [{"code": one, "detail": REASONS[one]} for one in reasons]
        raise Problem(ERASURE_REFUSED, " ".join(REASONS[one] for one in reasons), extra={"reasons": told})


def kept_of(some: Sequence[tuple[Collection[uuid.UUID], Collection[str]]]) -> Kept:
    """For `forget`, from customers with the rules that hold something back of all of them.

    Of who is named more than once goes what may go for any.
    """
    kept: dict[str, set[uuid.UUID]] = {}
    for rule in {rule for _, held in some for rule in held}:
        kept[rule] = {one for ids, held in some if rule in held for one in ids}
        kept[rule] -= {one for ids, held in some if rule not in held for one in ids}
    return kept


async def forget(tx: Tx, persons: Sequence[Person], ids: Sequence[uuid.UUID], kept: Kept) -> Gone:
    """Erase locked customers everywhere, in a fixed few statements. What is of several counts for the first."""
    # While the audit and the receipts still say whose they are, in whatever way.
    answers = await idempotency.erase(tx.connection, await queries.moments(tx, ids), ids, tx.now)
    gone: Gone = Counter({(one, "idempotency_keys"): number for one, number in answers.items()})
    for person in persons:
        gone.update(await person.forget(tx, ids, kept))
    return gone


def counts(gone: Gone, ids: Collection[uuid.UUID]) -> dict[str, int]:
    """Table -> rows of some customers."""
    found: Counter[str] = Counter()
    for (one, table), number in gone.items():
        if one in ids:
            found[table] += number
    return dict(sorted(found.items()))


def _row(
    tx: Tx, office: Office, asked: Asked, ids: Sequence[uuid.UUID], counts: dict[str, int], kept: Sequence[Rule]
) -> dict[str, Any]:  # fmt: skip
    today = office.settings.company.today(tx.now)
    one, also = new_id(), [each for each in ids if each != asked.customer_id]
    until = {rule.rule: rule.until(today) for rule in kept}
    record = {
        "kind": _KIND,
        "id": str(one),
        "customer_id": str(asked.customer_id),
        "also": [str(each) for each in also],
        "reason": asked.reason,
        "reference": asked.reference,
        "requested_at": rfc3339(happened(asked.requested_at, tx.now, "/requested_at")),
        "erased_at": rfc3339(tx.now),
        "erased_by": str(tx.caller.client_id),
        "erased": counts,
        "kept": [
            {"rule": rule.rule, "what": rule.what, "why": rule.why, "until": day.isoformat() if day else None}
            for rule in kept
            for day in [until[rule.rule]]
        ],
    }
    return {
        "customer_id": asked.customer_id,
        "id": one,
        "erased_at": tx.now,
        "kept_until": min((day for day in until.values() if day is not None), default=None),
        "also": also,
        "record": record,
        "signature": office.signer.sign(record),
        "public_key": office.signer.public_key,
    }


async def tell(tx: Tx, versions: dict[uuid.UUID, int], related: Sequence[tuple[uuid.UUID, uuid.UUID, int]]) -> None:
    """Publish that customers were erased, and that others lost their relationships to them; write it down."""
    events = [Event("customer.erased", one, one, version) for one, version in sorted(versions.items())]
    entries = [AuditEntry("customer.erase", "customer", one, one) for one in sorted(versions)]
    events += [Event("relationship.updated", other, one, version + 1) for other, one, version in related]
    entries += [AuditEntry("relationship.delete", "relationship", one, other) for other, one, _ in related]
    await announce(tx, events, entries)
