"""Bringing opportunities in line with the rules: one statement a rule for any number of customers.

It tells the feed and the audit trail as well. Whoever writes opportunities has locked their customers, so nothing
changes between judging and writing; run again, or in two places at once, it does nothing more.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import CTE, Executable, column, text

from app.core.db import Tx
from app.core.jobs import enqueue, enqueue_once, waiting
from app.core.settings import CompanySettings
from app.core.sql import id_from
from app.early_warning.commands import Ending
from app.early_warning.opportunities.models import OpportunityState
from app.early_warning.opportunities.queries import (
    BY_ID,
    STRETCH,
    Part,
    Parts,
    chained,
    concerned,
    passed,
    planned,
    to_do,
)
from app.early_warning.opportunities.rules import KINDS, Kind
from app.early_warning.queries import in_stretch, stretch_end
from app.feed.commands import come_to, next_stretch
from app.feed.outbox import publish_rows
from app.receipts.commands import Moved, lock_customers

SWEEP = "opportunities.sweep"
# Customers looked at in one transaction of a sweep, and of these at most locked; events looked at in one.
STRETCH_SIZE, LOCKED_MAX, EVENTS_MAX = 20_000, 1000, 2000
_DAILY = uuid.UUID("5b0f4c5e-9a36-4f0e-8f7b-6a2d1f0e7c14")

# How many were opened, changed, expired.
Done = dict[str, int]


def _opened(kind: Kind) -> Part:
    # One whose cause went away may come again: so many there were before.
    before = f"""(SELECT count(*) FROM opportunities b WHERE b.customer_id = p.customer_id AND b.kind = '{kind}'
      AND b.subject = p.subject)"""
    key = f"p.customer_id::text || '{kind}' || p.subject || ' ' || p.episode || ' ' || {before}::text"
    return (
        "o_opened",
        f"""
  INSERT INTO opportunities (customer_id, id, version, opened_at, changed_at, value, expires_on, priority, kind,
                             subject, episode, status, owner, evidence)
  SELECT p.customer_id, {id_from(key)}, 1, CAST(:now AS timestamptz), CAST(:now AS timestamptz), p.value, p.expires_on,
         rule.priority, '{kind}', p.subject, p.episode, 'open', p.owner, p.evidence
  FROM o_plan p CROSS JOIN o_rule rule WHERE p.action = 'opened' ORDER BY p.customer_id, p.subject
  ON CONFLICT (customer_id, kind, subject) WHERE status = 'open' DO NOTHING
  RETURNING customer_id, id, version, status, outcome""",
    )


# One that somebody has taken or dismissed since it was read stays so.
_ALTERED: Part = (
    "o_altered",
    """UPDATE opportunities o SET version = o.version + 1, changed_at = CAST(:now AS timestamptz),
    status = CASE WHEN p.action = 'expired' THEN 'expired' ELSE 'open' END,
    outcome = CASE WHEN p.action = 'expired' THEN p.outcome END,
    closed_at = CASE WHEN p.action = 'expired' THEN CAST(:now AS timestamptz) END,
    episode = coalesce(p.episode, o.episode), evidence = coalesce(p.evidence, o.evidence),
    value = CASE WHEN p.action = 'changed' THEN p.value ELSE o.value END,
    expires_on = CASE WHEN p.action = 'changed' THEN p.expires_on ELSE o.expires_on END
    FROM o_plan p WHERE p.action IN ('changed', 'expired') AND o.customer_id = p.customer_id
      AND o.id = p.opportunity_id AND o.status = 'open'
    RETURNING o.customer_id, o.id, o.version, o.status, o.outcome, p.action""",
)
_DONE: Part = ("o_done", "SELECT o.*, 'opened' AS action FROM o_opened o UNION ALL SELECT * FROM o_altered")
_TOLD: Part = (
    "o_told",
    publish_rows(
        f"""
  SELECT d.customer_id, {id_from("d.id::text || d.version::text || 'event'")} AS id, 'opportunity.' || d.action AS type,
         d.id::text AS subject, d.version, CAST(:now AS timestamptz) AS occurred_at,
         jsonb_strip_nulls(jsonb_build_object('customer_id', d.customer_id, 'status', d.status, 'outcome', d.outcome))
           AS data
  FROM o_done d ORDER BY d.customer_id, d.id""",
        "opportunity.opened",
        "opportunity.changed",
        "opportunity.expired",
    ),
)
_NOTED: Part = (
    "o_noted",
    f"""
  INSERT INTO audit_entries (customer_id, id, at, client_id, key_id, request_id, action, record_kind, record_id, fields)
  SELECT d.customer_id, {id_from("d.id::text || d.version::text || 'audit'")}, CAST(:now AS timestamptz),
         CAST(:client AS uuid), CAST(:key AS uuid), CAST(:request AS text), 'opportunity.' || d.action, 'opportunity',
         d.id, CAST(ARRAY[] AS text[])
  FROM o_done d""",
)


def _written(kind: Kind, plan: Parts) -> Parts:
    return (*plan, _opened(kind), _ALTERED, _DONE, _TOLD, _NOTED)


@cache
def _evaluation(kind: Kind) -> Executable:
    parts = _written(kind, planned(kind, BY_ID))
    return text(chained(parts, "SELECT action, count(*) FROM o_done GROUP BY action"))


@cache
def _looking(kind: Kind, scope: Part) -> Executable:
    return text(to_do(kind, scope))


@cache
def _reached() -> tuple[CTE, ...]:
    """The chain about amounts that were reached, as parts of somebody else's statement."""
    made = []
    for name, body in _written("cumulative_spend", passed()):
        part = text(body).columns(*((column("customer_id"),) if name == "o_done" else ()))
        made.append(part.cte(name).prefix_with("MATERIALIZED"))
    return tuple(made)


