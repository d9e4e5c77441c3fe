"""Canary values: personal data stays in the record; never in logs, metrics, errors, events, or the audit trail."""

import logging

import asyncpg
import pytest

from app.core.log import JsonLines
from tests.api.world import STORE, receipt

NAME, PHONE, EMAIL, CARD, WRONG = "Canary Zhang", "+8613800138000", "canary@example.com", "CANARY77", "1380013800x9"
LOCAL = "138 0013 8000"
CANARIES = ("Canary", "13800138000", "138 0013 8000", "canary@example", "CANARY77", "1380013800x9")
KEPT_APART = ("audit_entries", "outbox", "events", "jobs", "import_errors", "api_keys")


@pytest.fixture
def lines():
    """Every line that would be logged, as it would be written, at the most talkative level in use."""
    kept: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            # The test's own client logs the addresses it asks for.
            if not record.name.startswith(("httpx", "httpcore")):
                kept.append(JsonLines().format(record))

    handler, root = Keep(), logging.getLogger()
    root.addHandler(handler)
    before = root.level
    root.setLevel(logging.INFO)
    yield kept
    root.setLevel(before)
    root.removeHandler(handler)


async def live(client, house):
    """A day with this customer: good requests, wrong ones, conflicts, errors."""
    await client.put("/v1/stores/S01", json=STORE)
    identifiers = [
        {"kind": "phone", "value": LOCAL}, {"kind": "email", "value": EMAIL}, {"kind": "card", "value": CARD},
    ]  # fmt: skip
    body = {"kind": "person", "display_name": NAME, "identifiers": identifiers}
    answers = [await client.post("/v1/customers", json=body, headers={"Idempotency-Key": "k1"})]
    assert answers[0].status_code == 201
    answers.append(await client.post("/v1/customers", json=body))
    answers.append(await client.post("/v1/customers", json={**body, "display_name": NAME + "\u0000"}))
    answers.append(await client.post("/v1/customers/batch", json={"items": [body, {**body, "surprise": NAME}]}))
    for query in ({"phone": PHONE}, {"phone": WRONG}, {"email": EMAIL + "@"}, {"card": CARD}, {"surprise": NAME}):
        answers.append(await client.get("/v1/customers/lookup", params=query))
        answers.append(await client.post("/v1/customers/lookup", json=query))
    for value in (PHONE, WRONG):
        named = {"customer": {"identifier": {"kind": "phone", "value": value}}, "store": "S01"}
        answers.append(await client.post("/v1/receipts", json=receipt(f"R-{len(value)}") | named))
        answers.append(await client.post("/v1/receipts/batch", json={"items": [receipt("R-b") | named]}))
    answers.append(await client.get(f"/v1/customers/{CARD}"))
    answers.append(await client.get(f"/v1/{EMAIL}"))
    answers.append(await client.post(
        "/v1/imports", params={"kind": "customers"}, content=f"display_name,phone\n{NAME},{WRONG}\n".encode(),
        headers={"Content-Type": "text/csv"},
    ))  # fmt: skip
    return answers


def leaks(text):
    return [canary for canary in CANARIES if canary in text]


async def test_personal_data_stays_in_the_record(client, house, lines):
    answers = await live(client, house)
    assert not any(answer.status_code >= 500 for answer in answers)
    refused = [answer for answer in answers if answer.status_code >= 400]
    assert len(refused) >= 8
    for answer in refused:
        assert not leaks(answer.text), answer.text
    await house.services.reads.flush()
    assert not leaks((await client.get("/metrics")).text)
    assert not leaks("\n".join(lines))
    connection = await asyncpg.connect(house.services.db.dsn)
    try:
        for table in KEPT_APART:
            if await connection.fetchval("SELECT to_regclass($1)", table):
                rows = await connection.fetch(f'SELECT t::text FROM "{table}" t')
                assert not leaks("\n".join(row[0] for row in rows)), table
        assert await connection.fetchval("SELECT count(*) FROM outbox") > 3
        assert await connection.fetchval("SELECT count(*) FROM audit_entries") > 3
    finally:
        await connection.close()


async def test_an_unexpected_error_is_logged_without_its_text(client, house, lines, monkeypatch):
    async def broken(*_, **__):
        raise RuntimeError(f"{NAME} {PHONE}")

    monkeypatch.setattr(house.services.db, "write", broken)
    answer = await client.post("/v1/customers", json={"kind": "person", "display_name": NAME})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    written = "\n".join(lines)
    assert "RuntimeError" in written and answer.headers["x-request-id"] in written
    assert not leaks(written + answer.text)
