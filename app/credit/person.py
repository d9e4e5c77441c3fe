"""What becomes of an account and its ledger, of plans and of expenses when two records are merged, or parted again."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, Executable, Uuid, bindparam, or_, select, text
from sqlalchemy.dialects.postgresql import JSONB

from app.core import rights
from app.core.db import Tx
from app.core.person import (
    Conflict,
    Fate,
    Fields,
    Holding,
    Trip,
    everything_moved,
    image,
    move_rows,
    move_rows_back,
    put_images,
)
from app.credit import traces
from app.credit.commands import lock_accounts
from app.credit.models import (
    LIVE,
    CreditAccount,
    CreditAllowance,
    CreditAllowanceUse,
    CreditAuthorisation,
    CreditChange,
    Expense,
    ExpenseBudget,
    Receivable,
    ReceivableAllocation,
    SalesPlan,
)

_SAME_PERIOD = "theirs.period = mine.period"
HOLDINGS = (
    Holding(CreditAccount, Fate.OWN),
    # What is entered later for a receipt that goes back goes back with it.
    Holding(Receivable, follows=("receipt_id",)),
    # What is named later for what goes back goes back with it; between what is parted nothing is named any more.
    Holding(ReceivableAllocation, follows=("payment_id", "charge_id")),
    Holding(CreditAuthorisation),
    Holding(CreditAllowance),
    Holding(CreditAllowanceUse, follows=("allowance_id",)),
    Holding(CreditChange),
    # Of two for one period the winner's counts both: what one person bought was planned for in two parts.
    Holding(SalesPlan, clash=_SAME_PERIOD),
    Holding(ExpenseBudget, clash=_SAME_PERIOD),
    Holding(Expense, follows=("corrects",)),
)
TRACES = traces.TRACES

_HAS = text(
    "SELECT EXISTS (SELECT FROM sales_plans WHERE customer_id = :loser),"
    " EXISTS (SELECT FROM expense_budgets WHERE customer_id = :loser),"
    " EXISTS (SELECT FROM expenses WHERE customer_id = :loser)"
)
_TERMS = ("credit_limit", "term_days", "currency", "status", "review_on")
# The terms of an account that is there because something is owed.
_BARE: Fields = {"credit_limit": 0, "term_days": 0, "status": "active"}
_PLANS: tuple[type[SalesPlan | ExpenseBudget], ...] = (SalesPlan, ExpenseBudget)


def _rename(table: str) -> Executable:
    """An external id stands for one entry of a customer. Of two the loser's gets its id added: no amount is lost."""
    return text(
        f"""
UPDATE {table} mine SET external_id = mine.external_id || ' (' || mine.customer_id || ')'
FROM {table} theirs
WHERE mine.customer_id = :loser AND theirs.customer_id = :winner AND theirs.external_id = mine.external_id
RETURNING mine.id, theirs.external_id
"""
    )


def _rename_back(table: str) -> Executable:
    return text(
        f"""
UPDATE {table} r SET external_id = n.external_id
FROM jsonb_to_recordset(:renamed) n(id uuid, external_id text) WHERE r.customer_id = :loser AND r.id = n.id
"""
    ).bindparams(bindparam("renamed", type_=JSONB))


# What is planned for a month of a plan that is not laid out over months: by its days, so that no month loses any.
_PART = "(round({plan}::numeric * m.days / m.all_days) - round({plan}::numeric * m.days_before / m.all_days))::bigint"
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
  status = r.status, review_on = r.review_on, version = a.version + 1, updated_at = :now
FROM jsonb_populate_record(NULL::credit_accounts, :row) r WHERE a.customer_id = :customer
"""
).bindparams(bindparam("row", type_=JSONB))
_GOES = "({0}.id = ANY (:moved) OR coalesce({0}.receipt_id = ANY (:all), false))"
_PARTED = text(
    f"""
DELETE FROM receivable_allocations n USING receivables p, receivables c
WHERE n.customer_id = :winner AND p.customer_id = n.customer_id AND p.id = n.payment_id
  AND c.customer_id = n.customer_id AND c.id = n.charge_id AND {_GOES.format("p")} <> {_GOES.format("c")}
"""
).bindparams(bindparam("all", type_=ARRAY(Uuid)), bindparam("moved", type_=ARRAY(Uuid)))
_DROP_EMPTY = text(
    """
