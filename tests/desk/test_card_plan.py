"""How the card's statement is planned: through indexes, and reading no more of a customer than it shows."""

import dataclasses
import json
from datetime import UTC, datetime

import asyncpg
import pytest

from app.access.roles import SCOPES
from app.core.caller import SYSTEM
from app.core.hot import compiled
from app.desk import queries

EVERYTHING = dataclasses.replace(SYSTEM, scopes=SCOPES)
# Its rows grow with the company.
TABLES = {
    "addresses", "customers", "identifiers", "customer_figures", "receipts", "receipt_lines", "receipt_numbers",
    "complaints", "promises", "interactions", "warnings", "consents", "contact_policies", "relationships",
    "credit_accounts", "credit_authorisations", "credit_allowances", "receivables",
    "receivable_allocations", "holds", "facts", "opportunities",
}  # fmt: skip
# Read whole, and never long.
SHORT = {"custom_attributes", "pg_class"}
PEOPLE, MANY = 6000, 3000
FILL = f"""
CREATE TEMP TABLE who AS SELECT uuidv7() AS id, n FROM generate_series(1, {PEOPLE}) n;
INSERT INTO customers (id, kind, status, display_name, version, created_at, updated_at)
SELECT id, 'person', 'active', 'N' || n, 1, now(), now() FROM who;
INSERT INTO identifiers (kind, value, customer_id, id, typed, exclusive, created_at)
SELECT k, k || n, id, uuidv7(), '', k = 'card', now() FROM who, unnest('{{phone,card}}'::text[]) k;
INSERT INTO customer_figures (customer_id, receipts, occasions, net, costed, discount, returns, gap_sum, gap_square_sum)
SELECT id, 1, 1, 1, 0, 0, 0, 0, 0 FROM who;
CREATE TEMP TABLE bought AS
SELECT id AS customer_id, uuidv7() AS id, n, m FROM who, generate_series(1, CASE n WHEN 1 THEN {MANY} ELSE 2 END) m;
INSERT INTO receipts (customer_id, id, occurred_at, recorded_at, gross, net, base_net, base_returns, business_date,
                      one_off, source, number, store, kind, currency, returns_source, returns_number, promotions, flags,
                      tenders, extensions)
SELECT customer_id, id, now() - m * interval '1 hour', now(), 1, 1, 1, 0, (now() - m * interval '1 hour')::date, false,
       'till', n || '-' || m, 'S1', CASE m % 2 WHEN 0 THEN 'return' ELSE 'sale' END, 'CNY',
       CASE m % 2 WHEN 0 THEN 'till' END, CASE m % 2 WHEN 0 THEN n || '-' || m - 1 END, '{{}}', '{{}}', '[]', '{{}}'
FROM bought;
INSERT INTO receipt_numbers (source, number, customer_id, receipt_id, content_hash)
SELECT 'till', n || '-' || m, customer_id, id, '' FROM bought;
INSERT INTO receipt_lines (customer_id, receipt_id, line, gross, net, base_net, business_date, quantity, product)
SELECT customer_id, id, l, 1, 1, 1, current_date, CASE m % 2 WHEN 0 THEN -1 ELSE 1 END, 'P' || l
FROM bought, generate_series(1, 2) l;
CREATE TEMP TABLE said AS
SELECT id AS customer_id, n, m FROM who, generate_series(1, CASE n WHEN 1 THEN {MANY} ELSE 1 END) m;
INSERT INTO interactions (customer_id, id, recorded_by, version, occurred_at, created_at, updated_at, occurred_on,
                          channel, direction)
SELECT customer_id, uuidv7(), uuidv7(), 1, now() - m * interval '1 hour', now(), now(), current_date, 'phone', 'inbound'
FROM said;
INSERT INTO complaints (customer_id, id, recorded_by, version, occurred_at, created_at, updated_at, occurred_on, due_at,
                        reopened, about, severity, status, subject, customer_did)
SELECT id, uuidv7(), uuidv7(), 1, now(), now(), now(), current_date, now(), 0, 'price', 'minor', 'open', 'S', '{{}}'
FROM who;
INSERT INTO promises (customer_id, id, recorded_by, version, occurred_at, created_at, updated_at, occurred_on, due_at,
                      state, promise)
SELECT id, uuidv7(), uuidv7(), 1, now(), now(), now(), current_date, now(), 'open', 'P' FROM who;
INSERT INTO warnings (customer_id, id, version, opened_at, changed_at, rank, severity_rank, kind, subject, state,
                      severity, status, episode, evidence)
SELECT id, uuidv7(), 1, now(), now(), 1, 1, 'credit', 'limit', 'near_limit', 'notice', 'open', '',
       '{{"balance": 9, "limit": 10, "currency": "CNY"}}' FROM who;
INSERT INTO opportunities (customer_id, id, version, opened_at, changed_at, priority, kind, subject, episode, status,
                           closed_at, evidence)
SELECT id, uuidv7(), 1, now(), now(), 2, 'contact_due', 'contact', m::text, CASE m WHEN 1 THEN 'open' ELSE 'taken' END,
       CASE m WHEN 1 THEN NULL ELSE now() END, '{{"due_on": "2026-03-02", "wanted_days": 7}}'
FROM who, generate_series(1, 3) m;
INSERT INTO consents (customer_id, id, decided_at, recorded_at, recorded_by, purpose, channel, state, source)
SELECT id, uuidv7(), now(), now(), uuidv7(), 'marketing', c, 'granted', 'till'
FROM who, unnest('{{sms,any}}'::text[]) c;
INSERT INTO addresses (customer_id, id, version, created_at, updated_at, collected_at, channel, collector, kind)
SELECT id, uuidv7(), 1, now(), now(), now(), 'till', 'C', 'home' FROM who;
INSERT INTO facts (customer_id, path, collected_at, channel, collector)
SELECT id, p, now(), 'till', 'C' FROM who, unnest('{{display_name,gender}}'::text[]) p;
INSERT INTO contact_policies (customer_id, version, updated_at, do_not_call) SELECT id, 1, now(), false FROM who;
INSERT INTO relationships (customer_id, id, other, version, created_at, updated_at, kind)
SELECT a.id, uuidv7(), b.id, 1, now(), now(), 'friend' FROM who a JOIN who b ON b.n = {PEOPLE} + 1 - a.n;
INSERT INTO credit_accounts (customer_id, credit_limit, balance, version, created_at, updated_at, term_days, currency,
                             status)
SELECT id, 1, 2, 1, now(), now(), 0, 'CNY', 'active' FROM who;
INSERT INTO receivables (customer_id, id, amount, recorded_at, occurred_on, due_on, kind)
SELECT id, uuidv7(), 1, now(), current_date, current_date - d, 'charge' FROM who, generate_series(-1, 1) d;
INSERT INTO receivable_allocations (customer_id, id, payment_id, charge_id, amount, recorded_at, due_on)
SELECT customer_id, uuidv7(), id, id, 1, now(), due_on FROM receivables WHERE due_on < current_date;
INSERT INTO credit_allowances (customer_id, id, granted_at, expires_at, reserved_until, granted_by, amount, used,
                               currency, till)
SELECT id, uuidv7(), now(), now() + interval '1 hour', now() + interval '2 hours', uuidv7(), 2, 1, 'CNY', '1' FROM who;
INSERT INTO credit_authorisations (customer_id, id, authorised_at, expires_at, authorised_by, amount, status)
SELECT id, uuidv7(), now(), now() + interval '1 hour', uuidv7(), 1, 'held' FROM who;
INSERT INTO holds (customer_id, id, placed_at, placed_by, reason) SELECT id, uuidv7(), now(), uuidv7(), 'R' FROM who;
ANALYZE {", ".join(sorted(TABLES))}
"""


