"""Tasks that nobody enters: from what falls due, and from what the feed says by the follow-up rules.

Each is one statement for any number of records, which tells the feed and the audit trail as well. A task has a key of
its own (`Task.occasion`), and what was looked at is noted in the same transaction: so neither a worker that is killed
nor two that run at once make a task twice.
"""

import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Boolean, Executable, Integer, Text, delete, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.types import TypeEngine

from app.access.audit import AuditEntry, record
from app.core.db import Tx
from app.core.ids import COMPANY
from app.core.sql import id_from, recordset
from app.engagement.due import Terms
from app.engagement.kinds import DUE, Kind
from app.engagement.models import MODELS, FollowUpRule, FollowUpState
from app.feed.commands import come_to, next_stretch
from app.feed.outbox import publish_rows

# Records of a kind in one transaction, and events looked at in one.
DUE_MAX, EVENTS_MAX = 1000, 2000

_WHOM = {
    "interaction": ('t."by"', "NULL"), "complaint": ("t.owner", "t.store"), "promise": ("t.owner", "NULL"),
    "care": ("t.owner", "NULL"),
}  # fmt: skip

# The tasks of `wanted`, for customers who are there; what is there already is left alone.
_MADE = f"""
made AS (
  INSERT INTO tasks (customer_id, id, source_id, version, due_at, created_at, updated_at, reason, rule, occasion, title,
                     status, owner, store, by_manager, by_store)
  SELECT w.customer_id, {id_from("w.customer_id::text || w.source_id::text || w.reason || w.occasion")}, w.source_id, 1,
         w.due_at, CAST(:now AS timestamptz), CAST(:now AS timestamptz), w.reason, w.rule, w.occasion, w.title, 'open',
         CASE WHEN w.assignee = 'store' THEN NULL ELSE coalesce(w.owner, c.account_manager) END,
         coalesce(w.store, c.home_store), w.assignee IS DISTINCT FROM 'store' AND w.owner IS NULL, w.store IS NULL
  FROM wanted w JOIN customers c ON c.id = w.customer_id
  WHERE c.kind <> 'walk_in' AND c.status NOT IN ('merged', 'erased')
  ORDER BY w.customer_id, w.source_id, w.reason, w.occasion
  FOR SHARE OF c
  ON CONFLICT (customer_id, source_id, reason, occasion) DO NOTHING
  RETURNING customer_id, id, version, source_id, reason, status
)"""


def _announced(rows: str, event: str, verb: str) -> str:
    """Parts that tell of the tasks in the part `rows`."""
    told = publish_rows(
        f"""
  SELECT customer_id, {id_from("id::text || version::text || 'event'")}, '{event}', id::text, version,
         CAST(:now AS timestamptz), jsonb_build_object('reason', reason, 'source_id', source_id, 'status', status)
  FROM {rows} ORDER BY customer_id, id""",
        event,
    )
    return f"""
told AS ({told}),
noted AS (
  INSERT INTO audit_entries (customer_id, id, at, client_id, key_id, request_id, action, record_kind, record_id, fields)
  SELECT customer_id, {id_from("id::text || version::text || 'audit'")}, CAST(:now AS timestamptz),
         CAST(:client AS uuid), CAST(:key AS uuid), CAST(:request AS text), 'task.{verb}', 'task', id,
         CAST(ARRAY[] AS text[])
  FROM {rows}
)"""


def _falling_due(kind: Kind) -> str:
    """Takes the records of a kind out of their queue; who changes one at this moment keeps it there."""
    table = MODELS[kind.name].__tablename__
    due = f"(t.{kind.due}::timestamp AT TIME ZONE :zone)" if kind.due == "planned_for" else f"t.{kind.due}"
    owner, store = _WHOM[kind.name]
    return f"""
due_{table} AS (
  UPDATE {table} t SET task_at = NULL
  FROM (SELECT customer_id, id FROM {table} WHERE task_at <= CAST(:now AS timestamptz)
        ORDER BY task_at, customer_id, id LIMIT {DUE_MAX} FOR UPDATE SKIP LOCKED) waiting
  WHERE t.customer_id = waiting.customer_id AND t.id = waiting.id
  RETURNING t.customer_id, t.id AS source_id, t.version, {due} AS due_at, '{kind.name}' AS reason,
            t.version::text AS occasion, {owner} AS owner, {store}::text AS store
)"""