DELETE FROM credit_accounts a WHERE a.customer_id = :customer
AND NOT EXISTS (SELECT FROM receivables r WHERE r.customer_id = a.customer_id)
AND NOT EXISTS (SELECT FROM credit_authorisations r WHERE r.customer_id = a.customer_id)
AND NOT EXISTS (SELECT FROM credit_allowances r WHERE r.customer_id = a.customer_id)
"""
)
_DROP = text("DELETE FROM credit_accounts WHERE customer_id = :customer")


# The months are added. Where only one of the two is laid out over them, the other lies over them by their days.
def _add(table: str) -> Executable:
    return text(
        f"""
WITH pair AS MATERIALIZED (
  SELECT w.id, to_jsonb(w) AS before, w.planned + l.planned AS planned, w.starts_on, w.ends_on,
         w.phases AS ours, l.phases AS theirs, w.planned AS our_plan, l.planned AS their_plan
  FROM {table} w JOIN {table} l ON l.period = w.period
  WHERE w.customer_id = :winner AND l.customer_id = :loser
),
month AS (
  SELECT p.*, m.place, (m.first + interval '1 month')::date - p.starts_on AS days, m.first - p.starts_on AS days_before,
         p.ends_on - p.starts_on + 1 AS all_days
  FROM pair p CROSS JOIN LATERAL (
    SELECT place, (p.starts_on + make_interval(months => place - 1))::date AS first
    FROM generate_series(1, coalesce(cardinality(p.ours), cardinality(p.theirs), 0)) place
  ) m
),
laid AS (
  SELECT m.id, array_agg(
    coalesce(m.ours[m.place], {_PART.format(plan="m.our_plan")})
    + coalesce(m.theirs[m.place], {_PART.format(plan="m.their_plan")}) ORDER BY m.place) AS phases
  FROM month m GROUP BY m.id
)
UPDATE {table} w SET planned = p.planned, phases = l.phases, version = w.version + 1, updated_at = :now
FROM pair p LEFT JOIN laid l ON l.id = p.id
WHERE w.customer_id = :winner AND w.id = p.id
RETURNING p.before, to_jsonb(w) AS after
"""
    )


# A plan that was changed since stays as it is.
def _take_off(table: str) -> Executable:
    return text(
        f"""
