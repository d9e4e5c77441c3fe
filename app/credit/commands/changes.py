"""Changes of an account's terms that two clients make together: one proposes, another confirms."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, update

from app.access.audit import AuditEntry
from app.core.db import Tx
from app.core.errors import Overtaken, Problem
from app.core.ids import new_id
from app.core.settings import CreditSettings
from app.credit.commands.ledger import Account, drop_accounts, hold_account, set_terms
from app.credit.models import CHANGE_DECIDED, CHANGE_OUTDATED, SECOND_KEY, CreditChange
from app.credit.queries import changes as queries
from app.feed.outbox import Event, announce

# The columns of a proposal that are terms of the account.
TERMS = ("credit_limit", "term_days", "currency", "status", "review_on")


@dataclass(frozen=True, slots=True)
class Decision:
    """What is decided of a proposal, and why, if somebody says so."""

    state: str
    reason: str | None = None


def needs_second_key(held: Account, terms: Mapping[str, Any], settings: CreditSettings) -> bool:
    """Whether these terms take another client's word: a limit above the set amount, and above what it is now.

    It is the new limit that counts, not the step, so that no number of small steps comes to the same.
    """
    above = settings.second_key_above
    return above is not None and terms["credit_limit"] > max(above, held.credit_limit)


async def propose(
    tx: Tx, customer_id: uuid.UUID, held: Account, terms: Mapping[str, Any], settings: CreditSettings
) -> uuid.UUID:
    """Keep terms of a held account as a proposal; its id. The same proposal again is the one that is there.

    Another that was open is replaced.
    """
    version = 0 if held.created else held.version
    wanted = {
        **terms,
        "account_version": version,
        "limit_before": held.credit_limit,
        "proposed_by": tx.caller.client_id,
    }
    for row in await queries.live(tx, customer_id):
        if row.expires_at > tx.now and all(getattr(row, name) == value for name, value in wanted.items()):
            same: uuid.UUID = row.id
            return same
    await replace(tx, customer_id)
    made = new_id()
    until = tx.now + timedelta(hours=settings.second_key_hours)
    row = {**wanted, "customer_id": customer_id, "id": made, "proposed_at": tx.now, "expires_at": until}
    await tx.execute(insert(CreditChange).values(**row, state="proposed"))
    if held.created:
        # Nobody has an account before somebody else has agreed to it.
        await drop_accounts(tx, [customer_id])
    await _tell(tx, customer_id, made, "proposed")
    return made


async def replace(tx: Tx, customer_id: uuid.UUID) -> None:
    """Close what is proposed for a held account: its terms are others now, or somebody proposes something else."""
    for row in await queries.live(tx, customer_id):
        await _decide(tx, row, Decision("replaced"))


async def confirm(tx: Tx, change_id: uuid.UUID, currency: str) -> uuid.UUID:
    """Let the terms of a proposal be those of the account; whose it is. Repeating is harmless.

    Raises Problem: no such change, decided or expired, proposed by the same client, an account that has changed since.
    """
    customer_id = await queries.customer_of(tx, change_id)
    held = await hold_account(tx, customer_id, currency)
    row = await _open(tx, customer_id, change_id, "confirmed")
    if row is None:
        return customer_id
    if row.proposed_by == tx.caller.client_id:
        raise Problem(SECOND_KEY, "Who proposes a change does not confirm it: another client does.")
    if (row.account_version, row.limit_before) != (0 if held.created else held.version, held.credit_limit):
        raise Problem(CHANGE_OUTDATED, "The account's terms have changed since: propose it anew.")
    await set_terms(tx, customer_id, held, {name: getattr(row, name) for name in TERMS})
    await _decide(tx, row, Decision("confirmed"))
    return customer_id


async def refuse(tx: Tx, change_id: uuid.UUID, reason: str | None) -> None:
    """Leave the account as it is. Who has proposed it may take it back so. Raises Problem as `confirm`."""
    customer_id = await queries.customer_of(tx, change_id)
    row = await _open(tx, customer_id, change_id, "refused")
    if row is not None:
        await _decide(tx, row, Decision("refused", reason))


async def _open(tx: Tx, customer_id: uuid.UUID, change_id: uuid.UUID, wanted: str) -> Any:
    """The row of a proposal, locked; None if it is what is wanted already, by the same client."""
    row = await queries.held(tx, customer_id, change_id)
    if row is None:
        # A merge has given it to another customer meanwhile.
        raise Overtaken
    if row.state == wanted and row.decided_by == tx.caller.client_id:
        return None
    state = "expired" if row.state == "proposed" and row.expires_at <= tx.now else row.state
    if state != "proposed":
        raise Problem(CHANGE_DECIDED, f"The change is {state}.", extra={"change_status": state})
    return row


async def _decide(tx: Tx, row: Any, decision: Decision) -> None:
    c = CreditChange
    values = {"decided_at": tx.now, "decided_by": tx.caller.client_id, "state": decision.state}
    changed = update(c).where(c.customer_id == row.customer_id, c.id == row.id)
    await tx.execute(changed.values(**values, reason=decision.reason))
    await _tell(tx, row.customer_id, row.id, decision.state)


async def _tell(tx: Tx, customer_id: uuid.UUID, change_id: uuid.UUID, state: str) -> None:
    kind = "credit_change.proposed" if state == "proposed" else "credit_change.decided"
    event = Event(kind, customer_id, change_id, data={"customer_id": str(customer_id), "status": state})
    verbs = {"proposed": "propose", "confirmed": "confirm", "refused": "refuse", "replaced": "replace"}
    entry = AuditEntry(f"credit_change.{verbs[state]}", "credit_change", change_id, customer_id)
    await announce(tx, [event], [entry])
