"""Members with chosen columns, and files of them: in pieces, killed and gone on with, withdrawn and expired."""

import asyncio
import csv
import io
import random
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from sqlalchemy import text

from app.core.jobs import JobRunner, RunningJob, claim, run_job
from app.core.settings import JobSettings
from app.segments.commands import exports as commands
from app.segments.jobs import HANDLERS, Writing
from app.segments.queries import exports
from tests.segments.factories import customer, receipt, segment, store

QUICK = JobSettings(lease_seconds=0.6, poll_seconds=0.02, backoff_seconds=0.01)
COLUMNS = ["display_name", "net_365d", "age", "birthday", "created", "has_phone", "figures.usual_gap_days", "language"]
NAMES = ["王伟", "=1+1", "+86", "-2", "@x", "\uff1d1", 'a"b', "a,b", "tab", None]


@pytest.fixture(autouse=True)
async def company(house, client):
    house.services.clock.set(datetime(2026, 11, 21, 4, tzinfo=UTC))
    await store(client, "GY-01")


async def people(client):
    made = []
    for number, name in enumerate(NAMES):
        more = {} if name is None else {"display_name": name}
        birthday = {"month": 9, "day": 21, "year": 1990} if number % 2 else {"month": 2, "day": 29}
        made.append(await customer(client, language="zh", birthday=birthday, **more))
    await receipt(client, made[0], 22_000, "2026-11-01")
    return made


async def work(house):
    """Run exports as a worker would, until there is nothing left to do."""
    settings = house.services.settings.model_copy(update={"jobs": QUICK})
    runner = JobRunner(house.services, HANDLERS)
    while (job := await claim(house.services.db, list(HANDLERS), settings.jobs, asyncio.Event())) is not None:
        await runner.attend(job)


async def taken(house, export=None) -> RunningJob:
    """The job of an export, held here."""
    one = None if export is None else uuid.UUID(export)
    job = await claim(house.services.db, list(HANDLERS), QUICK, asyncio.Event(), one)
    assert job is not None
    return job


async def order(client, saved, columns=("display_name",), form="csv", **more):
    body = {"format": form, "columns": list(columns), **more}
    answer = await client.post(f"/v1/segments/{saved['id']}/exports", json=body)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/segments/{saved['id']}/exports/{answer.json()['id']}"
    return answer.json()


async def fetched(client, made, **headers):
    return await client.get(made["content"], headers=headers)


async def test_members_show_the_columns_that_are_asked_for(client, clients):
    first, *others = await people(client)
    saved = await segment(client, "zh", "language = 'zh'")
    path = f"/v1/segments/{saved['id']}/members"
    answer = await client.get(path, params={"columns": ",".join(COLUMNS), "limit": "3"})
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert [one["id"] for one in page["data"]] == sorted([first, *others])[:3]
    assert page["has_more"] is True
    following = {"columns": "net_365d", "cursor": page["next_cursor"], "limit": "200"}
    rest = (await client.get(path, params=following)).json()
    assert len(rest["data"]) == len(NAMES) - 3
    shown = {one["id"]: one["values"] for one in page["data"]}[first]
    assert shown == {
        "display_name": {"text": "王伟"}, "net_365d": {"money": 22_000}, "age": None, "birthday": {"text": "02-29"},
        "created": {"date": "2026-11-21"}, "has_phone": {"boolean": False}, "figures.usual_gap_days": None,
        "language": {"text": "zh"},
    }  # fmt: skip
    wrong = await client.get(path, params={"columns": "net_365,age,age"})
    assert [(error["pointer"], error["code"]) for error in wrong.json()["errors"]] == [
        ("/columns/0", "unknown_field_name"), ("/columns/2", "repeated"),
    ]  # fmt: skip
    assert wrong.json()["errors"][0]["detail"].endswith("Did you mean net_365d?")
    assert (await client.get(path, params={"columns": ""})).status_code == 422
    assert (await client.get(path, params={"columns": ",".join(["age"] * 51)})).status_code == 422
    assert (await client.get(path, params={"columns": "receipts.net"})).status_code == 422
    assert (await clients["analyst"].get(path, params={"columns": "age"})).status_code == 403
    assert (await clients["analyst"].get(path, params={"columns": "net_365d"})).status_code == 200


