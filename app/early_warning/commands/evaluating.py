"""Bringing warnings in line with the rules: one statement for any number of customers, which tells the feed as well.

Nothing changes between judging a customer and writing what follows, because the caller holds what the rule judges: the
customers' figures (`receipts`) for loss, their accounts (`credit`) for credit, and the customers themselves for plans
and expenses, which nobody changes without holding them.
"""

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import CTE, Executable, column, text

from app.core.db import Tx
from app.core.jobs import enqueue, enqueue_once, waiting
from app.core.settings import CompanySettings
from app.core.sql import id_from
from app.credit.commands import lock_accounts
from app.early_warning.commands.holding import audited, parts_of_holds, told_of_holds
from app.early_warning.commands.promising import decide_promises
from app.early_warning.commands.telling import SHOWN, noted, told
from app.early_warning.life import SETTLED
from app.early_warning.queries import (
    BY_ID,
    HANDLING,
    STRETCH,
    WARNED,
    Part,
    Parts,
    Scope,
    acting,
    chained,
    due,
    in_stretch,
    promises_due,
    stretch_end,
    to_do,
)  # fmt: skip
from app.early_warning.rules import HOLDING, KINDS, Kind
from app.receipts.commands import lock_customers

SWEEP = "warnings.sweep"
# Customers looked at in one transaction of a sweep (less than a second's work), and of these at most locked: a till
# waits no longer than that takes.
STRETCH_SIZE, LOCKED_MAX = 50_000, 1000
# Promises that are decided about in one transaction.
PROMISES_MAX = 500
_LOCKED_IN_THIS_ORDER: tuple[Kind, ...] = ("loss", "sales_progress", "sales_expense", "credit")
_DAILY = uuid.UUID("7f0c6a1e-5d1b-4f0a-9a54-0d6f7c1f3a52")

# How many warnings were opened, changed, reopened, resolved.
Done = dict[str, int]
# Parts for somebody else's statement, and their parameters.
Ending = tuple[Sequence[CTE], Mapping[str, Any]]
NOTHING: Ending = ((), {})

_KEPT = (
    "customer_id, id, version, opened_at, changed_at, rank, severity_rank, kind, subject, state, severity, status,"
    " episode, evidence"
)


# Judged after whoever is at these warnings is done: what a person resolves meanwhile may be worse by then.
_LOCKED = text(
    """
SELECT promise_state FROM warnings
WHERE customer_id = ANY (CAST(CAST(:customers AS text) AS uuid[])) AND kind = :kind
  AND (status <> 'resolved' OR promise_state = 'open')
ORDER BY customer_id, id FOR NO KEY UPDATE
"""
)


def _opened(kind: Kind) -> Part:
    key = f"a.customer_id::text || '{kind}' || a.subject || coalesce(a.warning_id::text, '')"
    return (
        "opened",
        f"""
  INSERT INTO warnings ({_KEPT}, owner, by_manager, due_at)
  SELECT a.customer_id, {id_from(key)}, 1, CAST(:now AS timestamptz), CAST(:now AS timestamptz), a.rank,
         a.severity_rank, '{kind}', a.subject, a.state, a.severity, 'open', a.episode, a.evidence,
         coalesce(c.account_manager, h.owner), true, {due("a.severity")}
  FROM acting a JOIN customers c ON c.id = a.customer_id JOIN handling h ON h.kind = '{kind}'
  WHERE a.action = 'opened' AND c.status NOT IN ('merged', 'erased') ORDER BY a.customer_id, a.subject
  ON CONFLICT (customer_id, kind, subject) WHERE status <> 'resolved' DO NOTHING
  RETURNING customer_id, id, version, kind, subject, state, severity, status, evidence""",
    )


