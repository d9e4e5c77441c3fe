"""A file on its way in: bounded, hashed, repeated under its key, and gone without a trace when it is not accepted."""

from __future__ import annotations

import asyncio
import uuid
import zlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from app.bulk import commands
from app.bulk.reading import BLOCK
from app.bulk.receiving import MOST_AT_ONCE, Uploads
from app.core.errors import Problem
from tests.bulk.conftest import CSV

PATH = "/v1/imports?kind=products"


async def nothing_left(count) -> bool:
    return (await count("imports"), await count("import_chunks"), await count("jobs")) == (0, 0, 0)


async def in_pieces(*pieces: bytes, pause: float = 0) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(pause)


def cut(body: bytes, size: int) -> AsyncIterator[bytes]:
    return in_pieces(*[body[place : place + size] for place in range(0, len(body), size)])


@pytest.fixture
def limits(house):
    """Limits of the running application, put back afterwards."""
    settings = house.services.settings
    before = settings.limits
    settings.limits = before.model_copy()
    yield settings.limits
    settings.limits = before


async def test_a_big_file_lies_compressed_in_chunks_of_a_mebibyte(imports, services, count):
    body = b"code,name\n" + b"".join(b"C%07d,A name of some length\n" % n for n in range(90_000))
    answer = await imports.client.post(PATH, content=cut(body, 65_521), headers={"Content-Type": CSV})
    assert answer.status_code == 202
    assert answer.json()["bytes"] == len(body)
    connection = await services.db.connect()
    try:
        chunks = [row["data"] for row in await connection.fetch("SELECT data FROM import_chunks ORDER BY number")]
        digest = await connection.fetchval("SELECT digest = sha256($1) FROM imports", body)
    finally:
        await connection.close()
    assert [len(zlib.decompress(chunk)) for chunk in chunks[:-1]] == [BLOCK] * (len(body) // BLOCK)
    assert b"".join(zlib.decompress(chunk) for chunk in chunks) == body
    assert sum(map(len, chunks)) < len(body) / 2
    assert digest is True


@pytest.mark.parametrize("size", [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK])
async def test_sizes_around_a_chunk(imports, size):
    head = b"code,name\nP1,"
    # Rows of empty cells are no rows.
    body = head + b"x" * 50 + b"\n" + (b"," * 999 + b"\n") * (size // 1000 + 1)
    body = body[: size - 1] + b"\n"
    found = await imports.run("products", body)
    assert (found["status"], found["bytes"], found["rows"]["created"], found["rows"]["read"]) == ("done", size, 1, 1)


async def test_too_large_is_refused_by_what_is_said_and_by_what_comes(imports, limits, count):
    limits.upload_bytes = 3 * BLOCK
    body = b"code,name\n" + b"A,b\n" * BLOCK
    said = await imports.send("products", body)
    counted = await imports.client.post(PATH, content=cut(body, BLOCK), headers={"Content-Type": CSV})
    for answer in (said, counted):
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert await nothing_left(count)


async def test_a_sender_that_only_holds_its_place_is_shown_out(imports, limits, count):
    limits.body_seconds = 0.3
    answer = await imports.client.post(
        PATH, content=in_pieces(b"code\n", b"A\n", b"B\n", b"C\n", pause=0.2), headers={"Content-Type": CSV}
    )
    assert (answer.status_code, answer.json()["code"]) == (408, "request_timeout")
    assert await nothing_left(count)


async def test_a_slow_sender_that_gets_on_is_served(imports, limits):
    """The time limit is for each piece, not for the whole."""
    limits.body_seconds = 0.5
    pieces = [b"code\n", *[b"A%d\n" % n * 14_000 for n in range(8)]]
    answer = await imports.client.post(PATH, content=in_pieces(*pieces, pause=0.15), headers={"Content-Type": CSV})
    assert answer.status_code == 202


async def test_a_connection_that_breaks_leaves_nothing(house, count):
    """More than a chunk was stored when the client went away."""
    body = b"code\n" + b"A\n" * BLOCK
    messages = [{"type": "http.request", "body": body, "more_body": True}, {"type": "http.disconnect"}]

    async def receive():
        return messages.pop(0)

    sent = []

    async def send(message):
        sent.append(message)

    key = house.keys["admin"]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/v1/imports",
        "raw_path": b"/v1/imports", "query_string": b"kind=products", "scheme": "http", "root_path": "",
        "headers": [(b"content-type", b"text/csv"), (b"authorization", f"Bearer {key}".encode())],
        "client": ("127.0.0.1", 1), "server": ("test", 80),
    }  # fmt: skip
    await house.app(scope, receive, send)
    assert sent[0]["status"] == 408
    assert await nothing_left(count)


async def test_the_same_key_and_file_are_one_import(imports, count):
    first = await imports.send("products", "code\nA\n", Idempotency_Key="k1")
    again = await imports.send("products", "code\nA\n", Idempotency_Key="k1")
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert (await count("imports"), await count("import_chunks"), await count("jobs")) == (1, 1, 1)
    found = await imports.finished(first.json()["id"])
    assert found["rows"]["created"] == 1


async def test_the_same_key_and_another_file_are_refused(imports, count):
    await imports.send("products", "code\nA\n", Idempotency_Key="k1")
    for kind, data in (("products", "code\nB\n"), ("stores", "code\nA\n")):
        answer = await imports.send(kind, data, Idempotency_Key="k1")
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert (await count("imports"), await count("import_chunks")) == (1, 1)


async def test_many_at_once_under_one_key_are_one_import(imports, limits, count):
    limits.lock_seconds = 5
    answers = await asyncio.gather(
        *(imports.send("products", "code\nA\n", Idempotency_Key="k1") for _ in range(MOST_AT_ONCE))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (await count("imports"), await count("import_chunks"), await count("jobs")) == (1, 1, 1)


async def test_only_a_few_are_received_at_once(house):
    uploads = Uploads()
    for _ in range(MOST_AT_ONCE):
        uploads.__enter__()
    with pytest.raises(Problem) as caught, uploads:
        raise AssertionError("it was let in")
    assert (caught.value.type.status, caught.value.headers) == (503, {"Retry-After": "5"})
    uploads.__exit__()
    with uploads:
        pass


async def test_a_full_database_is_told_as_such(house, client, monkeypatch, count):
    """The disk of the database is full: 503 with when to come again, and no half file."""
    import asyncpg  # noqa: PLC0415

    async def full(*_, **__):
        raise asyncpg.DiskFullError("could not extend file")

    monkeypatch.setattr(commands, "add_chunk", full)
    answer = await client.post(PATH, content=b"code\nA\n", headers={"Content-Type": CSV})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"]
    assert await nothing_left(count)


async def test_what_was_left_behind_is_swept_up(imports, services, count):
    """An API process was killed in the middle of an upload, and a job was given up."""
    lost, fresh, given_up, waiting = [(await imports.send("products", f"code\nA{n}\n")).json()["id"] for n in range(4)]
    connection = await services.db.connect()
    try:
        for one in (lost, fresh):
            await connection.execute("DELETE FROM jobs WHERE id = $1", one)
            await connection.execute("UPDATE imports SET digest = NULL WHERE id = $1", one)
        await connection.execute("UPDATE imports SET touched_at = now() - interval '61 minutes' WHERE id = $1", lost)
        await connection.execute("UPDATE jobs SET status = 'failed' WHERE id = $1", given_up)
        assert await services.db.run(commands.sweep) == 1
        chunks = {str(row["import_id"]) for row in await connection.fetch("SELECT import_id FROM import_chunks")}
        left = {str(row["id"]) for row in await connection.fetch("SELECT id FROM imports")}
    finally:
        await connection.close()
    assert chunks == {fresh, waiting}
    assert left == {fresh, given_up, waiting}


async def test_what_is_over_for_long_is_forgotten(imports, services, count):
    """Three old jobs (an upload with faults, a file of the command line, another) and two that must stay."""
    old, young, waiting = [(await imports.send("products", f"code\nA{n}\n")).json()["id"] for n in range(3)]
    other, file = uuid.uuid4(), uuid.uuid4()
    connection = await services.db.connect()
    try:
        for one, days in ((old, 91), (young, 89), (other, 91), (file, 91)):
            await connection.execute(
                "INSERT INTO jobs (id, kind, client_id, arguments, run_after) VALUES ($1, 'k', $1, '{}', now())"
                " ON CONFLICT DO NOTHING", one,
            )  # fmt: skip
            over = "UPDATE jobs SET status = 'done', finished_at = now() - $2::int * interval '1 day' WHERE id = $1"
            await connection.execute(over, one, days)
        copied = "kind, format, client_id, key_id, client_name, scopes, request_id"
        await connection.execute(
            f"INSERT INTO imports (id, source, digest, {copied}) SELECT $2, 'file', 'x', {copied} FROM imports"
            " WHERE id = $1", old, file,
        )  # fmt: skip
        for one in (old, young):
            await connection.execute(
                "INSERT INTO import_faults SELECT $1, line, 0, 'c', 'd', '' FROM generate_series(1, 5) line", one
            )
        went: list[int] = []
        while not went or went[-1]:
            went.append(await services.db.run(lambda tx: commands.forget_old(tx, timedelta(days=90), limit=2)))
        left = {str(row["id"]) for row in await connection.fetch("SELECT id FROM jobs")}
    finally:
        await connection.close()
    assert left == {young, waiting, str(file)}
    assert (await count("imports"), await count("import_faults"), sum(went)) == (3, 5, 7)
    assert max(went) <= 4


async def test_an_accepted_import_is_never_dropped(imports, services, count):
    found = (await imports.send("products", "code\nA\n")).json()
    await services.db.run(lambda tx: commands.drop_upload(tx, found["id"]))
    assert (await count("imports"), await count("import_chunks")) == (1, 1)


async def test_an_upload_in_flight_is_nobodys_business_yet(imports, services):
    """It is listed only once it is accepted."""
    gate = asyncio.Event()

    async def held() -> AsyncIterator[bytes]:
        yield b"code\n" + b"A\n" * BLOCK
        await gate.wait()

    request = asyncio.create_task(imports.client.post(PATH, content=held(), headers={"Content-Type": CSV}))
    connection = await services.db.connect()
    try:
        async with asyncio.timeout(10):
            while True:
                if await connection.fetchval("SELECT count(*) FROM import_chunks"):
                    break
                await asyncio.sleep(0.02)
        import_id = await connection.fetchval("SELECT id FROM imports")
        assert (await imports.client.get("/v1/imports")).json()["data"] == []
        assert (await imports.client.get(f"/v1/imports/{import_id}")).status_code == 404
    finally:
        gate.set()
        await connection.close()
    assert (await request).status_code == 202
    assert (await imports.look(str(import_id)))["status"] == "queued"


async def test_an_upload_does_not_take_the_place_of_a_batch(house, services):
    """While uploads are slow, batches in the bulk lane go through."""
    gate = asyncio.Event()

    async def held() -> AsyncIterator[bytes]:
        yield b"code\n"
        await gate.wait()

    async with house.client("admin", **{"Content-Type": CSV}) as client:
        requests = [asyncio.create_task(client.post(PATH, content=held())) for _ in range(MOST_AT_ONCE)]
        await asyncio.sleep(0.1)
        async with asyncio.timeout(5):
            batch = await client.post(
                "/v1/products/batch", json={"items": [{"code": "P"}]}, headers={"Content-Type": "application/json"}
            )
        assert batch.status_code == 200
        refused = await client.post(PATH, content=b"code\nA\n")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        gate.set()
        assert [answer.status_code for answer in await asyncio.gather(*requests)] == [202] * MOST_AT_ONCE