@cache
def _due() -> Executable:
    tables = [MODELS[kind.name].__tablename__ for kind in DUE]
    rows = " UNION ALL ".join(f"SELECT * FROM due_{table}" for table in tables)
    wanted = f"""
wanted AS (SELECT found.*, NULL::text AS rule, NULL::text AS title, NULL::text AS assignee FROM ({rows}) found)"""
    promises = publish_rows(
        f"""
  SELECT customer_id, {id_from("source_id::text || version::text || 'due'")}, 'promise.due', source_id::text, version,
         CAST(:now AS timestamptz), jsonb_build_object('state', 'open')
  FROM due_promises ORDER BY customer_id, source_id""",
        "promise.due",
    )
    parts = [*(_falling_due(kind) for kind in DUE), wanted, _MADE, _announced("made", "task.created", "create")]
    return text(f"WITH {','.join(parts)}, promised AS ({promises}) SELECT count(*) FROM wanted")


async def make_due_tasks(tx: Tx, terms: Terms) -> int:
    """Make tasks of the complaints, promises, gifts and follow-ups whose notice time has come; how many were looked at.

    As many as DUE_MAX of each; call it again while it finds any.
    """
    return int(await tx.scalar(_due(), {**_parameters(tx), "zone": terms.company.time_zone}))


_TYPES = (
    "receipt.recorded", "receipt.attributed", "receipt.voided", "complaint.resolved", "complaint.reopened",
    "customer.created", "customer.updated", "customer.assigned", "customer.merged", "customer.unmerged",
)  # fmt: skip
_SEEN = f"""
seen AS MATERIALIZED (
  SELECT e.type, e.customer_id, e.subject, e.occurred_at, e.data FROM events e
  WHERE e.sequence > :after AND e.sequence <= :upto AND e.type IN {_TYPES}
)"""

# What rules wait for: with its day, and the store that it has to do with. A receipt that was voided or moved since
# joins nothing, and what was written down long after it happened is history.
_HAPPENED = """
happened AS MATERIALIZED (
  SELECT 'receipt' AS trigger, r.customer_id, r.id AS source_id, r.business_date AS day, r.store, '' AS episode,
         s.occurred_at
  FROM seen s JOIN receipts r ON r.customer_id = s.customer_id AND r.id = s.subject::uuid
  WHERE s.type IN ('receipt.recorded', 'receipt.attributed') AND r.kind = 'sale' AND r.voided_at IS NULL
  UNION ALL
  SELECT 'complaint_resolved', c.customer_id, c.id, (c.closed_at AT TIME ZONE :zone)::date, c.store,
         ' ' || c.reopened::text, s.occurred_at
  FROM seen s JOIN complaints c ON c.customer_id = s.customer_id AND c.id = s.subject::uuid
  WHERE s.type = 'complaint.resolved' AND c.status = 'resolved'
    AND c.created_at <= c.occurred_at + CAST(:history AS interval)
  UNION ALL
  SELECT 'new_customer', c.id, c.id, (c.created_at AT TIME ZONE :zone)::date, NULL, '', s.occurred_at
  FROM seen s JOIN customers c ON c.id = s.customer_id WHERE s.type = 'customer.created'
)"""
_WANTED = """
wanted AS (
  SELECT DISTINCT h.customer_id, h.source_id, 'rule' AS reason, r.code || h.episode AS occasion, r.code AS rule,
         r.title, r.assignee, NULL::text AS owner, h.store,
         (h.day + r.days)::timestamp AT TIME ZONE :zone AS due_at
  FROM happened h JOIN follow_up_rules r ON r.trigger = h.trigger AND r.enabled AND h.occurred_at >= r.created_at
  WHERE (h.day + r.days)::timestamp AT TIME ZONE :zone >= h.occurred_at - CAST(:history AS interval)
    AND (r.category IS NULL OR EXISTS (
      SELECT FROM receipt_lines l WHERE l.customer_id = h.customer_id AND l.receipt_id = h.source_id
        AND (l.category = r.category OR starts_with(l.category, r.category || '/'))))
)"""
_BY_RULES = text(
    f"WITH {_SEEN}, {_HAPPENED}, {_WANTED}, {_MADE}, {_announced('made', 'task.created', 'create')}"
    " SELECT count(*) FROM made"
)