UPDATE {table} w SET planned = b.planned, phases = b.phases, version = w.version + 1, updated_at = :now
FROM jsonb_populate_recordset(NULL::{table}, :before) b
JOIN jsonb_populate_recordset(NULL::{table}, :after) a ON a.id = b.id
WHERE w.customer_id = :winner AND w.id = b.id AND w.version = a.version
RETURNING w.id
"""
    ).bindparams(bindparam("before", type_=JSONB), bindparam("after", type_=JSONB))


async def move(tx: Tx, trip: Trip) -> None:
    """The winner owes what both owed, on one account; whose terms count is a conflict if they differ.

    What was planned for both for one period, and what was spent on both, is added up.
    """
    winner, loser = await _accounts(tx, trip)
    await _join_plans(tx, trip)
    if loser is not None:
        await _join_accounts(tx, trip, winner, loser)
    await move_rows(tx, HOLDINGS, trip)
    if loser is not None:
        await tx.execute(_DROP, {"customer": trip.loser})
        await tx.execute(_BALANCE, {"customers": [trip.winner]})


async def _join_plans(tx: Tx, trip: Trip) -> None:
    """Before rows move: plans that clash are added to, and external ids of expenses that clash are renamed."""
    values = {"winner": trip.winner, "loser": trip.loser}
    # Most customers have none of these.
    *planned, spent = (await tx.rows(_HAS, {"loser": trip.loser}))[0]
    for model in (model for model, has in zip(_PLANS, planned, strict=True) if has):
        added = await tx.rows(_add(model.__tablename__), {**values, "now": tx.now})
        if added:
            kept = trip.of(model.__tablename__)
            kept.before = {"winner": [row.before for row in added]}
            kept.after = {"winner": [row.after for row in added]}
    renamed = await tx.rows(_rename("expenses"), values) if spent else []
    if renamed:
        trip.of("expenses").before = {"renamed": _names(renamed)}


def _names(renamed: Sequence[Any]) -> list[Fields]:
    return [{"id": str(row.id), "external_id": row.external_id} for row in renamed]


async def _join_accounts(tx: Tx, trip: Trip, winner: Fields | None, loser: Fields) -> None:
    kept, after = trip.of("credit_accounts"), loser
    if winner is None:
        await put_images(tx, CreditAccount, [{**loser, "customer_id": str(trip.winner)}])
    else:
        after = _terms(trip, winner, loser)
        if any(after[name] != winner[name] for name in _TERMS):
            await tx.execute(_SET, {"row": after, "customer": trip.winner, "now": tx.now})
    renamed = await tx.rows(_rename("receivables"), {"winner": trip.winner, "loser": trip.loser})
    kept.before = {"winner": winner, "loser": loser, "renamed": _names(renamed)}
    kept.after = {"winner": {name: after[name] for name in _TERMS}}


async def move_back(tx: Tx, trip: Trip) -> None:
    """What had moved goes back, and the terms; balances are what the entries say, plans what they were."""
    kept = trip.of("credit_accounts")
    winner, _ = await _accounts(tx, trip)
    if kept.before:
        await put_images(tx, CreditAccount, [kept.before["loser"]])
    await _part_named(tx, trip)
    await move_rows_back(tx, HOLDINGS, trip)
    await _part_plans(tx, trip)
    if kept.before:
        await _part_accounts(tx, trip, winner)


async def _part_named(tx: Tx, trip: Trip) -> None:
    """What was paid by name since the merge, between what is parted now, is named no more: it settles what is due."""
    going = {"winner": trip.winner, "all": everything_moved(trip)}
    moved = [uuid.UUID(one) for one in trip.of("receivables").moved]
    if (await tx.execute(_PARTED, {**going, "moved": moved})).rowcount:
        trip.lost.append("receivable_allocations")


async def _part_plans(tx: Tx, trip: Trip) -> None:
    for model in _PLANS:
        added = trip.of(model.__tablename__)
        if added.before:
            images = {"before": added.before["winner"], "after": added.after["winner"]}
            values = {**images, "winner": trip.winner, "now": tx.now}
            done = await tx.rows(_take_off(model.__tablename__), values)
            if len(done) < len(added.before["winner"]):
                trip.lost.append(model.__tablename__)
    renamed = trip.of("expenses").before.get("renamed")
    if renamed:
        await tx.execute(_rename_back("expenses"), {"renamed": renamed, "loser": trip.loser})


async def _part_accounts(tx: Tx, trip: Trip, winner: Fields | None) -> None:
    kept = trip.of("credit_accounts")
    before: Fields | None = kept.before["winner"]
    # What a merge remembers that was made before accounts had all of these.
    after = dict.fromkeys(_TERMS) | kept.after["winner"]
    unchanged = winner is not None and {name: winner[name] for name in _TERMS} == after
    await tx.execute(_rename_back("receivables"), {"renamed": kept.before["renamed"], "loser": trip.loser})
    if unchanged and before is None:
        await tx.execute(_DROP_EMPTY, {"customer": trip.winner})
        # One that is needed since is as it would be without the merge: nobody has set it up.
        bare = {**after, **_BARE, "review_on": None}
        if bare != after:
            await tx.execute(_SET, {"row": bare, "customer": trip.winner, "now": tx.now})
    elif unchanged and before is not None and any(before.get(name) != after[name] for name in _TERMS):
        await tx.execute(_SET, {"row": before, "customer": trip.winner, "now": tx.now})
    await tx.execute(_BALANCE, {"customers": sorted((trip.winner, trip.loser))})


def _terms(trip: Trip, winner: Fields, loser: Fields) -> Fields:
    """Whose terms count: those of an account that somebody has set up, then the winner's. A stop stays a stop."""
    ours, theirs = ({name: row[name] for name in _TERMS} for row in (winner, loser))
    if ours == theirs:
        return winner
    bare = [all(row[name] == value for name, value in _BARE.items()) for row in (winner, loser)]
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


async def forget(tx: Tx, customers: Sequence[uuid.UUID], kept: rights.Kept) -> rights.Gone:
    """Erase customers, but what the retention rules `kept` hold back of some."""
    return await rights.forget(tx, TRACES, customers, kept)


async def unsettled(tx: Tx, customers: Sequence[uuid.UUID]) -> list[str]:
    """Whether something is owed, was overpaid, or is being sold on account just now; the accounts stay locked."""
    await lock_accounts(tx, customers)
    account, sale = CreditAccount, CreditAuthorisation
    owing = select(account.customer_id).where(account.customer_id.in_(customers), account.balance != 0)
    going_on = (sale.status == "captured") | ((sale.status == "held") & (sale.expires_at > tx.now))
    selling = select(sale.id).where(sale.customer_id.in_(customers), text(LIVE), going_on)
    allowed = CreditAllowance
    waiting = (allowed.closed_at.is_(None), allowed.reserved_until > tx.now, allowed.used < allowed.amount)
    cut_off = select(allowed.id).where(allowed.customer_id.in_(customers), *waiting)
    row = (await tx.rows(select(owing.exists(), or_(selling.exists(), cut_off.exists()))))[0]
    return [reason for reason, found in zip(("open_balance", "open_authorisation"), row, strict=True) if found]
