"""Watching what was promised to be paid, from when a person resolved a warning with it until it is kept or broken."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Executable, text

from app.core.db import Tx
from app.early_warning.commands.telling import SHOWN, audited, noted, told, who
from app.early_warning.life import SETTLED
from app.early_warning.queries import HANDLING, chained, due
from app.early_warning.rules import Kind

# What was paid since. It is lapsed if what it was about is over without that, and broken when its day is.
_JUDGED = f"""
  SELECT p.*, CASE WHEN p.paid >= p.promised_amount THEN 'kept'
                   WHEN p.status = 'resolved' AND (p.resolved_by IS NULL OR p.episode = '{SETTLED}') THEN 'lapsed'
                   WHEN p.promised_on < CAST(:today AS date) THEN 'broken' END AS outcome
  FROM (
    SELECT w.customer_id, w.id, w.kind, w.subject, w.status, w.resolved_by, w.episode, w.promised_amount, w.promised_on,
           (SELECT coalesce(sum(-r.amount), 0) FROM receivables r
            WHERE r.customer_id = w.customer_id AND r.kind = 'payment' AND r.recorded_at >= w.promised_at)::bigint
             AS paid
    FROM warnings w
    WHERE w.customer_id = ANY (CAST(CAST(:customers AS text) AS uuid[])) AND w.kind = :kind
      AND w.promise_state = 'open'
    ORDER BY w.customer_id, w.id FOR NO KEY UPDATE OF w) p"""
# A broken promise brings its warning back, unless another about the same is there already (two customers who became
# one may have had one each): then it is only told.
_DECIDED = """
  SELECT j.*, j.outcome = 'broken' AND j.status = 'resolved'
           AND NOT EXISTS (SELECT FROM warnings o WHERE o.customer_id = j.customer_id AND o.kind = j.kind
                             AND o.subject = j.subject AND o.status <> 'resolved')
           AND row_number() OVER (PARTITION BY j.customer_id, j.subject, j.outcome, j.status ORDER BY j.id DESC) = 1
           AS reopens
  FROM judged j WHERE j.outcome IS NOT NULL"""
_ALTERED = f"""
  UPDATE warnings w SET version = w.version + 1, promise_state = d.outcome, promise_paid = d.paid,
    status = CASE WHEN d.reopens OR d.outcome = 'broken' AND w.status IN ('acknowledged', 'snoozed') THEN 'open'
                  ELSE w.status END,
    snoozed_until = CASE WHEN d.outcome <> 'broken' THEN w.snoozed_until END,
    due_at = CASE WHEN d.reopens THEN {due("w.severity")} ELSE w.due_at END,
    escalated_at = CASE WHEN NOT d.reopens THEN w.escalated_at END,
    resolved_at = CASE WHEN NOT d.reopens THEN w.resolved_at END,
    resolved_by = CASE WHEN NOT d.reopens THEN w.resolved_by END,
    resolution = CASE WHEN NOT d.reopens THEN w.resolution END
  FROM decided d JOIN handling h ON h.kind = d.kind
  WHERE w.customer_id = d.customer_id AND w.id = d.id
  RETURNING {SHOWN}, CASE WHEN d.reopens THEN 'reopened' ELSE 'promise_' || d.outcome END AS action, d.outcome,
    d.promised_amount, d.promised_on, d.paid"""
_EVIDENCE = """
  jsonb_build_object('promise', jsonb_build_object('amount', d.promised_amount, 'due_on', d.promised_on,
                                                   'state', d.outcome, 'paid', d.paid))"""


@cache
def _statement() -> Executable:
    parts = (
        HANDLING,
        ("judged", _JUDGED),
        ("decided", _DECIDED),
        ("done", _ALTERED),
        noted(evidence=_EVIDENCE),
        told(
            "CASE d.action WHEN 'reopened' THEN 'warning.opened' ELSE 'warning.changed' END",
            "warning.opened",
            "warning.changed",
        ),
        audited(),
    )
    return text(chained(parts, "SELECT count(*) FROM done WHERE action = 'reopened'"))


async def decide_promises(tx: Tx, kind: Kind, values: Mapping[str, Any]) -> int:
    """Say which open promises of some customers are kept, broken or lapsed; how many warnings that reopens.

    `values` are those of an evaluation, which has come before: whoever owes nothing any more is known as settled.
    """
    return int(await tx.scalar(_statement(), {**values, **who(tx), "kind": kind}))
