"""Erasing one customer: what goes, what stays, what is told, and when it is refused."""

import asyncio
import json
import uuid
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from app.core.settings import RetentionSettings
from app.privacy import commands
from app.privacy.commands import keeping
from app.privacy.signing import is_signed
from app.receipts import verify
from tests.api.world import SAMPLES, STORE, filled, receipt, request

PHONE = {"kind": "phone", "value": "138 0013 8000"}


async def someone(client, **more):
    answer = await client.post("/v1/customers", json={"display_name": "Zhang Wei", "identifiers": [PHONE], **more})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def erase(client, customer, status=201, **more):
    answer = await client.post("/v1/erasures", json={"customer_id": customer, "reason": "request", **more})
    assert answer.status_code == status, answer.text
    return answer.json()


async def buy(client, number, **customer):
    body = filled(receipt(number), {"store": "S01"}) | {"customer": customer or None}
    answer = await client.post("/v1/receipts", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def rows(house, sql, *values):
    connection = await asyncpg.connect(house.services.db.dsn)
    try:
        return [dict(row) for row in await connection.fetch(sql, *values)]
    finally:
        await connection.close()


@pytest.fixture
async def store(client):
    (await client.put("/v1/stores/S01", json=STORE)).raise_for_status()


async def test_the_proof_says_what_was_erased_and_a_changed_one_fails(client):
    customer = await someone(client)
    found = await erase(client, customer, reference="DSR-7")
    assert found["record"]["erased"]["identifiers"] == 1
    assert found["record"]["reference"] == "DSR-7"
    assert {one["rule"] for one in found["record"]["kept"]} == {"ledger", "audit", "consents"}
    key = (await client.get("/v1/erasures/keys")).json()["data"][0]["public_key"]
    assert is_signed(found["record"], found["signature"], key)
    for name, value in (("reason", "objection"), ("erased", {}), ("customer_id", str(uuid.uuid4()))):
        assert not is_signed({**found["record"], name: value}, found["signature"], key)
    assert not is_signed(found["record"], found["signature"], key.replace(key[0], "B" if key[0] != "B" else "C"))
    assert (await client.get(f"/v1/erasures/{found['id']}")).json() == found
    assert (await client.get("/v1/erasures")).json()["data"] == [found]


async def test_erasing_twice_is_harmless(client, house):
    customer = await someone(client)
    found = await erase(client, customer)
    events = await rows(house, "SELECT count(*) FROM outbox WHERE customer_id = $1", uuid.UUID(customer))
    assert await erase(client, customer, 200) == found
    assert await rows(house, "SELECT count(*) FROM outbox WHERE customer_id = $1", uuid.UUID(customer)) == events


async def test_many_at_once_make_one_erasure(client):
    customer = await someone(client)
    body = {"customer_id": customer, "reason": "request"}
    answers = await asyncio.gather(*(client.post("/v1/erasures", json=body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_what_is_left_is_a_tombstone_and_the_identifiers_are_free(client, house):
    customer = await someone(client, birthday={"month": 3, "day": 4, "year": 1990}, home_store=None)
    await erase(client, customer)
    (row,) = await rows(house, "SELECT * FROM customers WHERE id = $1", uuid.UUID(customer))
    assert row.pop("kind") == "person" and row.pop("status") == "erased"
    assert row.pop("profile") == row.pop("collected") == "{}" and row.pop("suspect") == []
    named = {"id", "version", "created_at", "updated_at"}
    assert {name for name, value in row.items() if value is not None} == named
    assert (await client.get("/v1/customers/lookup", params={"phone": "13800138000"})).json()["data"] == []
    assert await someone(client) != customer


async def test_the_ledger_and_the_totals_stay(client, house, store):
    customer = await someone(client)
    bought = await buy(client, "R-1", id=customer)
    owed = {"items": [{"external_id": "1", "kind": "charge", "amount": 500, "note": "Zhang's"},
                      {"external_id": "2", "kind": "payment", "amount": 500, "note": "Zhang's"}]}  # fmt: skip
    (await client.post(f"/v1/customers/{customer}/receivables/batch", json=owed)).raise_for_status()
    amounts = (
        "SELECT sum(net), sum(gross), count(*) FROM receipts", "SELECT sum(net), sum(quantity) FROM receipt_lines",
        "SELECT sum(amount), count(*), sum(abs(amount)) FROM receivables",
        "SELECT sum(net), sum(margin) FROM customer_figures",
        "SELECT sum(net) FROM customer_days", "SELECT count(*) FROM receipt_numbers",
    )  # fmt: skip
    before = [await rows(house, sql) for sql in amounts]
    await erase(client, customer)
    assert [await rows(house, sql) for sql in amounts] == before
    assert [line async for found in verify.check(house.services.db, repair=False) for line in found] == []
    shown = (await client.get(f"/v1/receipts/{bought['id']}")).json()
    assert (shown["extensions"], shown["purpose"], shown["net"]) == ({}, None, bought["net"])
    again = await client.post("/v1/receipts", json=filled(receipt("R-1"), {"store": "S01"}) | {"customer": None})
    assert again.status_code == 200 and again.json()["id"] == bought["id"]


async def test_a_receipt_for_an_erased_customer_is_the_walk_ins(client, store):
    customer = await someone(client)
    await erase(client, customer)
    pushed = await buy(client, "R-1", id=customer)
    assert (pushed["attributed"], pushed["flags"]) == (False, ["unknown_customer"])
    refused = await client.post(f"/v1/receipts/{pushed['id']}/attribution", json={"customer": {"id": customer}})
    assert (refused.status_code, refused.json()["code"]) == (410, "customer_erased")


async def test_a_receipt_of_an_erased_customer_goes_to_nobody_else(client, house, store):
    customer, other = await someone(client), await someone(client)
    bought = await buy(client, "R-1", id=customer)
    await erase(client, customer)
    for whom in (None, {"id": other}):
        refused = await client.post(f"/v1/receipts/{bought['id']}/attribution", json={"customer": whom})
        assert (refused.status_code, refused.json()["code"]) == (410, "customer_erased")
    assert [line async for found in verify.check(house.services.db, repair=False) for line in found] == []


async def test_what_is_said_of_a_record_beside_an_erasure_does_not_stay(client, house):
    customer = await someone(client)
    made = await client.post(
        f"/v1/customers/{customer}/suggestions", json={"about": "product", "suggestion": "More tea"}
    )
    assert made.status_code == 201, made.text
    path = f"/v1/customers/{customer}/suggestions/{made.json()['id']}/accept"
    blocker = await asyncpg.connect(house.services.db.dsn)
    try:
        # Somebody is at the record: who acts on it waits, and then the erasure.
        async with blocker.transaction():
            await blocker.execute("SELECT FROM suggestions FOR UPDATE")
            acting = asyncio.create_task(client.post(path, json={"outcome_note": "Zhang called"}))
            await asyncio.sleep(0.4)
            erasing = asyncio.create_task(erase(client, customer))
            await asyncio.sleep(0.4)
        assert (await acting).status_code == 200
        await erasing
    finally:
        await blocker.close()
    for table in ("suggestions", "engagement_steps"):
        assert await rows(house, f"SELECT * FROM {table}") == []


async def test_pushes_and_patches_beside_an_erasure(client, house, store):
    customer = await someone(client)
    await buy(client, "R-0", id=customer)

    async def push(number):
        body = filled(receipt(f"P-{number}"), {"store": "S01"}) | {"customer": {"id": customer}}
        return await client.post("/v1/receipts", json=body | {"extensions": {"who": "Zhang"}})

    async def patch(number):
        return await client.patch(
            f"/v1/customers/{customer}", json={"reading": f"Zhang {number}"}, headers={"If-Match": '"1"'}
        )

    work = [one(number) for number in range(10) for one in (push, patch)]
    work.insert(6, client.post("/v1/erasures", json={"customer_id": customer, "reason": "request"}))
    answers = await asyncio.gather(*work)
    assert {answer.status_code for answer in answers} <= {200, 201, 410, 412}
    assert answers[6].status_code == 201
    kept = await rows(house, "SELECT customer_id, extensions::text FROM receipts")
    assert len(kept) == 11
    assert not [row for row in kept if row["customer_id"] == uuid.UUID(customer) and "Zhang" in row["extensions"]]
    assert [line async for found in verify.check(house.services.db, repair=False) for line in found] == []


async def test_the_other_side_of_a_relationship_loses_it_and_is_told(client, house):
    customer, other = await someone(client), await someone(client)
    made = await client.post(
        f"/v1/customers/{customer}/relationships", json={"other": other, "kind": "spouse", "note": "since school"}
    )
    await erase(client, customer)
    assert (await client.get(f"/v1/customers/{other}/relationships")).json()["data"] == []
    told = await rows(
        house, "SELECT type, subject FROM outbox WHERE customer_id = $1 ORDER BY position", uuid.UUID(other)
    )
    assert told[-1] == {"type": "relationship.updated", "subject": made.json()["id"]}


async def test_a_pair_of_duplicates_goes_from_both_sides(client, house):
    customer, other = await someone(client), await someone(client)
    sides = ", ".join(
        f"('{mine}', '01a00000-0000-7000-8000-000000000001', '{theirs}', 1, now(), now(), 90, 'dismissed', '[]',"
        " '{}', 'Zhang has a brother')"
        for mine, theirs in ((customer, other), (other, customer))
    )
    await house.sweeper.run(
        "INSERT INTO duplicate_candidates (customer_id, id, other, version, found_at, changed_at, score, status,"
        f" reasons, refused, note) VALUES {sides}"
    )
    found = await erase(client, customer)
    assert found["record"]["erased"]["duplicate_candidates"] == 2
    assert await rows(house, "SELECT FROM duplicate_candidates") == []


async def test_the_event_and_the_audit_name_ids_alone(client, house):
    customer = await someone(client)
    await erase(client, customer)
    (event,) = await rows(house, "SELECT * FROM outbox WHERE type = 'customer.erased'")
    assert (event["subject"], event["data"]) == (customer, "{}")
    (entry,) = (await client.get("/v1/audit", params={"customer_id": customer, "limit": 1})).json()["data"]
    assert (entry["action"], entry["record_id"], entry["fields"]) == ("customer.erase", customer, [])


async def test_every_write_to_an_erased_id_answers_410_and_no_read_tells_anything(client, names):
    customer = await someone(client)
    await erase(client, customer)
    gone, wrong, asked = {**names, "customer_id": customer}, [], 0
    for operation in sorted(name for name in SAMPLES if "{customer_id}" in name):
        answer = await client.send(request(client, operation, gone))
        asked += 1
        # Ledgers can be read on, and lists are empty; the record itself is gone.
        if operation.startswith("GET") and answer.status_code == 200:
            assert not any(value in answer.text for value in ("Zhang", "13800138000", "138 0013 8000")), operation
        elif (answer.status_code, answer.json().get("code")) != (410, "customer_erased"):
            wrong.append(f"{operation} {answer.status_code}")
    assert not wrong, "\n".join(wrong)
    assert asked > 60
    for path in ("", "/export", "/export.html"):
        answer = await client.get(f"/v1/customers/{customer}{path}")
        assert (answer.status_code, answer.json()["code"]) == (410, "customer_erased"), path


async def test_who_is_named_in_a_body_is_gone_too(client):
    customer, other = await someone(client), await someone(client)
    await erase(client, customer)
    told = {
        "/v1/credit-authorisations": {"customer_id": customer, "amount": 100},
        "/v1/merges": {"winner": other, "loser": customer},
        f"/v1/customers/{other}/relationships": {"other": customer, "kind": "friend"},
    }
    answers = {path: await client.post(path, json=body) for path, body in told.items()}
    codes = [(answer.status_code, answer.json()["code"]) for answer in answers.values()]
    assert codes == [(410, "customer_erased"), (410, "customer_erased"), (422, "invalid_input")]


async def test_a_sale_on_account_that_is_going_on_is_waited_for(client):
    customer = await someone(client)
    terms = {"limit": 1000, "term_days": 30, "currency": "CNY"}
    (await client.put(f"/v1/customers/{customer}/credit", json=terms)).raise_for_status()
    reserved = await client.post("/v1/credit-authorisations", json={"customer_id": customer, "amount": 100})
    refused = await erase(client, customer, 409)
    assert [one["code"] for one in refused["reasons"]] == ["open_authorisation"]
    (await client.post(f"/v1/credit-authorisations/{reserved.json()['id']}/release")).raise_for_status()
    await erase(client, customer)


async def test_a_repeat_of_what_was_answered_does_not_bring_the_customer_back(client, store):
    body = {"display_name": "Zhang Wei", "identifiers": [PHONE]}
    key = {"Idempotency-Key": "k-1"}
    customer = (await client.post("/v1/customers", json=body, headers=key)).json()["id"]
    nothing = {"display_name": "Zhang Wei"}
    same = {"If-Match": '"1"', "Idempotency-Key": "k-2"}
    assert (await client.patch(f"/v1/customers/{customer}", json=nothing, headers=same)).status_code == 200
    await erase(client, customer)
    for again in (
        await client.post("/v1/customers", json=body, headers=key),
        await client.patch(f"/v1/customers/{customer}", json=nothing, headers=same),
    ):
        assert (again.status_code, again.json()["code"]) == (410, "answer_erased")
        assert again.headers["idempotency-replayed"] == "true" and again.json()["request_id"]
    told = (await client.get("/v1/idempotency/k-1")).json()
    assert (told["status"], told["answer"]) == (410, None)
    assert (await client.get("/v1/customers/lookup", params={"phone": "13800138000"})).json()["data"] == []


async def test_who_owes_is_not_erased(client, house):
    customer = await someone(client)
    charge = {"items": [{"external_id": "1", "kind": "charge", "amount": 500}]}
    (await client.post(f"/v1/customers/{customer}/receivables/batch", json=charge)).raise_for_status()
    refused = await erase(client, customer, 409)
    assert refused["code"] == "erasure_refused"
    assert [one["code"] for one in refused["reasons"]] == ["open_balance"]
    assert (await client.get(f"/v1/customers/{customer}")).json()["display_name"] == "Zhang Wei"
    lenient = office(house, settle=frozenset())
    asked = commands.Asked(uuid.UUID(customer), "legal_duty")
    assert (await house.services.db.run(lambda tx: commands.erase(tx, lenient, asked)))[1]


def office(house, **retention):
    settings = house.services.settings.model_copy(update={"retention": RetentionSettings(**retention)})
    return commands.Office.of(replace(house.services, settings=settings))


async def test_who_is_in_a_file_that_is_not_in_yet_is_not_erased(client, imports):
    customer = await someone(client)
    sent = await imports.send("customers", "display_name,phone\nZhang,138-0013-8000\n")
    refused = await erase(client, customer, 409)
    assert [one["code"] for one in refused["reasons"]] == ["unfinished_import"]
    assert (await imports.finished(sent.json()["id"]))["status"] == "done"
    await erase(client, customer)


async def test_a_walk_in_is_nobody(client, store):
    bought = await buy(client, "R-1")
    refused = await erase(client, bought["customer_id"], 409)
    assert [one["code"] for one in refused["reasons"]] == ["walk_in"]


async def test_nobody_and_merged_ones(client):
    assert (await erase(client, str(uuid.uuid4()), 404))["code"] == "not_found"
    winner, loser = await someone(client), await someone(client)
    (await client.post("/v1/merges", json={"winner": winner, "loser": loser})).raise_for_status()
    refused = await erase(client, loser, 409)
    assert (refused["code"], refused["merged_into"]) == ("customer_merged", winner)
    found = await erase(client, winner)
    assert found["record"]["also"] == [loser]
    assert await erase(client, loser, 200) == found
    assert (await client.get(f"/v1/customers/{loser}")).status_code == 410


async def test_what_is_kept_goes_when_its_time_is_over(client, house):
    customer = await someone(client)
    given = {"purpose": "marketing", "channel": "sms", "state": "granted", "source": "till", "proof": "Form of Zhang"}
    (await client.post(f"/v1/customers/{customer}/consents", json=given)).raise_for_status()
    owed = {"items": [{"external_id": "1", "kind": "charge", "amount": 500, "note": "Zhang's"},
                      {"external_id": "2", "kind": "payment", "amount": 500, "note": "Zhang's"}]}  # fmt: skip
    (await client.post(f"/v1/customers/{customer}/receivables/batch", json=owed)).raise_for_status()
    rules = office(house, consents_days=10, receivable_notes_days=20)
    run = house.services.db.run
    asked = commands.Asked(uuid.UUID(customer), "request")
    await run(lambda tx: commands.erase(tx, rules, asked))
    (consent,) = await rows(house, "SELECT source, proof, state FROM consents")
    assert consent == {"source": "", "proof": None, "state": "granted"}
    assert await run(lambda tx: commands.let_go(tx, rules)) == 0
    now = house.services.clock.now()
    for days, left in ((11, (0, 2)), (21, (0, 0))):
        house.services.clock.set(now + timedelta(days=days))
        assert await run(lambda tx: commands.let_go(tx, rules)) == 1
        assert await run(lambda tx: commands.let_go(tx, rules)) == 0
        notes = await rows(house, "SELECT note FROM receivables WHERE note IS NOT NULL")
        assert (len(await rows(house, "SELECT FROM consents")), len(notes)) == left
    (found,) = (await client.get("/v1/erasures")).json()["data"]
    assert [one["record"]["rules"] for one in found["later"]] == [["consents"], ["receivable_notes"]]
    assert found["kept_until"] is None
    for one in found["later"]:
        assert is_signed(one["record"], one["signature"], found["public_key"])


async def let_go_of(client, house, monkeypatch, number, at_once):
    """Erase customers of whom this and that is kept, and let go of it when the time has come; what is left then."""
    run, ids = house.services.db.run, []
    for place in range(number):
        customer = await someone(client, identifiers=[])
        ids.append(customer)
        given = {"purpose": "marketing", "channel": "sms", "state": "granted", "source": "till"}
        (await client.post(f"/v1/customers/{customer}/consents", json=given)).raise_for_status()
        entries = [{"external_id": f"{number}-{place}-{kind}", "kind": kind, "amount": 500, "note": "Zhang's"}
                   for kind in ("charge", "payment")]  # fmt: skip
        (await client.post(f"/v1/customers/{customer}/receivables/batch", json={"items": entries})).raise_for_status()
        # Of one goes what of another is kept, or there was nothing to keep.
        rules = office(house, consents_days=(2, 2, 3, 3)[place % 4], receivable_notes_days=(3, 90, 3, 0)[place % 4])
        asked = commands.Asked(uuid.UUID(customer), "request")
        await run(lambda tx, rules=rules, asked=asked: commands.erase(tx, rules, asked))
    # Answers that name some, and one that was given where the first was touched.
    for later, about in ((1, (ids[-1],)), (1, (ids[0],)), (1, (ids[1], ids[0])), (0, ())):
        await house.sweeper.run(
            "INSERT INTO idempotency_keys (client_id, key, fingerprint, created_at, status, headers, body) SELECT"
            f" client_id, gen_random_uuid(), '', at + interval '{later} s', 200, '{{}}', '{json.dumps(about)}'"
            f" FROM audit_entries WHERE customer_id = '{ids[0]}' AND action = 'customer.erase'"
        )
    house.services.clock.set(house.services.clock.now() + timedelta(days=3, hours=1))
    monkeypatch.setattr(keeping, "AT_ONCE", at_once)
    done, rounds = 0, 0
    while found := await run(lambda tx: commands.let_go(tx, office(house))):
        done, rounds = done + found, rounds + 1
    assert (done, rounds) == (number, -(-number // at_once))
    mine = [uuid.UUID(one) for one in ids]
    consents = await rows(house, "SELECT customer_id FROM consents WHERE customer_id = ANY ($1)", mine)
    notes = await rows(
        house, "SELECT customer_id, note FROM receivables WHERE customer_id = ANY ($1) AND note IS NOT NULL", mine
    )
    left = []
    for each in mine:
        (row,) = await rows(house, "SELECT * FROM erasures WHERE customer_id = $1", each)
        (later,) = json.loads(row["later"])
        assert is_signed(later["record"], later["signature"], later["public_key"])
        assert later["record"]["id"] == str(row["id"]) and row["settled_at"] is None
        until = [one["rule"] for one in json.loads(row["record"])["kept"] if one["until"] == str(row["kept_until"])]
        places = (sum(one["customer_id"] == each for one in some) for some in (consents, notes))
        left.append((later["record"]["rules"], later["record"]["erased"], until, *places))
    answers = await rows(house, "SELECT count(*) FROM idempotency_keys WHERE body IS NOT NULL")
    assert answers == [{"count": 0}]
    return left


async def test_however_many_are_let_go_it_is_a_fixed_few_statements(client, house, statements, monkeypatch):
    """Found: some sixty statements for each erasure."""
    asked, left = [], {}
    for number, at_once in ((2, 20), (8, 20), (4, 1)):
        with statements() as found:
            left[number] = await let_go_of(client, house, monkeypatch, number, at_once)
        ends = [place for place, one in enumerate(found) if one.endswith("SKIP LOCKED")]
        asked.append(ends[1] - ends[0])
    assert asked[0] == asked[1] > 10
    # Each is left as if it were alone.
    both, alone = ["consents", "receivable_notes"], {"consents": 1, "receivables": 2}
    usual = [
        (both, alone, [], 0, 0), (["consents"], {"consents": 1}, ["receivable_notes"], 0, 2),
        (both, alone, [], 0, 0), (["consents"], {"consents": 1}, [], 0, 0),
    ]  # fmt: skip
    for number, each in left.items():
        # What was answered of two of them counts for the first.
        answers = [one[1].pop("idempotency_keys", 0) for one in each]
        assert answers == [3, *[0] * (number - 2), 1]
        assert each == [usual[place % 4] for place in range(number)]


async def test_who_was_parted_again_is_not_erased_with_the_former_winner(client):
    """Found: one that had been merged into somebody else since was taken for a part of whom it was parted from."""
    former, winner, loser = [await someone(client, identifiers=[]) for _ in range(3)]
    made = await client.post("/v1/merges", json={"winner": former, "loser": loser})
    assert (await client.post(f"/v1/merges/{made.json()['id']}/undo")).status_code == 200
    (await client.post("/v1/merges", json={"winner": winner, "loser": loser})).raise_for_status()
    assert (await erase(client, former))["record"]["also"] == []
    assert (await erase(client, winner))["record"]["also"] == [loser]


async def test_the_rules_are_shown(client):
    shown = (await client.get("/v1/retention")).json()
    days = {one["rule"]: one["days"] for one in shown["rules"]}
    assert days == {
        "ledger": None, "audit": None, "consents": 1095, "receivable_notes": 0, "compensated_complaints": 0,
    }  # fmt: skip
    assert [one["code"] for one in shown["settle"]] == [
        "open_balance",
        "open_authorisation",
        "unfinished_import",
        "walk_in",
    ]
