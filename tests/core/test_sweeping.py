"""What tests leave behind does not meet the next one."""

import asyncpg

FILL = """
INSERT INTO warnings (customer_id, id, version, opened_at, changed_at, rank, severity_rank, kind, subject, state,
                      severity, status, episode, evidence)
VALUES (uuidv7(), uuidv7(), 1, now(), now(), 1, 1, 'credit', 'limit', 'near_limit', 'notice', 'open', '',
  '{"balance": 9, "limit": 10, "currency": "CNY"}')
"""


async def test_rows_written_with_triggers_off_go_as_well(house, client):
    """Found: a test that filled tables so left thousands of warnings, which the next list of warnings showed."""
    connection = await asyncpg.connect(house.services.db.dsn, server_settings={"session_replication_role": "replica"})
    try:
        await connection.execute(FILL)
    finally:
        await connection.close()
    assert len((await client.get("/v1/warnings")).json()["data"]) == 1
    await house.sweeper.back()
    assert (await client.get("/v1/warnings")).json()["data"] == []