# Of a warning that a person has changed since it was read, the row as it is now counts: one that the person has
# resolved stays so, and any other is ended or changed all the same.
#
# What gets worse wakes whoever had put it aside or taken it on; an investigation goes on, and is told. There is as much
# time for it as for a new one of its severity, if there was more, or if its time was over.
_WORSE = "(a.action = 'reopened' OR a.action = 'changed' AND a.rank > w.rank)"
_ALTERED: Part = (
    "altered",
    f"""UPDATE warnings w SET version = w.version + 1, changed_at = CAST(:now AS timestamptz), state = coalesce(a.state,
    w.state), rank = coalesce(a.rank, w.rank), severity = coalesce(a.severity, w.severity), severity_rank =
    coalesce(a.severity_rank, w.severity_rank), episode = CASE WHEN a.action = 'resolved' THEN w.episode ELSE
    a.episode END, evidence = CASE WHEN a.action = 'resolved' THEN w.evidence ELSE a.evidence END, status = CASE
    WHEN a.action = 'resolved' THEN 'resolved' WHEN {_WORSE} AND w.status <> 'investigating' THEN 'open' ELSE
    w.status END, snoozed_until = CASE WHEN a.action = 'changed' AND NOT {_WORSE} THEN w.snoozed_until END,
    due_at = CASE WHEN NOT {_WORSE} THEN w.due_at WHEN a.action = 'changed' AND w.escalated_at IS NULL
    THEN least(w.due_at, {due("a.severity")}) ELSE {due("a.severity")} END,
    escalated_at = CASE WHEN NOT {_WORSE} THEN w.escalated_at END, resolved_at =
    CASE WHEN a.action = 'resolved' THEN CAST(:now AS timestamptz) END, resolved_by =
    NULL, resolution = CASE WHEN a.action = 'resolved' THEN jsonb_build_object('outcome', 'cause_gone', 'evidence',
    a.evidence) END FROM acting a JOIN handling h ON true WHERE a.action NOT IN ('opened', 'settled') AND w.customer_id
    = a.customer_id AND h.kind = w.kind AND w.id = a.warning_id AND (w.status = 'resolved') = (a.action = 'reopened')
    RETURNING {SHOWN}, a.evidence, a.action""",
)
# Nobody is told: the warning stays as it was resolved.
_SETTLED: Part = (
    "settled",
    f"""UPDATE warnings w SET episode = '{SETTLED}' FROM acting a
    WHERE a.action = 'settled' AND w.customer_id = a.customer_id AND w.id = a.warning_id""",
)
_DONE: Part = (
    "done",
    "SELECT o.*, 'opened' AS action FROM opened o UNION ALL SELECT * FROM altered",
)
_NOTED = noted(evidence="d.evidence")
_TYPE = (
    "CASE d.action WHEN 'resolved' THEN 'warning.resolved' WHEN 'changed' THEN 'warning.changed'"
    " ELSE 'warning.opened' END"
)
_TYPES = ("warning.opened", "warning.changed", "warning.resolved")


def _parts(kind: Kind, scope: Scope) -> Parts:
    settled = (_SETTLED,) if kind != "loss" else ()
    judged = (*acting(kind, scope), HANDLING, _opened(kind), _ALTERED, *settled, _DONE, _NOTED)
    if kind not in HOLDING:
        return (*judged, told(_TYPE, *_TYPES))
    # The feed is told of a warning, and then of the hold that it brings.
    return (*judged, *parts_of_holds(kind), told(_TYPE, *_TYPES, "hold.placed", more=told_of_holds()))


@cache
def _evaluation(kind: Kind) -> Executable:
    return text(chained(_parts(kind, BY_ID), "SELECT action, count(*) FROM done GROUP BY action"))


@cache
def _after_purchases() -> tuple[CTE, ...]:
    """The same chain as parts of somebody else's statement."""
    columns = {"done": ("customer_id", "action")}
    made = []
    for name, body in _parts("loss", WARNED):
        part = text(body).columns(*(column(one) for one in columns.get(name, ())))
        made.append(part.cte(name).prefix_with("MATERIALIZED"))
    return tuple(made)


async def evaluate(tx: Tx, kind: Kind, customers: Iterable[uuid.UUID], today: date) -> Done:
    """Bring the warnings of a kind about these customers in line with its rule; how many were opened, changed, ...

    The caller has locked the customers (loss) or their accounts (credit). Of the other kinds `evaluate_customers` does.
    """
    return await _evaluate(tx, kind, parameters(tx, customers, today))


async def _evaluate(tx: Tx, kind: Kind, values: Mapping[str, Any]) -> Done:
    held = await tx.rows(_LOCKED, {"customers": values["customers"], "kind": kind})
    done = {row[0]: row[1] for row in await tx.rows(_evaluation(kind), values)}
    if any(row.promise_state == "open" for row in held):
        done["reopened"] = done.get("reopened", 0) + await decide_promises(tx, kind, values)
    return {action: count for action, count in done.items() if count}


