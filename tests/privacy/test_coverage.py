"""No table that holds something on a customer is forgotten: by the export, by an erasure, or by column."""

import pytest
from sqlalchemy import ARRAY, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSON, JSONB

from app.assembly import PERSONS, RIGHTS
from app.core.tables import Base

TRACES = [trace for person in RIGHTS for trace in person.TRACES]
BY_TABLE = {trace.name: [one for one in TRACES if one.name == trace.name] for trace in TRACES}

# Rows that name customers and tell nothing else of them.
IDS_ALONE = {
    "outbox": "events are thin: ids, types, codes", "events": "the same",
    "erasures": "the proof of the erasure itself; a test reads its record",
}  # fmt: skip
# Tables without a customer: why no personal data is in them, or who erases it there.
OTHERS = {
    "idempotency_keys": "core.idempotency.erase", "import_chunks": "bulk.person waits for them, or gives them up",
    "import_faults": "no value of a row is kept", "imports": "who imported what", "jobs": "arguments are ids and kinds",
    "api_keys": "clients", "stores": "the company's", "tills": "the company's", "products": "the company's",
    "categories": "the company's", "custom_attributes": "names of attributes, no values", "segments": "questions",
    "segment_versions": "questions", "places": "the company's",
    "segment_exports": "who asked for which columns", "segment_export_portions": "segments.person withdraws them",
    "kept_segments": "how far memberships are followed",
    "segment_snapshots": "counts of many", "weekday_shapes": "numbers over all",
    "feed_state": "numbers", "model_fits": "numbers over all", "warning_rules": "settings",
    "opportunity_rules": "settings", "opportunity_state": "a number",
    "warning_overrides": "settings", "warning_state": "a number",
    "handovers": "why many customers went to somebody else", "erasure_state": "a database",
    "duplicate_state": "a number",
    "follow_up_rules": "settings", "follow_up_state": "a number", "warning_follower": "a number",
}  # fmt: skip
# Columns that stay where rows stay, though they could hold a text: codes and words of ours, of tills and of books.
CODES = {
    "customers": {"kind"},
    "receipts": {
        "source", "number", "store", "till", "kind", "currency", "seller", "returns_source", "returns_number",
        "promotions", "flags", "tenders",
    },
    "receipt_lines": {"product", "category"},
    "receipt_numbers": {"source", "number", "content_hash"},
    "customer_figures": {"last_store", "favourite_category"}, "customer_days": {"last_store"},
    "customer_categories": {"category"}, "credit_accounts": {"currency", "status"},
    "receivables": {"kind", "external_id"}, "expenses": {"kind", "external_id", "by"},
    "complaints": {"about", "severity", "store", "product"},
    "care": {"kind", "status"},
    "consents": {"purpose", "channel", "partner", "state"},
    "audit_entries": {"request_id", "action", "record_kind", "fields"},
}  # fmt: skip


def tables():
    return sorted(Base.metadata.tables)


@pytest.mark.parametrize("name", tables())
def test_every_table_is_erased_or_said_why_not(name):
    table = Base.metadata.tables[name]
    if "customer_id" in table.c or name == "customers":
        assert (name in BY_TABLE) != (name in IDS_ALONE), f"list {name} in the traces of its room's person.py"
        assert name not in OTHERS
    else:
        assert name in OTHERS, f"say in this test why {name} holds nothing on a person, or who erases it"


def test_nothing_is_said_of_what_is_not_there():
    assert set(OTHERS) | set(IDS_ALONE) | set(BY_TABLE) == set(tables())


def test_what_moves_at_a_merge_is_erased():
    moved = {one.name for person in PERSONS for one in person.HOLDINGS}
    assert moved - set(IDS_ALONE) <= set(BY_TABLE)


@pytest.mark.parametrize("name", sorted(BY_TABLE))
def test_every_table_is_shown_once(name):
    assert [trace.shown for trace in BY_TABLE[name]].count(True) == 1
    assert all(trace.title for trace in BY_TABLE[name] if trace.shown)


@pytest.mark.parametrize("name", sorted(BY_TABLE))
def test_every_text_of_a_row_that_stays_is_erased_or_a_code(name):
    traces = BY_TABLE[name]
    if any(trace.clear is None and trace.stays is None and trace.rule is None for trace in traces):
        return
    cleared = set().union(*(trace.clear or {} for trace in traces))
    kinds = (Text, JSON, JSONB, ARRAY, LargeBinary)
    texts = {column.name for column in traces[0].table.c if isinstance(column.type, kinds)}
    assert texts - cleared == CODES.get(name, set()), "clear it in the trace, or say here that it is a code"