def after_purchases(tx: Tx, ending: Ending, moved: Sequence[Moved], company: CompanySettings) -> Ending:
    """What the last statement of a push does besides `ending`: tell of the customers who have reached an amount.

    The customers are locked and their figures are counted. Only those who passed an amount cost anything.
    """
    if not moved:
        return ending
    parts, parameters = ending
    columns = zip(*moved, strict=True)
    listed = ("{" + ",".join("NULL" if value is None else str(value) for value in values) + "}" for values in columns)
    named = dict(zip(("o_customers", "o_before", "o_net", "o_last"), listed, strict=True))
    return (*parts, *_reached()), {**parameters, **_values(tx, company, zone=False), **named}


def _values(tx: Tx, company: CompanySettings, *, zone: bool = True) -> dict[str, Any]:
    caller = tx.caller
    found: dict[str, Any] = {
        "today": company.today(tx.now), "now": tx.now, "id_time": int(tx.now.timestamp() * 1000),
        "client": caller.client_id, "key": caller.key_id, "request": caller.request_id,
    }  # fmt: skip
    return {**found, "zone": company.time_zone} if zone else found


def _listed(customers: Iterable[uuid.UUID]) -> str:
    return "{" + ",".join(sorted(map(str, customers))) + "}"


async def evaluate(tx: Tx, wanted: Mapping[Kind, Sequence[uuid.UUID]], company: CompanySettings) -> Done:
    """Bring the opportunities of each kind about these customers in line with its rule; how many were opened, ...

    Customers about whom there is nothing to do, which is nearly all, are neither locked nor written.
    """
    values, found = _values(tx, company), {}
    for kind, customers in wanted.items():
        rows = await tx.rows(_looking(kind, BY_ID), _of(values, customers=_listed(customers)))
        if rows:
            found[kind] = [row[0] for row in rows]
    return await _write(tx, found, values)


async def _write(tx: Tx, found: Mapping[Kind, Sequence[uuid.UUID]], values: Mapping[str, Any]) -> Done:
    done = Counter[str]()
    if found:
        # All at once and first of all, in the order in which everybody locks them.
        await lock_customers(tx, set[uuid.UUID]().union(*found.values()))
    for kind, customers in found.items():
        given = {**values, "customers": _listed(customers)}
        done.update({row[0]: row[1] for row in await tx.rows(_evaluation(kind), given)})
    return dict(done)


def _of(values: Mapping[str, Any], **scope: Any) -> dict[str, Any]:
    """The values that looking takes: nothing is written."""
    return {name: values[name] for name in ("today", "zone")} | scope


async def evaluate_stretch(
    tx: Tx, kind: Kind, after: uuid.UUID, company: CompanySettings
) -> tuple[uuid.UUID | None, Done]:
    """The same for the next customers after an id; (how far it came, None at the end; what was done)."""
    upto = await stretch_end(tx, after, STRETCH_SIZE)
    if upto is None:
        return None, {}
    values = _values(tx, company)
    rows = await in_stretch(tx, _looking(kind, STRETCH), _of(values, after=after, upto=upto))
    found = [row[0] for row in rows[:LOCKED_MAX]]
    done = await _write(tx, {kind: found} if found else {}, values)
    return (found[-1] if len(rows) > LOCKED_MAX else upto), done


async def follow(tx: Tx, company: CompanySettings) -> int:
    """Look at the next events of the feed, and judge anew whom they concern; how many events lay there.

    The first time it only notes where the feed stands. 0 also when another worker is at it.
    """
    stretch = await next_stretch(tx, OpportunityState, EVENTS_MAX)
    if stretch is None:
        return 0
    after, upto = stretch
    await evaluate(tx, await concerned(tx, after, upto), company)
    await come_to(tx, OpportunityState, upto)
    return upto - after


async def enqueue_sweep(tx: Tx, kinds: Sequence[Kind]) -> uuid.UUID:
    """Have all customers judged by a job; its id. One of the client's own that has yet to begin does as well."""
    job = (SWEEP, {"kinds": sorted(kinds)}, tx.caller.client_id)
    return await waiting(tx, *job) or await enqueue(tx, *job)


async def enqueue_daily_sweep(tx: Tx, company: CompanySettings) -> None:
    """The same once a day, however often and wherever it is asked for."""
    job_id = uuid.uuid5(_DAILY, company.today(tx.now).isoformat())
    await enqueue_once(tx, SWEEP, {"kinds": list(KINDS)}, tx.caller.client_id, job_id)