# What a rule asked for is no longer wanted when its receipt is voided or another's, or its complaint is back. Where a
# receipt is now counts, not what became of it on the way.
_CALLED_OFF = text(
    f"""
WITH {_SEEN},
closed AS (
  UPDATE tasks t SET status = 'cancelled', version = t.version + 1, updated_at = CAST(:now AS timestamptz),
    closed_at = CAST(:now AS timestamptz), closed_by = CAST(:client AS uuid)
  FROM (SELECT DISTINCT coalesce((s.data->>'previous_customer_id')::uuid, s.customer_id) AS customer_id,
               s.subject::uuid AS source_id
        FROM seen s WHERE s.type IN ('receipt.voided', 'receipt.attributed', 'complaint.reopened')) gone
  WHERE t.customer_id = gone.customer_id AND t.source_id = gone.source_id AND t.reason = 'rule' AND t.status = 'open'
    AND NOT EXISTS (SELECT FROM receipts r
                    WHERE r.customer_id = t.customer_id AND r.id = t.source_id AND r.voided_at IS NULL)
  RETURNING t.customer_id, t.id, t.version, t.source_id, t.reason, t.status
), {_announced("closed", "task.closed", "cancel")}
SELECT count(*) FROM closed
"""
)

# What was called off so, and by nobody else, is wanted again when its receipt comes back.
_TAKEN_UP = text(
    f"""
WITH {_SEEN},
again AS (
  UPDATE tasks t SET status = 'open', version = t.version + 1, updated_at = CAST(:now AS timestamptz),
    closed_at = NULL, closed_by = NULL
  FROM (SELECT DISTINCT r.customer_id, r.id
        FROM seen s JOIN receipts r ON r.customer_id = s.customer_id AND r.id = s.subject::uuid
        WHERE s.type = 'receipt.attributed' AND r.voided_at IS NULL) back
  WHERE t.customer_id = back.customer_id AND t.source_id = back.id AND t.reason = 'rule' AND t.status = 'cancelled'
    AND t.closed_by = CAST(:client AS uuid)
  RETURNING t.customer_id, t.id, t.version, t.source_id, t.reason, t.status
), {_announced("again", "task.updated", "reopen")}
SELECT count(*) FROM again
"""
)


# Tasks that went to a customer's account manager or home store go with the customer.
_HANDED_OVER = text(
    f"""
WITH {_SEEN},
moved AS (
  UPDATE tasks t SET version = t.version + 1, updated_at = CAST(:now AS timestamptz), owner = n.owner, store = n.store
  FROM (
    SELECT o.customer_id, o.id, CASE WHEN o.by_manager THEN c.account_manager ELSE o.owner END AS owner,
           CASE WHEN o.by_store THEN c.home_store ELSE o.store END AS store
    FROM tasks o JOIN customers c ON c.id = o.customer_id
    WHERE o.customer_id IN (SELECT s.customer_id FROM seen s WHERE s.type IN (
                              'customer.updated', 'customer.assigned', 'customer.merged', 'customer.unmerged')
                            UNION ALL
                            SELECT CAST(s.data->>'loser' AS uuid) FROM seen s WHERE s.type = 'customer.unmerged')
      AND o.status = 'open' AND (o.by_manager OR o.by_store)
    ORDER BY o.customer_id, o.id FOR UPDATE OF o) n
  WHERE t.customer_id = n.customer_id AND t.id = n.id AND (t.owner, t.store) IS DISTINCT FROM (n.owner, n.store)
  RETURNING t.customer_id, t.id, t.version, t.source_id, t.reason, t.status
), {_announced("moved", "task.updated", "assign")}
SELECT count(*) FROM moved
"""
)


