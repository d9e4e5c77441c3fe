"""What the clock does to warnings, and what follows from who looks after a customer.

Each is one statement for any number of warnings, which tells of them as well; killed anywhere or run twice at once, it
does nothing twice.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Executable, text

from app.core.db import Tx
from app.early_warning.commands.telling import SHOWN, audited, noted, told, who
from app.early_warning.models import WarningFollower
from app.early_warning.queries import HANDLING, Part, chained
from app.feed.commands import come_to, next_stretch

# Warnings in one transaction, and events looked at in one.
MOST, EVENTS_MAX = 1000, 2000

_SLEPT: Part = (
    "slept",
    f"""
  SELECT customer_id, id FROM warnings WHERE status = 'snoozed' AND snoozed_until <= CAST(:now AS timestamptz)
  ORDER BY snoozed_until, customer_id, id LIMIT {MOST} FOR NO KEY UPDATE SKIP LOCKED""",
)
_WOKEN: Part = (
    "done",
    f"""
  UPDATE warnings w SET status = 'open', snoozed_until = NULL, version = w.version + 1
  FROM slept s WHERE w.customer_id = s.customer_id AND w.id = s.id RETURNING {SHOWN}, 'woken' AS action""",
)

# To the customer's sponsor, or to whom the rule names; if there is neither, it stays with whom it was.
_LATE: Part = (
    "late",
    f"""
  SELECT w.customer_id, w.id, w.owner AS before, coalesce(c.sponsor, h.escalate_to, w.owner) AS after
  FROM warnings w JOIN customers c ON c.id = w.customer_id JOIN handling h ON h.kind = w.kind
  WHERE w.status NOT IN ('resolved', 'snoozed') AND w.escalated_at IS NULL AND w.due_at <= CAST(:now AS timestamptz)
  ORDER BY w.due_at, w.customer_id, w.id LIMIT {MOST} FOR NO KEY UPDATE OF w SKIP LOCKED""",
)
_ESCALATED: Part = (
    "done",
    f"""
  UPDATE warnings w SET escalated_at = CAST(:now AS timestamptz), owner = l.after, version = w.version + 1,
    by_manager = w.by_manager AND l.after IS NOT DISTINCT FROM l.before
  FROM late l WHERE w.customer_id = l.customer_id AND w.id = l.id
  RETURNING {SHOWN}, 'escalated' AS action, l.before, l.after""",
)

# Warnings that were the account manager's, or nobody's, go with the customer.
_MOVING: Part = (
    "moving",
    """
  SELECT w.customer_id, w.id, w.owner AS before, coalesce(c.account_manager, h.owner) AS after
  FROM warnings w JOIN customers c ON c.id = w.customer_id JOIN handling h ON h.kind = w.kind
  WHERE w.customer_id IN (SELECT e.customer_id FROM events e
                          WHERE e.sequence > :after AND e.sequence <= :upto AND e.type IN (
                            'customer.updated', 'customer.assigned', 'customer.merged', 'customer.unmerged')
                          UNION ALL
                          SELECT CAST(e.data->>'loser' AS uuid) FROM events e
                          WHERE e.sequence > :after AND e.sequence <= :upto AND e.type = 'customer.unmerged')
    AND w.status <> 'resolved' AND w.by_manager AND w.owner IS DISTINCT FROM coalesce(c.account_manager, h.owner)
  ORDER BY w.customer_id, w.id FOR NO KEY UPDATE OF w""",
)
_MOVED: Part = (
    "done",
    f"""
  UPDATE warnings w SET owner = m.after, version = w.version + 1
  FROM moving m WHERE w.customer_id = m.customer_id AND w.id = m.id
  RETURNING {SHOWN}, 'handed_over' AS action, m.before, m.after""",
)
_FROM_TO = "jsonb_strip_nulls(jsonb_build_object('from', d.before, 'to', d.after))"


@cache
def _statement(*parts: Part, event: str, details: str) -> Executable:
    telling = (noted(details=details), told(f"'{event}'", event), audited())
    return text(chained((*parts, *telling), "SELECT count(*) FROM done"))


async def wake(tx: Tx) -> int:
    """Wake warnings that were snoozed until now; how many, at most MOST."""
    return await _run(tx, _statement(_SLEPT, _WOKEN, event="warning.changed", details="NULL::jsonb"))


async def escalate(tx: Tx) -> int:
    """Tell of warnings whose due time has passed, once for each due time, and give them to who is above; how many."""
    return await _run(tx, _statement(HANDLING, _LATE, _ESCALATED, event="warning.escalated", details=_FROM_TO))


async def follow_managers(tx: Tx) -> int:
    """Give warnings to the account managers whom the next events of the feed tell of; how many events lay there.

    The first time it only notes where the feed stands. 0 also when another worker is at it.
    """
    stretch = await next_stretch(tx, WarningFollower, EVENTS_MAX)
    if stretch is None:
        return 0
    after, upto = stretch
    moving = _statement(HANDLING, _MOVING, _MOVED, event="warning.changed", details=_FROM_TO)
    await _run(tx, moving, {"after": after, "upto": upto})
    await come_to(tx, WarningFollower, upto)
    return upto - after


async def _run(tx: Tx, statement: Executable, more: Mapping[str, Any] | None = None) -> int:
    return int(await tx.scalar(statement, {**who(tx), **(more or {})}))