async def test_the_values_of_many_columns_cost_one_statement(client, house, statements):
    await people(client)
    saved = await segment(client, "zh", "language = 'zh'")
    path = f"/v1/segments/{saved['id']}/members"
    await client.get(path)
    with statements() as few:
        await client.get(path, params={"columns": "age"})
    with statements() as many:
        await client.get(path, params={"columns": ",".join(COLUMNS)})
    assert len(many) == len(few)


async def test_a_csv_says_what_the_members_are_and_is_no_formula(client, house):
    made = await people(client)
    saved = await segment(client, "zh", "language = 'zh'")
    asked = await order(client, saved, COLUMNS)
    assert (asked["status"], asked["total"], asked["bytes"]) == ("queued", None, 0)
    early = await fetched(client, asked)
    assert (early.status_code, early.json()["code"]) == (409, "export_not_ready")
    await work(house)
    path = f"/v1/segments/{saved['id']}/exports"
    done = (await client.get(f"{path}/{asked['id']}")).json()
    assert (done["status"], done["total"], done["rows"], done["error"]) == ("done", 10, 10, None)
    assert done["expires_at"].startswith("2026-11-28T04:00:00")
    assert (await client.get(path)).json()["data"] == [done]
    answer = await fetched(client, asked)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert len(answer.content) == done["bytes"] == int(answer.headers["content-length"])
    header, *rows = csv.reader(io.StringIO(answer.text, newline=""))
    assert header == ["id", *COLUMNS]
    assert [row[0] for row in rows] == sorted(made)
    told = {row[0]: row[1:] for row in rows}
    assert told[made[0]] == ["王伟", "22000", "", "02-29", "2026-11-21", "false", "", "zh"]
    assert [told[one][0] for one in made[1:6]] == ["'=1+1", "'+86", "'-2", "'@x", "'\uff1d1"]
    assert [told[one][0] for one in made[6:]] == ['a"b', "a,b", "tab", ""]
    assert told[made[1]][2] == "36"
    await house.services.reads.flush()
    seen = (await client.get("/v1/audit", params={"record_id": made[3]})).json()["data"]
    assert "segment.export" in {one["action"] for one in seen}
    wanted = (await client.get("/v1/audit", params={"record_id": saved["id"]})).json()["data"]
    assert {tuple(one["fields"]) for one in wanted if one["action"] == "segment.export"} == {tuple(COLUMNS)}


async def test_a_file_of_lines_holds_what_the_pages_show(client, house):
    await people(client)
    saved = await segment(client, "zh", "language = 'zh'")
    asked = await order(client, saved, COLUMNS, "ndjson")
    await work(house)
    page = await client.get(f"/v1/segments/{saved['id']}/members", params={"columns": ",".join(COLUMNS)})
    lines = [orjson.loads(line) for line in (await fetched(client, asked)).content.splitlines()]
    assert lines == page.json()["data"]


async def test_a_file_of_nobody_has_a_header(client, house):
    saved = await segment(client, "nobody", "language = 'xx'")
    asked = await order(client, saved)
    await work(house)
    assert (await fetched(client, asked)).text == "id,display_name\r\n"
    empty = await order(client, saved, form="ndjson")
    await work(house)
    answer = await fetched(client, empty)
    assert (answer.status_code, answer.content) == (200, b"")
    assert (await fetched(client, empty, Range="bytes=0-")).status_code == 416


