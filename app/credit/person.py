"""What becomes of an account and its ledger when two records are merged, or parted again."""

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import ARRAY, Uuid, bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB

from app.core import rights
from app.core.db import Tx
from app.core.person import (
    Conflict,
    Fate,
    Fields,
    Holding,
    Trip,
    image,
    move_rows,
    move_rows_back,
    put_images,
)
from app.credit import traces
from app.credit.commands import lock_accounts
from app.credit.models import LIVE, CreditAccount, CreditAuthorisation, Receivable

HOLDINGS = (
    Holding(CreditAccount, Fate.OWN),
    # What is entered later for a receipt that goes back goes back with it.
    Holding(Receivable, follows=("receipt_id",)),
    Holding(CreditAuthorisation),
)
TRACES = traces.TRACES

_TERMS = ("credit_limit", "term_days", "currency", "status")
# An external id stands for one entry of an account. Of two the loser's gets its customer's id added: no amount is lost.
_RENAME = text(
    """
UPDATE receivables mine SET external_id = mine.external_id || ' (' || mine.customer_id || ')'
FROM receivables theirs
WHERE mine.customer_id = :loser AND theirs.customer_id = :winner AND theirs.external_id = mine.external_id
RETURNING mine.id, theirs.external_id
"""
)
_RENAME_BACK = text(
    """
UPDATE receivables r SET external_id = n.external_id
FROM jsonb_to_recordset(:renamed) n(id uuid, external_id text) WHERE r.customer_id = :loser AND r.id = n.id
"""
).bindparams(bindparam("renamed", type_=JSONB))
_BALANCE = text(
    """
UPDATE credit_accounts a
SET balance = coalesce((SELECT sum(amount) FROM receivables r WHERE r.customer_id = a.customer_id), 0)
WHERE a.customer_id = ANY (:customers)
"""
).bindparams(bindparam("customers", type_=ARRAY(Uuid)))
_SET = text(
    """
UPDATE credit_accounts a SET credit_limit = r.credit_limit, term_days = r.term_days, currency = r.currency,
  status = r.status, version = a.version + 1, updated_at = :now
FROM jsonb_populate_record(NULL::credit_accounts, :row) r WHERE a.customer_id = :customer
"""
).bindparams(bindparam("row", type_=JSONB))
_DROP_EMPTY = text(
    """
DELETE FROM credit_accounts a WHERE a.customer_id = :customer
AND NOT EXISTS (SELECT FROM receivables r WHERE r.customer_id = a.customer_id)
"""
)
_DROP = text("DELETE FROM credit_accounts WHERE customer_id = :customer")


async def move(tx: Tx, trip: Trip) -> None:
    """The winner owes what both owed, on one account; whose terms count is a conflict if they differ."""
    winner, loser = await _accounts(tx, trip)
    if loser is None:
        return
    kept, after = trip.of("credit_accounts"), loser
    if winner is None:
        await put_images(tx, CreditAccount, [{**loser, "customer_id": str(trip.winner)}])
    else:
        after = _terms(trip, winner, loser)
        if any(after[name] != winner[name] for name in _TERMS):
            await tx.execute(_SET, {"row": after, "customer": trip.winner, "now": tx.now})
    renamed = await tx.rows(_RENAME, {"winner": trip.winner, "loser": trip.loser})
    kept.before = {
        "winner": winner, "loser": loser,
        "renamed": [{"id": str(row.id), "external_id": row.external_id} for row in renamed],
    }  # fmt: skip
    kept.after = {"winner": {name: after[name] for name in _TERMS}}
    await move_rows(tx, HOLDINGS, trip)
    await tx.execute(_DROP, {"customer": trip.loser})
    await tx.execute(_BALANCE, {"customers": [trip.winner]})


async def move_back(tx: Tx, trip: Trip) -> None:
    """Entries that had moved go back, and the terms; both balances are what the entries say."""
    kept = trip.of("credit_accounts")
    if not kept.before:
        return
    winner, _ = await _accounts(tx, trip)
    before: Fields | None = kept.before["winner"]
    unchanged = winner is not None and {name: winner[name] for name in _TERMS} == kept.after["winner"]
    await put_images(tx, CreditAccount, [kept.before["loser"]])
    await move_rows_back(tx, HOLDINGS, trip)
    await tx.execute(_RENAME_BACK, {"renamed": kept.before["renamed"], "loser": trip.loser})
    if unchanged and before is None:
        await tx.execute(_DROP_EMPTY, {"customer": trip.winner})
    elif unchanged and before is not None and any(before[name] != kept.after["winner"][name] for name in _TERMS):
        await tx.execute(_SET, {"row": before, "customer": trip.winner, "now": tx.now})
    await tx.execute(_BALANCE, {"customers": sorted((trip.winner, trip.loser))})


def _terms(trip: Trip, winner: Fields, loser: Fields) -> Fields:
    """Whose terms count: those of an account that somebody has set up, then the winner's. A stop stays a stop."""
    ours, theirs = ({name: row[name] for name in _TERMS} for row in (winner, loser))
    if ours == theirs:
        return winner
    untouched = {"credit_limit": 0, "term_days": 0, "status": "active"}
    bare = [all(row[name] == value for name, value in untouched.items()) for row in (winner, loser)]
    choice = trip.choices.get("credit")
    if choice is not None:
        kept, rule = choice, "chosen"
    else:
        kept, rule = ("loser", "set_up") if bare[0] and not bare[1] else ("winner", "set_up" if bare[1] else "winner")
    trip.chosen(Conflict("credit", ours, theirs, kept, rule, "financial"))
    stopped = "suspended" in {winner["status"], loser["status"]}
    said = theirs if kept == "loser" else ours
    return {**winner, **said, "status": "suspended" if stopped else said["status"]}


async def _accounts(tx: Tx, trip: Trip) -> tuple[Fields | None, Fields | None]:
    """Both accounts, locked in the order of customers."""
    locked = text("SELECT 1 FROM credit_accounts WHERE customer_id = ANY (:both) ORDER BY customer_id FOR UPDATE")
    both: list[uuid.UUID] = sorted((trip.winner, trip.loser))
    await tx.execute(locked.bindparams(bindparam("both", type_=ARRAY(Uuid))), {"both": both})
    return await image(tx, CreditAccount, trip.winner), await image(tx, CreditAccount, trip.loser)


async def export(tx: Tx, customers: Sequence[uuid.UUID]) -> dict[str, str]:
    """Section -> JSON list of everything that the room holds on one person."""
    return await rights.export(tx, TRACES, customers)


async def forget(tx: Tx, customers: Sequence[uuid.UUID], kept: Collection[str]) -> dict[str, int]:
    """Erase customers, but what the retention rules `kept` hold back: table -> rows."""
    return await rights.forget(tx, TRACES, customers, kept)


async def unsettled(tx: Tx, customers: Sequence[uuid.UUID]) -> list[str]:
    """Whether something is owed, was overpaid, or is being sold on account just now; the accounts stay locked."""
    await lock_accounts(tx, customers)
    account, sale = CreditAccount, CreditAuthorisation
    owing = select(account.customer_id).where(account.customer_id.in_(customers), account.balance != 0)
    going_on = (sale.status == "captured") | ((sale.status == "held") & (sale.expires_at > tx.now))
    selling = select(sale.id).where(sale.customer_id.in_(customers), text(LIVE), going_on)
    row = (await tx.rows(select(owing.exists(), selling.exists())))[0]
    return [reason for reason, found in zip(("open_balance", "open_authorisation"), row, strict=True) if found]
