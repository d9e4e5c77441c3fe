"""Every kind of customer and of dealing that the manual's examples need is there, found by asking as a user would."""

from __future__ import annotations

import httpx
import pytest

from app.access import commands as access_commands
from app.access.keyring import Keyring
from app.main import create_app


@pytest.fixture(scope="session")
async def asking(company):
    """A client of the company's own application, with every scope."""
    services = company.services
    keyring = Keyring(services.settings.secret)
    _, key = await services.db.run(lambda tx: access_commands.create_key(tx, keyring, "test", "admin"))
    transport = httpx.ASGITransport(app=create_app(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers={"Authorization": f"Bearer {key}"}
    ) as client:
        yield client


# Question -> at least so many of the ninety people and twenty-four businesses.
QUESTIONS = {
    # habits
    "kind = 'person' and figures.occasions >= 10 and figures.days_since_last <= 60": 15,
    "kind = 'person' and figures.occasions >= 6 and figures.days_since_last > 90": 5,
    "kind = 'person' and figures.occasions = 1": 15,
    "kind = 'person' and figures.usual_gap_days between 80 and 200 and figures.occasions >= 3": 3,
    "status = 'prospect' and figures.receipts = 0": 2,
    "figures.days_since_last > 90": 20,
    # what they buy, where and when
    "any(receipts where purpose = 'resale')": 3,
    "count(distinct lines.receipt during last 90 days where category under 'garden') >= 3": 3,
    "count(distinct lines.receipt during last 90 days where category under 'garden') >= 1"
    " and none(lines during last 30 days where category under 'garden')": 3,
    "home.city = 'Guiyang' or home_store in ('GY-01', 'GY-02')": 30,
    "home.city = 'Seoul' and language = 'ko'": 3,
    "home.city = 'Singapore'": 2,
    "home.kind = 'dealer'": 3,
    "any(receipts where store = 'WEB') and any(receipts where store = 'GY-01')": 3,
    "figures.favourite_category under 'tea'": 10,
    "sum(receipts.net during last 12 months where store = 'GY-01') > 200.00": 10,
    "margin_365d in top 20% of (status = 'active')": 10,
    "figures.returns > 0": 10,
    "figures.discount > 0": 20,
    "any(receipts where currency = 'KRW')": 3,
    "any(receipts where currency = 'SGD')": 2,
    # who they are
    "language = 'zh-Hans'": 40,
    "language = 'en'": 2,
    "birthday anniversary during next 60 days": 3,
    "birthday is missing": 5,
    "has_phone = false": 2,
    "source = 'till'": 10,
}  # fmt: skip


@pytest.mark.parametrize("text", QUESTIONS)
async def test_a_question_finds_customers(asking, text):
    answer = await asking.post("/v1/segments/preview", json={"text": text, "sample": 0})
    assert answer.status_code == 200, answer.text
    assert answer.json()["count"] >= QUESTIONS[text]


async def test_seasonal_customers_come_every_year_at_one_time_only(company):
    found = """
        SELECT count(*) FROM (
          SELECT customer_id FROM customer_days WHERE net > 0 GROUP BY customer_id
          HAVING count(DISTINCT extract(year FROM business_date)) >= 2 AND count(*) >= 3
             AND max(abs(((extract(doy FROM business_date)::int + 182) % 365) - 182 -
                 (((SELECT extract(doy FROM min(d.business_date))::int FROM customer_days d
                    WHERE d.customer_id = customer_days.customer_id) + 182) % 365 - 182))) <= 62
        ) seasonal"""
    assert await company.number(found) >= 4


@pytest.mark.parametrize(
    ("what", "sql", "least"),
    [
        ("returns that name their sale", ("SELECT count(*) FROM receipts WHERE kind = 'return'"
         " AND returns_number IN (SELECT number FROM receipts)"), 20),
        ("exchanges", ("SELECT count(DISTINCT receipt_id) FROM receipt_lines l JOIN receipts r"
         " ON r.customer_id = l.customer_id AND r.id = l.receipt_id WHERE r.kind = 'sale' AND l.net < 0"), 3),
        ("receipts of a promotion", "SELECT count(*) FROM receipts WHERE promotions <> '{}'", 50),
        ("promotions", "SELECT count(DISTINCT p) FROM receipts, unnest(promotions) AS p", 8),
        ("one-off events", "SELECT count(*) FROM receipts WHERE one_off", 1),
        ("walk-in receipts", ("SELECT count(*) FROM receipts r JOIN customers c ON c.id = r.customer_id"
         " WHERE c.kind = 'walk_in'"), 20),
        ("customers whom a till made", "SELECT count(*) FROM customers WHERE display_name IS NULL AND kind = 'person'",
         1),
        ("phones that several share", ("SELECT count(*) FROM (SELECT value FROM identifiers WHERE kind = 'phone'"
         " GROUP BY value HAVING count(*) > 1) shared"), 4),
        ("people entered twice", ("SELECT count(*) FROM customers a JOIN customers b ON a.id < b.id"
         " AND a.given_name = b.given_name AND a.family_name = b.family_name AND a.birth_day IS NOT DISTINCT FROM"
         " b.birth_day AND (a.display_name = b.reading OR b.display_name = a.reading)"), 1),
        ("stores of every kind", "SELECT count(DISTINCT kind) FROM stores", 3),
        ("accounts over their limit", "SELECT count(*) FROM credit_accounts WHERE balance > credit_limit", 2),
        ("accounts within it", "SELECT count(*) FROM credit_accounts WHERE balance BETWEEN 1 AND credit_limit", 5),
        ("suspended accounts", "SELECT count(*) FROM credit_accounts WHERE status = 'suspended'", 1),
        ("payments", "SELECT count(*) FROM receivables WHERE kind = 'payment'", 100),
        ("credit notes", "SELECT count(*) FROM receivables WHERE kind = 'credit_note'", 3),
        ("write-offs", "SELECT count(*) FROM receivables WHERE kind = 'write_off'", 3),
    ],
)  # fmt: skip
async def test_there_are(company, what, sql, least):
    assert await company.number(sql) >= least, what


async def test_warnings_are_open_at_once_and_tell_of_the_present_alone(company):
    found = await company.rows("SELECT kind, subject, state, status FROM warnings")
    states = {row["state"] for row in found}
    assert {"over_limit", "far_over_limit"} <= states and any(state.startswith("overdue") for state in states)
    assert states & {"late", "at_risk", "lost"}
    # What was paid in the past was paid in time, so loading it must not tell of troubles that are over.
    assert {row["status"] for row in found} == {"open"}
    assert await company.number("SELECT count(*) FROM warning_events WHERE action <> 'opened'") <= len(found) // 10


async def test_phone_numbers_are_valid_and_no_customer_owns_anothers_card(company):
    invalid = "SELECT count(*) FROM identifiers WHERE kind = 'phone' AND value !~ '^\\+(86|82|65)[0-9]{8,11}$'"
    assert await company.number(invalid) == 0
