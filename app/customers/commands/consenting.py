"""What customers decide, and how they want to be contacted."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert
from sqlalchemy.dialects.postgresql import insert as upsert

from app.access.audit import AuditEntry, record
from app.core.db import Tx
from app.core.errors import NOT_FOUND, Problem, stale
from app.core.ids import new_id
from app.core.sql import together
from app.customers import queries
from app.customers.models import Consent, ContactPolicy
from app.customers.purposes import happened
from app.customers.queries import contact as contact_queries
from app.feed.outbox import Event, publish

_POLICY = ("do_not_call", "preferred_channel", "time_zone", "hours", "most", "within_days", "wanted_days")


async def record_consent(tx: Tx, customer: uuid.UUID, given: Mapping[str, Any]) -> uuid.UUID:
    """Append a decision of a customer's (the fields of `ConsentIn`); its id. It takes its place by `decided_at`.

    Raises Problem: no such customer, a decision in the future.
    """
    at = happened(given.get("decided_at"), tx.now, "/decided_at")
    # The row is locked so that the order of decisions on the feed is the order of their ids.
    if customer not in await queries.locked(tx, [customer]):
        raise Problem(NOT_FOUND)
    consent = new_id()
    about = {name: given.get(name) for name in ("purpose", "channel", "partner", "state")}
    said = insert(Consent).values(
        customer_id=customer, id=consent, decided_at=at, recorded_at=tx.now, recorded_by=tx.caller.client_id, **about,
        source=given["source"], proof=given.get("proof"),
    )  # fmt: skip
    event = Event("consent.changed", customer, consent, data={"customer_id": str(customer), **about})
    entry = AuditEntry("consent.record", "consent", consent, customer, (*about, "source", "proof", "decided_at"))
    await tx.execute(together(said, publish(tx, [event]), record(tx, [entry])))
    return consent


async def put_policy(tx: Tx, customer: uuid.UUID, given: Mapping[str, Any], version: int | None) -> bool:
    """Set how a customer wants to be contacted (the fields of `ContactPolicyIn`), whole; whether it is the first time.

    `version` is the one that was read, None for any. What is the same makes no new version. Raises Problem: no such
    customer, another version.
    """
    if customer not in await queries.locked(tx, [customer]):
        raise Problem(NOT_FOUND)
    held = await contact_queries.policy_row(tx, customer)
    now_at = 0 if held is None else held["version"]
    if version is not None and version != now_at:
        raise stale(now_at)
    cap = given.get("cap") or {"most": None, "within_days": None}
    after = {**{name: given.get(name) for name in _POLICY if name not in cap}, **cap}
    before = dict.fromkeys(_POLICY) if held is None else held
    changed = tuple(name for name in _POLICY if held is None or after[name] != before[name])
    if not changed:
        return False
    values = {**after, "version": now_at + 1, "updated_at": tx.now}
    made = upsert(ContactPolicy).values(customer_id=customer, **values)
    made = made.on_conflict_do_update(index_elements=["customer_id"], set_=values)
    event = Event("contact_policy.updated", customer, customer, now_at + 1)
    entry = AuditEntry("contact_policy.update", "contact_policy", customer, customer, changed)
    await tx.execute(together(made, publish(tx, [event]), record(tx, [entry])))
    return held is None