def nodes(plan):
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


@pytest.fixture
async def filled(house):
    connection = await asyncpg.connect(house.services.db.dsn, server_settings={"TimeZone": "UTC", "jit": "off"})
    try:
        await connection.execute("SET session_replication_role = replica; " + FILL)
        yield connection
    finally:
        await connection.close()


async def test_a_card_reads_little_however_much_there_is(house, filled):
    sql = compiled(queries.card(EVERYTHING, house.services.sections, 100))
    for which in (1, 500):
        customer = await filled.fetchval("SELECT id FROM who WHERE n = $1", which)
        now = datetime.now(UTC)
        values = sql.arguments({"customer": customer, "now": now, "today": now.date(), "month": 1, "day": 1})
        shown = await filled.fetchrow(sql.text, *values)
        assert len(json.loads(shown["document"])["receipts"]) == (5 if which == 1 else 2)
        for mode in ("force_custom_plan", "force_generic_plan"):
            await filled.execute(f"SET plan_cache_mode = {mode}")
            text = await filled.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql.text}", *values)
            plan = json.loads(text)[0]["Plan"]
            read = [node for node in nodes(plan) if "Relation Name" in node or node["Node Type"].startswith("Bitmap")]
            read = [node for node in read if node.get("Relation Name") not in SHORT]
            assert {node["Relation Name"] for node in read if "Relation Name" in node} == TABLES, mode
            walked = [node["Relation Name"] for node in read if node["Node Type"] == "Seq Scan"]
            assert not walked, (mode, walked)
            most = max(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in read)
            # A page of an index more or less; never all that a customer of thousands of receipts has.
            assert most <= 20, (mode, [node for node in read if node["Actual Rows"] > 20])
            assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 400, mode