def parameters(tx: Tx, customers: Iterable[object], today: date) -> Mapping[str, Any]:
    """The values for a statement about these customers."""
    listed = "{" + ",".join(sorted(str(one) for one in customers)) + "}"
    return {"customers": listed, "today": today, "now": tx.now, "id_time": int(tx.now.timestamp() * 1000)}


def after_purchases(tx: Tx, customers: Collection[object], today: date) -> Ending:
    """What the last statement of a push does besides: customers who were missed and have come end their warnings.

    The customers are locked and their figures are counted. Only those who were missed cost anything.
    """
    return (_after_purchases(), parameters(tx, customers, today)) if customers else NOTHING


async def evaluate_customers(
    tx: Tx, kinds: Sequence[Kind], customers: Iterable[uuid.UUID], company: CompanySettings
) -> Done:
    """Lock what the rules judge of these customers, and bring their warnings in line."""
    wanted, done = list(customers), Counter[str]()
    values = parameters(tx, wanted, company.today(tx.now))
    # Customers are locked before accounts, here as everywhere.
    for kind in sorted(kinds, key=_LOCKED_IN_THIS_ORDER.index):
        await (lock_accounts if kind == "credit" else lock_customers)(tx, wanted)
        more = {**_circumstances(kind, company), **(audited(tx) if kind in HOLDING else {})}
        done.update(await _evaluate(tx, kind, {**values, **more}))
    return dict(done)


async def end_promises(tx: Tx, company: CompanySettings) -> int:
    """Decide about promises whose day is over; of how many customers, at most PROMISES_MAX."""
    due_now = await promises_due(tx, company.today(tx.now), PROMISES_MAX)
    for kind in (one for one in _LOCKED_IN_THIS_ORDER if one in due_now):
        await evaluate_customers(tx, [kind], due_now[kind], company)
    return sum(len(customers) for customers in due_now.values())


def _circumstances(kind: Kind, company: CompanySettings) -> Mapping[str, Any]:
    """What a rule takes besides the day: how expenses are dated, and what money is in."""
    named = {"sales_progress": ("currency",), "sales_expense": ("currency", "time_zone")}.get(kind, ())
    return {{"time_zone": "zone"}.get(name, name): getattr(company, name) for name in named}


async def evaluate_stretch(
    tx: Tx, kind: Kind, after: uuid.UUID, company: CompanySettings, size: int = STRETCH_SIZE
) -> tuple[uuid.UUID | None, Done, int]:
    """The same for the next `size` customers after an id.

    Answers how far it came (None at the end), what was done, and the size of the stretch to take next. Customers about
    whom there is nothing to do, which is nearly all, are neither locked nor written.
    """
    upto = await stretch_end(tx, after, size)
    if upto is None:
        return None, {}, STRETCH_SIZE
    zone = {"zone": company.time_zone} if kind == "sales_expense" else {}
    values = {"after": after, "upto": upto, "today": company.today(tx.now), "now": tx.now, **zone}
    rows = await in_stretch(tx, _to_do(kind), values)
    found = [row[0] for row in rows[:LOCKED_MAX]]
    done = await evaluate_customers(tx, [kind], found, company) if found else {}
    return (found[-1] if len(rows) > LOCKED_MAX else upto), done, _next_size(size, len(rows))


def _next_size(size: int, found: int) -> int:
    """As many customers as are likely to hold LOCKED_MAX of whom there is something to say, less a fifth.

    Those beyond LOCKED_MAX are judged in vain: where there is much to do, as on a company's first day, a large stretch
    would be judged again for each thousand of its customers.
    """
    return min(STRETCH_SIZE, max(LOCKED_MAX, size * LOCKED_MAX * 4 // (max(found, 1) * 5)))


@cache
def _to_do(kind: Kind) -> Executable:
    return text(to_do(kind, STRETCH))


async def enqueue_sweep(tx: Tx, kinds: Sequence[Kind]) -> uuid.UUID:
    """Have all customers evaluated by a job; its id. One of the client's own that has yet to begin does as well."""
    job = (SWEEP, {"kinds": sorted(kinds)}, tx.caller.client_id)
    return await waiting(tx, *job) or await enqueue(tx, *job)


async def enqueue_daily_sweep(tx: Tx, today: date) -> None:
    """The same once a day, however often and wherever it is asked for."""
    job_id = uuid.uuid5(_DAILY, today.isoformat())
    await enqueue_once(tx, SWEEP, {"kinds": list(KINDS)}, tx.caller.client_id, job_id)
