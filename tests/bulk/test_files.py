"""Files on this machine, as the command line imports them: progress, what is wrong, going on after a kill."""

from __future__ import annotations

import asyncio
import csv
import signal

import pytest

from app.bulk.importing import KINDS, Summary, import_file
from app.core.errors import Problem
from app.core.jobs import RunningJob, claim
from tests.bulk.test_working import customers_file, process, reached, written_once


@pytest.fixture
def run(services, kinds):
    """Import a file here; answers the summary and what progress was told."""

    async def work(path, kind="products", **options):
        told: list[int] = []
        summary = await import_file(services, kinds, path, kind, told.append, **options)
        return summary, told

    return work


async def test_a_file_is_imported_with_progress(run, tmp_path, count):
    path = tmp_path / "products.csv"
    path.write_text("code,name\n" + "".join(f"P{n},Name {n}\n" for n in range(2500)))
    summary, told = await run(path)
    counts = (summary.read, summary.created, summary.updated, summary.duplicate, summary.failed)
    assert (summary.status, counts) == ("done", (2500, 2500, 0, 0, 0))
    assert (summary.known, summary.faults) == (False, None)
    assert told == sorted(told)
    assert len(set(told)) == 4
    assert told[-1] == path.stat().st_size
    assert not list(tmp_path.glob("*.errors.csv"))
    assert await count("products") == 2500
    assert await count("import_chunks") == 0
    assert str(summary) == "2500 rows: 2500 created, 0 updated, 0 already there, 0 failed"


async def test_what_is_wrong_is_listed_beside_the_file(run, tmp_path):
    path = tmp_path / "shop.ndjson"
    path.write_bytes(b'{"code":"A"}\n{"code":"=b c"}\n{\n{"code":"D","list_price":-1,"size":1}\n')
    summary, _ = await run(path)
    assert (summary.created, summary.failed) == (1, 3)
    assert summary.faults == tmp_path / "shop.ndjson.errors.csv"
    assert str(summary.faults) in str(summary)
    with summary.faults.open(encoding="utf-8", newline="") as file:
        rows = [(row["line"], row["code"], row["pointer"], row["key"]) for row in csv.DictReader(file)]
    assert rows == [
        ("2", "invalid_code", "/code", "'=b c"),
        ("3", "invalid_json", "", ""),
        ("4", "greater_than_equal", "/list_price", "D"),
        ("4", "unknown_field", "/size", "D"),
    ]


async def test_a_file_that_was_imported_is_left_alone_unless_told(run, tmp_path, count):
    path = tmp_path / "customers.csv"
    path.write_text("display_name\nAnn\nBo\n")
    first, _ = await run(path, "customers")
    again, told = await run(path, "customers")
    assert (again.id, again.known, again.created, told) == (first.id, True, 2, [])
    assert str(again).startswith("Imported before: 2 rows")
    assert await count("customers") == 2
    other, _ = await run(path, "customers", again=True)
    assert (other.known, other.created) == (False, 2)
    assert await count("customers") == 4
    path.write_text("display_name\nAnn\nBo\nCy\n")
    changed, _ = await run(path, "customers")
    assert (changed.known, changed.created) == (False, 3)


async def test_a_killed_import_goes_on_where_it_stopped(run, services, database_url, tmp_path, count):
    """The real command, killed twice by SIGKILL; the third run ends it, and every row is in once."""
    data, bad = customers_file(5_000)
    path = tmp_path / "customers.csv"
    path.write_bytes(data)
    for rows in (1_000, 3_000):
        with process(database_url, tmp_path, "import", str(path), "--kind", "customers") as command:
            await reached(services, rows, command)
            command.send_signal(signal.SIGKILL)
            command.wait()
    summary, told = await run(path, "customers")
    assert (summary.status, summary.known) == ("done", False)
    assert (summary.read, summary.created, summary.failed) == (5_000, 5_000 - bad, bad)
    assert told[0] > len(data) * 3_000 // 5_000 * 0.9
    await written_once(services, 5_000, bad)
    assert await count("imports") == 1
    assert summary.faults is not None
    assert len(summary.faults.read_text().splitlines()) == bad + 1