async def test_any_range_is_what_the_whole_file_has_there(client, house, monkeypatch):
    monkeypatch.setattr(commands, "PORTION", 3)
    await people(client)
    saved = await segment(client, "zh", "language = 'zh'")
    asked = await order(client, saved, COLUMNS)
    await work(house)
    whole = (await fetched(client, asked)).content
    chance, size = random.Random(1), len(whole)
    for _ in range(25):
        first = chance.randrange(size)
        last = chance.randrange(first, size + 50)
        part = await fetched(client, asked, Range=f"bytes={first}-{last}")
        assert part.status_code == 206
        assert part.content == whole[first : last + 1]
        assert part.headers["content-range"] == f"bytes {first}-{min(last, size - 1)}/{size}"
    assert (await fetched(client, asked, Range="bytes=-7")).content == whole[-7:]
    assert (await fetched(client, asked, Range=f"bytes={size - 3}-")).content == whole[-3:]
    beyond = await fetched(client, asked, Range=f"bytes={size}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    for ignored in ("bytes=5-2", "bytes=-", "lines=1-2", "bytes=0-1,3-4", "bytes=x-"):
        assert (await fetched(client, asked, Range=ignored)).content == whole
    tag = (await fetched(client, asked)).headers["etag"]
    assert (await fetched(client, asked, **{"Range": "bytes=2-3", "If-Range": tag})).content == whole[2:4]
    assert (await fetched(client, asked, **{"Range": "bytes=2-3", "If-Range": '"other"'})).content == whole


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("moment", range(6))
async def test_killed_anywhere_it_goes_on_and_the_file_is_the_same(client, house, monkeypatch, moment):
    monkeypatch.setattr(commands, "PORTION", 3)
    await people(client)
    saved = await segment(client, "zh", "language = 'zh'")
    straight, killed = await order(client, saved, COLUMNS), await order(client, saved, COLUMNS)
    job = await taken(house, killed["id"])
    steps, step = 0, RunningJob.step

    async def until(self, work, caller=None):
        nonlocal steps
        steps += 1

        async def dies(tx):
            found = await work(tx)
            # Everything of this step is written, and not committed.
            if steps == moment:
                raise Killed
            return found

        return await step(self, dies)

    monkeypatch.setattr(RunningJob, "step", until)
    with suppress(Killed, asyncio.CancelledError):
        await run_job(house.services, HANDLERS[commands.EXPORT], job)
    monkeypatch.setattr(RunningJob, "step", step)
    await asyncio.sleep(QUICK.lease_seconds + 0.1)
    await work(house)
    assert (await fetched(client, killed)).content == (await fetched(client, straight)).content
    one = (await client.get(f"/v1/segments/{saved['id']}/exports/{killed['id']}")).json()
    assert (one["status"], one["rows"], one["total"]) == ("done", 10, 10)


async def test_a_file_is_of_one_moment(client, house, monkeypatch):
    monkeypatch.setattr(commands, "PORTION", 4)
    made = await people(client)
    saved = await segment(client, "zh", "language = 'zh'")
    asked = await order(client, saved, ["language"])
    job = await taken(house)
    export = Writing(house.services, job)
    await job.step(export.step)
    await client.patch(f"/v1/customers/{made[0]}", json={"language": "en"}, headers={"If-Match": '"1"'})
    await client.patch(f"/v1/segments/{saved['id']}", json={"text": "language = 'en'"}, headers={"If-Match": '"1"'})
    await customer(client, language="zh")
    await job.give_back(attempts=0)
    await work(house)
    rows = (await fetched(client, asked)).text.splitlines()[1:]
    assert sorted(row.partition(",")[0] for row in rows) == sorted(made)


async def test_whoever_is_erased_is_in_no_file_any_more(client, house):
    made = await people(client)
    saved = await segment(client, "zh", "language = 'zh'")
    other = await segment(client, "named", "display_name = 'a,b'")
    asked, kept = await order(client, saved), await order(client, other)
    await work(house)
    waiting = await order(client, saved)
    erased = await client.post("/v1/erasures", json={"customer_id": made[0], "reason": "request"})
    assert erased.status_code == 201
    over = await fetched(client, asked)
    assert (over.status_code, over.json()["code"], over.json()["reason"]) == (410, "export_over", "withdrawn")
    assert (await fetched(client, kept)).status_code == 200
    left = await house.services.db.hot.fetchval(
        "SELECT count(*) FROM segment_export_portions WHERE export_id = $1", uuid.UUID(asked["id"])
    )
    assert left == 0
    await work(house)
    rows = (await fetched(client, waiting)).text
    assert made[0] not in rows
    assert made[1] in rows


async def test_a_file_that_is_being_written_is_taken_back_too(client, house, monkeypatch):
    monkeypatch.setattr(commands, "PORTION", 3)
    made = await people(client)
    saved = await segment(client, "zh", "language = 'zh'")
    asked = await order(client, saved)
    job = await taken(house)
    export = Writing(house.services, job)
    for _ in range(2):
        await job.step(export.step)
    await client.post("/v1/erasures", json={"customer_id": min(made), "reason": "request"})
    last = await job.step(export.step)
    assert (last.done, last.error) == (True, "gone")
    assert (await fetched(client, asked)).json()["reason"] == "withdrawn"


async def test_a_file_is_kept_for_days_and_then_dropped(client, house):
    await people(client)
    saved = await segment(client, "zh", "language = 'zh'")
    asked = await order(client, saved)
    await work(house)
    house.services.clock.set(datetime(2026, 11, 21, 4, tzinfo=UTC) + timedelta(days=7))
    assert await house.services.db.run(commands.forget_old) == 1
    assert await house.services.db.run(commands.forget_old) == 0
    over = await fetched(client, asked)
    assert (over.status_code, over.json()["reason"]) == (410, "expired")
    await client.delete(f"/v1/segments/{saved['id']}", headers={"If-Match": '"1"'})
    assert (await client.get(f"/v1/segments/{saved['id']}/exports/{asked['id']}")).status_code == 404


async def test_a_file_is_for_the_client_that_asked_and_for_what_it_may_see(client, clients, house):
    await people(client)
    saved = await segment(client, "rich", "figures.net > 0 or language = 'zh'")
    asked = await order(client, saved)
    await work(house)
    analyst = clients["analyst"]
    assert (await fetched(analyst, asked)).status_code == 404
    assert (await analyst.get(f"/v1/segments/{saved['id']}/exports")).json()["data"] == []
    path = f"/v1/segments/{saved['id']}/exports"
    assert (await analyst.post(path, json={"columns": ["age"]})).status_code == 403
    assert (await clients["pos"].post(path, json={"columns": ["age"]})).status_code == 403
    unknown = await client.post(path, json={"columns": ["net", "age"]})
    assert [error["pointer"] for error in unknown.json()["errors"]] == ["/columns/0"]
    own = await order(analyst, saved, ["net_365d"])
    await work(house)
    assert (await fetched(analyst, own)).status_code == 200
    personal = await segment(client, "old", "age > 3")
    assert (await analyst.post(f"/v1/segments/{personal['id']}/exports", json={"columns": ["kind"]})).status_code == 403


async def test_a_file_that_could_not_be_written_takes_no_place(client, house, monkeypatch):
    monkeypatch.setattr(house.services.settings.segments, "exports", 1)
    monkeypatch.setattr(commands, "PORTION", 3)
    await people(client)
    saved = await segment(client, "zh", "language = 'zh'")
    asked = await order(client, saved)
    await work(house)
    # As a worker leaves it that has tried too often.
    failed = text("UPDATE jobs SET status = 'failed', error = 'internal_error' WHERE id = :id")
    await house.services.db.run(lambda tx: tx.execute(failed, {"id": uuid.UUID(asked["id"])}))
    again = await order(client, saved)
    await work(house)
    assert await house.services.db.run(commands.forget_old) == 1
    count = "SELECT count(*) FROM segment_export_portions WHERE export_id = $1"
    held = [await house.services.db.hot.fetchval(count, uuid.UUID(one["id"])) for one in (asked, again)]
    assert held[0] == 0 and held[1] > 1
    gone = await fetched(client, asked)
    assert (gone.status_code, gone.json()["reason"]) == (410, "internal_error")
    assert (await fetched(client, again)).status_code == 200


async def test_a_slow_reader_gets_the_whole_file(client, house, monkeypatch):
    monkeypatch.setattr(commands, "PORTION", 3)
    await people(client)
    saved = await segment(client, "zh", "language = 'zh'")
    asked = await order(client, saved)
    await work(house)
    whole = (await fetched(client, asked)).content
    piece = exports.piece

    async def slow(*given, **named):
        await asyncio.sleep(0.2)
        return await piece(*given, **named)

    monkeypatch.setattr(exports, "piece", slow)
    monkeypatch.setattr(house.services.settings.limits, "request_seconds", 0.5)
    assert (await fetched(client, asked)).content == whole


async def test_a_client_has_so_many_files_and_repeats_a_request_for_nothing(client, house, monkeypatch):
    monkeypatch.setattr(house.services.settings.segments, "exports", 2)
    saved = await segment(client, "zh", "language = 'zh'")
    path, body = f"/v1/segments/{saved['id']}/exports", {"columns": ["age"]}
    first = await client.post(path, json=body, headers={"Idempotency-Key": "one"})
    again = await client.post(path, json=body, headers={"Idempotency-Key": "one"})
    assert first.json() == again.json()
    assert (await client.post(path, json=body)).status_code == 202
    full = await client.post(path, json=body)
    assert (full.status_code, full.json()["code"]) == (409, "too_many_exports")
