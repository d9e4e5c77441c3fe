"""Alive, ready, metrics, and what became of a keyed request."""

import asyncio
import uuid

import asyncpg

CUSTOMER = {"kind": "person", "display_name": "A"}


async def test_alive_and_ready_need_no_key(house):
    async with house.client(None) as anybody:
        assert (await anybody.get("/livez")).json() == {"status": "ok"}
        ready = await anybody.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert ready.json()["feed_waiting"] >= 0
    assert ready.json()["jobs_waiting"] == 0


async def test_what_lags_is_reported_and_measured(client, house):
    job = uuid.uuid4()
    connection = await asyncpg.connect(house.services.db.dsn)
    try:
        await connection.execute(
            "INSERT INTO jobs (id, kind, client_id, arguments, run_after)"
            " VALUES ($1, 'k', $1, '{}', now() - interval '1 minute'),"
            " ($2, 'k', $2, '{}', now() + interval '1 minute')",
            job, uuid.uuid4(),
        )  # fmt: skip
        ready = (await client.get("/readyz")).json()
        shown = (await client.get("/metrics")).text
    finally:
        await connection.close()
    assert (ready["status"], ready["jobs_waiting"]) == ("ready", 1)
    assert 60 <= ready["jobs_oldest_seconds"] < 600
    assert 'clientele_lag{of="jobs_waiting"} 1.0' in shown
    assert 'clientele_lag{of="feed_waiting"}' in shown


async def test_metrics_are_told_also_when_the_database_is_away(client, house, monkeypatch):
    async def away(_db):
        raise ConnectionError

    await client.get("/metrics")
    monkeypatch.setattr(house.services, "probes", (away,))
    shown = await client.get("/metrics")
    assert shown.status_code == 200
    assert 'clientele_lag{of="feed_waiting"} NaN' in shown.text


async def test_metrics_count_answers_by_route_and_never_by_value(client, house):
    await client.get(f"/v1/customers/{uuid.uuid4()}")
    await client.get("/v1/customers/lookup", params={"card": "M-77"})
    shown = (await client.get("/metrics")).text
    assert 'route="/v1/customers/{customer_id}",status="404"' in shown
    assert 'route="/v1/customers/lookup",status="200"' in shown
    assert 'clientele_connections_in_use{pool="hot"}' in shown
    assert "process_cpu_seconds_total" in shown
    assert "M-77" not in shown


async def test_not_ready_before_the_migrations_and_still_ready_after_newer_ones(house):
    connection = await asyncpg.connect(house.services.db.dsn)
    revision = await connection.fetchval("SELECT version_num FROM alembic_version")
    try:
        async with house.client(None) as anybody:
            await connection.execute("UPDATE alembic_version SET version_num = '20261121_01_core'")
            assert (await anybody.get("/readyz")).status_code == 503
            await connection.execute("UPDATE alembic_version SET version_num = '29991231_01_the_future'")
            assert (await anybody.get("/readyz")).status_code == 200
    finally:
        await connection.execute("UPDATE alembic_version SET version_num = $1", revision)
        await connection.close()


async def test_a_keyed_request_can_be_asked_for(client, clients):
    made = await client.post("/v1/customers", json=CUSTOMER, headers={"Idempotency-Key": "asked"})
    told = (await client.get("/v1/idempotency/asked")).json()
    assert (told["state"], told["status"], told["answer"]) == ("completed", 201, made.json())
    assert (await client.get("/v1/idempotency/never")).status_code == 404
    assert (await clients["pos"].get("/v1/idempotency/asked")).status_code == 404


async def test_what_failed_is_not_kept_under_its_key(client):
    headers = {"Idempotency-Key": "again"}
    assert (await client.post("/v1/customers", json={"kind": "robot"}, headers=headers)).status_code == 422
    assert (await client.get("/v1/idempotency/again")).status_code == 404
    assert (await client.post("/v1/customers", json=CUSTOMER, headers=headers)).status_code == 201


async def test_a_hundred_parallel_calls_with_one_key_have_one_effect(client, house):
    headers = {"Idempotency-Key": "hundred"}
    answers = await asyncio.gather(*(client.post("/v1/customers", json=CUSTOMER, headers=headers) for _ in range(100)))
    done = [answer for answer in answers if answer.status_code == 201]
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in done}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in done) == 1
    assert len((await client.get("/v1/customers")).json()["data"]) == 1