async def test_an_interrupted_run_gives_the_file_back_at_once(run, services, kinds, tmp_path):
    """Ctrl-C: the next run need not wait for a lease."""
    data, bad = customers_file(4_000)
    path = tmp_path / "customers.csv"
    path.write_bytes(data)
    reached_some = asyncio.Event()

    def progress(done: int) -> None:
        if done > 1000:
            reached_some.set()

    task = asyncio.create_task(import_file(services, kinds, path, "customers", progress))
    await asyncio.wait_for(reached_some.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    connection = await services.db.connect()
    assert await connection.fetchval("SELECT status FROM jobs") == "queued"
    await connection.close()
    summary, told = await run(path, "customers")
    assert told[0] > 1000
    assert (summary.created, summary.failed) == (4_000 - bad, bad)


async def test_two_runs_of_one_file_never_meet(run, services, tmp_path, monkeypatch):
    path = tmp_path / "products.csv"
    path.write_text("code\nA\n")
    monkeypatch.setattr("app.bulk.importing._PATIENCE", 0.1)
    held: RunningJob | None = None

    async def holding(*arguments, **options):
        """Somebody else takes the job just before we do, and keeps it."""
        nonlocal held
        if held is None:
            held = await claim(*arguments, **options)
        assert held is not None
        await held.renew()

    with monkeypatch.context() as patch:
        patch.setattr("app.bulk.importing.claim", holding)
        with pytest.raises(Problem) as caught:
            await run(path)
    assert "Another process" in caught.value.detail
    summary, _ = await run(path)
    assert summary.created == 1, "once the other is gone it is ours"


async def test_two_runs_at_once_share_one_import(run, tmp_path, count):
    data, bad = customers_file(3_000)
    path = tmp_path / "customers.csv"
    path.write_bytes(data)
    summaries = await asyncio.gather(*(run(path, "customers") for _ in range(3)))
    assert {summary.id for summary, _ in summaries} == {summaries[0][0].id}
    assert await count("customers") == 3_000 - bad
    assert await count("imports") == 1


async def test_an_import_that_was_given_up_can_be_taken_up(run, services, kinds, tmp_path):
    """After the cause is mended the same command goes on."""
    path = tmp_path / "products.csv"
    path.write_text("code\nA\nB\n")
    summary, _ = await run(path)
    connection = await services.db.connect()
    await connection.execute("UPDATE jobs SET status = 'failed', error = 'no_progress', cursor = '{}'")
    await connection.close()
    again, _ = await run(path)
    assert (again.id, again.known, again.status, again.duplicate) == (summary.id, False, "done", 2)


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("file.xlsx", b"code\nA\n", "must end with"),
        ("file", b"code\nA\n", "must end with"),
        ("empty.csv", b"", "empty"),
        ("empty.ndjson", b"", "empty"),
        ("book.csv", b"PK\x03\x04", "spreadsheet"),
        ("other.csv", b"name,size\nx,y\n", "header"),
    ],
)
async def test_wrong_files_are_refused_before_anything_is_written(run, tmp_path, count, name, data, text):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(Problem) as caught:
        await run(path)
    assert text in caught.value.detail
    assert await count("imports") == 0


async def test_tabs_and_other_endings(run, tmp_path):
    for name in ("a.tsv", "b.txt", "c.CSV"):
        path = tmp_path / name
        path.write_text(f"code\tname\n{name[0]}\tx\n")
        assert (await run(path))[0].created == 1
    path = tmp_path / "d.jsonl"
    path.write_text('{"code":"d"}\n')
    assert (await run(path))[0].created == 1


async def test_a_delimiter_can_be_given(run, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("code;name\nA;x\n")
    assert (await run(path, delimiter="semicolon"))[0].created == 1


def test_kinds_are_those_of_the_api(kinds):
    assert set(KINDS) == set(kinds)
    assert Summary.__doc__
