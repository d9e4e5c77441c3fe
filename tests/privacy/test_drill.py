"""The restore drill: back up, erase, restore into a new cluster, replay the list, verify, go on reading the feed."""

import asyncio
import json
import shutil
import subprocess
import time
from contextlib import contextmanager

import asyncpg
import pytest

from app.core.embedded import server as embedded
from app.core.embedded.binaries import installed
from tests.privacy.canaries import flat, scan
from tests.served import Served

# Nobody cuts the power here. The full drill, whose times are told, writes to the disk as production does.
QUICK = {"fsync": "off"}
CANARY, NUMBER = "Qzvxdrill", "13844770919"


@contextmanager
def timed(what, table):
    began = time.perf_counter()
    yield
    table.append(f"{what:<44} {time.perf_counter() - began:6.1f} s")


def send(line, method, path, body=None, status=(200, 201)):
    answer = line.call(method, f"/v1{path}", None if body is None else json.dumps(body).encode())
    assert answer.status in status, (path, answer.body)
    return answer.json()


def someone(line):
    body = {"display_name": CANARY, "identifiers": [{"kind": "phone", "value": NUMBER}],
            "profile": {"life": {"hobbies": [CANARY]}}}  # fmt: skip
    return send(line, "POST", "/customers", body)["id"]


def run(program, *arguments):
    done = subprocess.run([installed().program(program), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def erase(line, count):
    """Erase that many customers of the company that may be; those who owe something are passed over."""
    erased: list[str] = []
    cursor = None
    while len(erased) < count:
        page = send(line, "GET", f"/customers?limit=200&kind=person{f'&cursor={cursor}' if cursor else ''}")
        for one in page["data"]:
            body = {"customer_id": one["id"], "reason": "request"}
            answer = send(line, "POST", "/erasures", body, status=(201, 409))
            erased += [one["id"]] if "record" in answer else []
            if len(erased) == count:
                break
        cursor = page["next_cursor"]
        assert cursor or len(erased) == count
    return erased


@pytest.mark.parametrize(
    ("people", "count", "settings"),
    [pytest.param(60, 12, QUICK, id="60-12"), pytest.param(2400, 400, {}, marks=pytest.mark.proof, id="2400-400")],
)
def test_who_was_erased_stays_so_after_a_restore(people, count, settings):
    table: list[str] = []
    new = Served(fresh=True)
    try:
        with Served() as old:
            with timed(f"fill: a company of {people} people", table):
                old.command("demo", "--people", str(people))
            dump, erased, before, totals = _back_up_and_erase(old, count, table)
            shutil.copy(old.data / "secret", new.data / "secret")
            listed = new.directory / "erasures.ndjson"
            listed.write_text(old.command("erasures", "export").stdout)
            shutil.move(dump, new.directory / "dump")
            admin = old.admin
        with timed("make a new cluster", table):
            server = embedded.start(new.data, settings=settings)
        # It stays until the end: else each command would start it and stop it.
        try:
            _restore(new, table)
            _replay(new, listed, count, table)
            new.start()
            _is_sound(new, admin, erased, before, totals)
            new.terminate()
        finally:
            embedded.stop(server)
        print("\n" + "\n".join(table))
    finally:
        new.clear()


def _back_up_and_erase(old, count, table):
    with old.line(old.admin) as line:
        canary = someone(line)
        before = _feed_is_quiet(line)
        totals = _totals(old.dsn)
        dump = old.directory / "dump"
        with timed("back up", table):
            run("pg_dump", "--format=custom", "--statistics", f"--file={dump}", old.dsn)
        send(line, "POST", "/erasures", {"customer_id": canary, "reason": "request"})
        with timed(f"erase {count} of them", table):
            erased = [canary, *erase(line, count)]
        # The backup knows nothing of this one.
        later = someone(line)
        send(line, "POST", "/erasures", {"customer_id": later, "reason": "request"})
        assert _totals(old.dsn) == totals
    return dump, [*erased, later], before, totals


def _restore(new, table):
    with timed("restore into it", table):
        run("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={new.dsn}", str(new.directory / "dump"))
        # What came back is there: the drill is one.
        assert CANARY.lower() in flat(list(asyncio.run(scan(new.dsn)).values())).lower()


def _replay(new, listed, count, table):
    with timed(f"replay a list of {len(listed.read_text().splitlines())}", table):
        replayed = new.command("erasures", "replay", str(listed)).stdout
    assert replayed == f"{count + 2} on the list, {count + 1} had come back and were erased again\n"
    again = new.command("erasures", "replay", str(listed)).stdout
    assert again == f"{count + 2} on the list, 0 had come back and were erased again\n"
    with timed("verify", table):
        assert new.verify() == "0 differences"


def _is_sound(new, admin, erased, before, totals):
    with new.line(admin) as line:
        assert json.loads(line.call("GET", "/readyz").body)["erasures_to_replay"] is False
        for customer in erased[:-1]:
            assert line.call("GET", f"/v1/customers/{customer}").status == 410
        assert line.call("GET", f"/v1/customers/{erased[-1]}").status == 404
        assert send(line, "GET", f"/customers/lookup?phone={NUMBER}")["data"] == []
        assert len(send(line, "GET", "/erasures?limit=200")["data"]) == min(len(erased), 200)
        gone = line.call("GET", f"/v1/changes?after={before}")
        assert (gone.status, gone.json()["code"]) == (410, "cursor_gone"), gone.body
        assert gone.json()["resync"] == "/v1/customers/snapshot"
        told, cursor = set(), None
        while True:
            page = send(line, "GET", f"/changes?limit=1000{f'&after={cursor}' if cursor else ''}")
            told |= {one["subject"] for one in page["data"] if one["type"] == "customer.erased"}
            cursor = page["next_cursor"]
            if not page["has_more"] and set(erased[:-1]) <= told:
                break
            time.sleep(0.05)
    assert told == set(erased[:-1])
    assert _totals(new.dsn) == totals
    _settled(new, admin)
    assert CANARY.lower() not in flat(list(asyncio.run(scan(new.dsn)).values())).lower()


def _settled(new, admin):
    """The worker's chores: statistics are made anew within ten minutes, and at its start."""
    deadline = time.monotonic() + 60
    with new.line(admin) as line:
        while any(one["settled_at"] is None for one in send(line, "GET", "/erasures?limit=200")["data"]):
            assert time.monotonic() < deadline
            time.sleep(0.2)


def _feed_is_quiet(line):
    while json.loads(line.call("GET", "/readyz").body)["feed_waiting"]:
        time.sleep(0.05)
    return send(line, "GET", "/changes?limit=1")["next_cursor"]


def _totals(dsn):
    return asyncio.run(_sums(dsn))


async def _sums(dsn):
    connection = await asyncpg.connect(dsn)
    try:
        return [
            [tuple(row) for row in await connection.fetch(sql)]
            for sql in (
                "SELECT count(*), sum(base_net), sum(base_margin) FROM receipts",
                "SELECT count(*), sum(net), sum(cost) FROM receipt_lines",
                "SELECT count(*), sum(amount) FROM receivables",
                "SELECT sum(net), sum(receipts) FROM customer_figures",
                "SELECT sum(cost) FROM care",
                "SELECT sum(compensation_cost) FROM complaints",
            )
        ]
    finally:
        await connection.close()
