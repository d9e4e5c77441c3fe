"""Telling what the rules and the clock did: in the history of each warning, on the feed, and on the audit trail."""

from typing import Any

from app.core.db import Tx
from app.core.sql import id_from
from app.early_warning.queries import Part
from app.feed.outbox import publish_rows

# Columns of a changed warning that its step is told with; `w` is the row.
SHOWN = "w.customer_id, w.id, w.version, w.kind, w.subject, w.state, w.severity, w.status"

_DATA = """
         jsonb_build_object('customer_id', d.customer_id, 'kind', d.kind, 'about', d.subject, 'state', d.state,
                            'severity', d.severity, 'status', d.status, 'reopened', d.action = 'reopened',
                            'action', d.action)"""


def noted(evidence: str = "NULL::jsonb", details: str = "NULL::jsonb") -> Part:
    """The part that writes what is in the part `done` (SHOWN and `action`) into the history."""
    return (
        "noted",
        f"""
  INSERT INTO warning_events (customer_id, id, warning_id, at, version, action, state, severity, status, evidence,
                              details)
  SELECT d.customer_id, {id_from("d.id::text || d.version::text || 'note'")}, d.id, CAST(:now AS timestamptz),
         d.version, d.action, d.state, d.severity, d.status, {evidence}, {details}
  FROM done d""",
    )


def told(kind: str, *kinds: str, more: str = "") -> Part:
    """The part that publishes it; `kind` is SQL of an event's type, one of `kinds`.

    `more` is a SELECT of events that come with it: the same columns, what they are about, and 2.
    """
    along = f"UNION ALL {more}" if more else ""
    rows = f"""
  SELECT customer_id, id, type, subject, version, occurred_at, data
  FROM (SELECT d.customer_id, {id_from("d.id::text || d.version::text || 'event'")} AS id, {kind} AS type,
         d.id::text AS subject, d.version, CAST(:now AS timestamptz) AS occurred_at, {_DATA} AS data,
         d.subject AS about, 1 AS place
        FROM done d {along}) told ORDER BY customer_id, about, place, subject"""
    return "told", publish_rows(rows, *kinds)


def audited() -> Part:
    """The part that writes it on the audit trail; its parameters are `who`."""
    return (
        "audited",
        f"""
  INSERT INTO audit_entries (customer_id, id, at, client_id, key_id, request_id, action, record_kind, record_id, fields)
  SELECT d.customer_id, {id_from("d.id::text || d.version::text || 'audit'")}, CAST(:now AS timestamptz),
         CAST(:client AS uuid), CAST(:key AS uuid), CAST(:request AS text), 'warning.' || d.action, 'warning', d.id,
         CAST(ARRAY[] AS text[])
  FROM done d""",
    )


def who(tx: Tx) -> dict[str, Any]:
    """The parameters of all these parts."""
    caller = tx.caller
    return {
        "now": tx.now, "id_time": int(tx.now.timestamp() * 1000), "client": caller.client_id, "key": caller.key_id,
        "request": caller.request_id,
    }  # fmt: skip
