"""The same over real connections, while the server is killed."""

import asyncio
import threading
import time
from collections import Counter

import asyncpg

from tests.served import Line, Response, Served, Unanswered

PARALLEL = 100
BODY = b'{"kind": "person", "display_name": "One"}'


def test_a_hundred_connections_and_a_kill_have_one_effect() -> None:
    with Served() as served:
        key = served.key("pos")
        answers: list[Response] = []
        calls = [threading.Thread(target=_until_answered, args=(served, key, answers)) for _ in range(PARALLEL)]
        for call in calls:
            call.start()
        time.sleep(0.05)
        served.kill()
        served.start()
        for call in calls:
            call.join(60)
        assert {answer.status for answer in answers} == {201}
        assert len(answers) == PARALLEL and len({answer.body for answer in answers}) == 1
        fresh = Counter("idempotency-replayed" in answer.headers for answer in answers)[False]
        assert fresh <= 1, "only the one that took effect may not be a replay; the kill may have cut its answer off"
        assert asyncio.run(_customers(served.dsn)) == 1
        assert served.errors() == []


def _until_answered(served: Served, key: str, answers: list[Response]) -> None:
    line = Line(served.port, key)
    while True:
        try:
            answer = line.call("POST", "/v1/customers", BODY, Idempotency_Key="one")
        except Unanswered:
            time.sleep(0.05)
            continue
        if answer.status not in {409, 503}:
            break
    line.close()
    answers.append(answer)


async def _customers(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM customers"))
    finally:
        await connection.close()