async def follow(tx: Tx, terms: Terms) -> int:
    """Look at the next events of the feed, and make and call off what the rules say; how many events lay there.

    The first time it only notes where the feed stands. 0 also when another worker is at it.
    """
    stretch = await next_stretch(tx, FollowUpState, EVENTS_MAX)
    if stretch is None:
        return 0
    after, upto = stretch
    values = {**_parameters(tx), "after": after, "upto": upto}
    # In this order: a complaint may be back and resolved again since.
    await tx.execute(_CALLED_OFF, values)
    await tx.execute(_TAKEN_UP, values)
    await tx.execute(_BY_RULES, {**values, "zone": terms.company.time_zone, "history": terms.history})
    await tx.execute(_HANDED_OVER, values)
    await come_to(tx, FollowUpState, upto)
    return upto - after


_CLOSED = text(
    f"""
WITH closed AS (
  UPDATE tasks t SET status = :status, version = t.version + 1, updated_at = CAST(:now AS timestamptz),
    closed_at = CAST(:now AS timestamptz), closed_by = CAST(:client AS uuid)
  WHERE t.customer_id = :customer AND t.source_id = :source AND t.reason <> 'rule' AND t.status = 'open'
  RETURNING t.customer_id, t.id, t.version, t.source_id, t.reason, t.status
), {_announced("closed", "task.closed", "close")}
SELECT count(*) FROM closed
"""
)


async def close_tasks(tx: Tx, customer_id: uuid.UUID, source_id: uuid.UUID, status: str) -> None:
    """Close the open tasks of a record that wants nothing done any more, or is due at another time."""
    await tx.execute(_CLOSED, {**_parameters(tx), "customer": customer_id, "source": source_id, "status": status})


def _parameters(tx: Tx) -> dict[str, Any]:
    caller = tx.caller
    return {
        "now": tx.now, "id_time": int(tx.now.timestamp() * 1000), "client": caller.client_id, "key": caller.key_id,
        "request": caller.request_id,
    }  # fmt: skip


async def set_rules(tx: Tx, rules: Sequence[Mapping[str, Any]]) -> None:
    """Set all follow-up rules. What is the same keeps its version; what is left out is gone, its tasks stay."""
    columns: dict[str, TypeEngine[Any]] = {
        "code": Text(), "title": Text(), "trigger": Text(), "category": Text(), "days": Integer(), "assignee": Text(),
        "enabled": Boolean(),
    }  # fmt: skip
    given = recordset([dict(rule) for rule in rules], "given", **columns)
    row = FollowUpRule.__table__
    now = literal(tx.now, row.c.updated_at.type)
    kept = upsert(FollowUpRule).from_select(
        [*columns, "version", "created_at", "updated_at"],
        select(*given.c, literal(1, BigInteger), now, now).order_by(given.c.code),
    )
    changed = [name for name in columns if name != "code"]
    different = func.row(*(row.c[name] for name in changed)).is_distinct_from(
        func.row(*(kept.excluded[name] for name in changed))
    )
    values = {name: kept.excluded[name] for name in (*changed, "updated_at")} | {"version": row.c.version + 1}
    await tx.execute(kept.on_conflict_do_update(index_elements=["code"], set_=values, where=different))
    await tx.execute(delete(FollowUpRule).where(FollowUpRule.code.not_in([rule["code"] for rule in rules])))
    codes = tuple(sorted(str(rule["code"]) for rule in rules))
    await tx.execute(record(tx, [AuditEntry("follow_up_rules.update", "follow_up_rules", COMPANY, fields=codes)]))
