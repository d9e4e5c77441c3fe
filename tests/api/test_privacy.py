"""Canary values: personal data stays in the record; never in logs, metrics, errors, events, or the audit trail."""

import logging
import uuid

import asyncpg
import pytest

from app.core.log import JsonLines
from app.customers.attributes import PROFILE, Type
from app.engagement.jobs import Follower
from tests.api.world import SAMPLES, STORE, filled, receipt, request

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
    await nothing_beside_the_record(house, 3)


async def nothing_beside_the_record(house, least):
    connection = await asyncpg.connect(house.services.db.dsn)
    try:
        for table in KEPT_APART:
            if await connection.fetchval("SELECT to_regclass($1)", table):
                rows = await connection.fetch(f'SELECT t::text FROM "{table}" t')
                assert not leaks("\n".join(row[0] for row in rows)), table
        told = "SELECT count(*) FROM (SELECT id FROM outbox UNION ALL SELECT id FROM events) AS told"
        assert await connection.fetchval(told) > least
        assert await connection.fetchval("SELECT count(*) FROM audit_entries") > least
    finally:
        await connection.close()


# Where people write what they like, by the name of the field; the same name elsewhere may be a word of ours.
TEXTS = frozenset((
    "display_name", "given_name", "family_name", "reading", "name", "title", "standing", "note", "address", "city",
    "region", "district", "street", "postcode", "recipient", "likes", "hobbies", "beliefs", "alternative", "comment",
    "desire", "finding", "cause", "remedy", "lost_to", "need", "outcome_note", "promise", "proof", "reason", "role",
    "subject", "suggestion", "text", "what", "goal",
))  # fmt: skip
# Words and codes of ours, ids, times, and identifiers, which the test above goes through.
OTHERS = frozenset((
    "about", "action", "agent", "at", "authority", "benefit", "by", "category", "channel", "collected_at", "collector",
    "complaint_id", "country", "currency", "customer_did", "customer_ids", "decided_at", "dimension", "direction",
    "due_at", "due_on", "end", "external_id", "follow_up_at", "gender", "home_store", "id", "ids", "kind", "kinds",
    "language", "last_promotion", "level", "licence_end", "means", "occasion", "occurred_at", "occurred_on", "other",
    "outcome", "owner", "ownership", "partner", "paths", "phone", "planned_for", "preferred_channel", "product",
    "purpose", "q", "receipt_id", "relation", "sacrifice", "severity", "share", "since", "size", "source", "stage",
    "start", "state", "stated_by", "status", "store", "survey", "system", "then_did", "time_zone", "topic", "until",
    "value", "won_back_on", "who", "done_on", "review_on", "period", "from_period", "to_period", "factor",
    "monthly_shares", "corrects", "customer_id", "latitude", "longitude", "grade", "credit_allowance_id", "review_on",
    "charge_id", "expires_at", "first", "last",
))  # fmt: skip
ROOMS = ("customers:write", "engagement:record", "engagement:write", "credit:write", "warnings:write")


def marked(value, key=None):
    """A sample's body with canaries for every text; raises for a field of which nobody has said what it is."""
    if isinstance(value, dict):
        return {name: marked(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [marked(one, key) for one in value]
    if not isinstance(value, str) or (key, value) in {
        ("reason", "price"),
        ("reason", "family"),
        ("reason", "no_time"),
    }:
        return value
    special = {"email": EMAIL, "phones": LOCAL}
    assert key in TEXTS | OTHERS | special.keys(), f"Is {key} a text? Then it needs a canary."
    return special.get(key, f"{NAME} {key}"[:20] if key in TEXTS else value)


def every_text():
    """A profile with a canary in every attribute that takes a text."""
    profile: dict[str, dict] = {}
    for one in PROFILE:
        if one.type in {Type.TEXT, Type.TAGS}:
            text = f"{NAME} {one.path}"[:40]
            profile.setdefault(one.section, {})[one.name] = [text] if one.type is Type.TAGS else text
    return profile


async def test_every_text_of_the_record_stays_there(client, house, names, lines):
    operations = [one for one, sample in SAMPLES.items() if sample.body is not None and sample.scope in ROOMS]
    for operation in sorted(operations, key=lambda one: ("/batch" in one, one)):
        body = filled(marked(SAMPLES[operation].body), names)
        if "profile" in body:
            body["profile"] |= every_text()
        sent = request(client, operation, names, body=body)
        answer = await client.send(sent)
        if answer.status_code == 412:
            again = {"If-Match": f'"{answer.json()["version"]}"'}
            answer = await client.send(request(client, operation, names, body=body, headers=again))
        # What another of these has done to the record may be in the way; nothing else is.
        assert answer.status_code in {200, 201, 409}, (operation, answer.text)
        # The same refused: twice, with a field too many, and for nobody.
        refused = [
            await client.send(request(client, operation, names, body={**body, "surprise": NAME})),
            await client.send(request(client, operation, {**names, "customer_id": str(uuid.uuid4())}, body=body)),
        ]
        assert not [one.text for one in (answer, *refused) if one.status_code >= 400 and leaks(one.text)], operation
    await Follower(house.services).turn()
    for path in ("card", "contacts", "addresses", "relationships", "interactions", "complaints", "care"):
        assert leaks((await client.get(f"/v1/customers/{names['customer_id']}/{path}")).text), path
    await house.services.reads.flush()
    assert not leaks((await client.get("/metrics")).text)
    assert not leaks("\n".join(lines))
    await nothing_beside_the_record(house, len(operations))


async def test_an_unexpected_error_is_logged_without_its_text(client, house, lines, monkeypatch):
    async def broken(*_, **__):
        raise RuntimeError(f"{NAME} {PHONE}")

    monkeypatch.setattr(house.services.db, "write", broken)
    answer = await client.post("/v1/customers", json={"kind": "person", "display_name": NAME})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    written = "\n".join(lines)
    assert "RuntimeError" in written and answer.headers["x-request-id"] in written
    assert not leaks(written + answer.text)
