"""An import goes on where it stopped, whatever was killed meanwhile, and ends with every row in once."""

import json
import random
import time
from typing import Any

import pytest

from tests.reckoning import check, numbers, say
from tests.served import Line, Served, Unanswered
from tests.tills import Log, open_stores, receipt_of

SETTINGS = {"CLIENTELE_JOBS__LEASE_SECONDS": "1", "CLIENTELE_JOBS__POLL_SECONDS": "0.1"}
GIVE_UP_SECONDS = 120.0
NDJSON = {"Content_Type": "application/x-ndjson"}


def test_an_import_survives_kills(capsys: pytest.CaptureFixture[str]) -> None:
    _story(3_000, 3, capsys)


@pytest.mark.proof
def test_a_long_import_survives_many_kills(capsys: pytest.CaptureFixture[str]) -> None:
    _story(100_000, 60, capsys)


def _story(rows: int, kills: int, capsys: pytest.CaptureFixture[str]) -> None:
    chance, log = random.Random(5), Log()
    receipts = [receipt_of(chance, str(number)) for number in range(rows)]
    bad = {"source": "till", "number": "bad", "store": "nowhere", "lines": []}
    body = b"\n".join(json.dumps(item).encode() for item in [*receipts, bad])
    with Served(SETTINGS) as served:
        open_stores(served)
        with served.line(served.admin) as line:
            answer = line.call("POST", "/v1/imports?kind=receipts", body, **NDJSON)
            assert answer.status == 202, answer.body
            address = f"/v1/imports/{answer.json()['id']}"
            met = _kill(served, line, address, chance, kills)
            done = _finished(served, line, address)
            faults = line.call("GET", f"{address}/errors")
        assert met >= 3, "worker, API and database must each have been killed while it ran"
        assert done["status"] == "done"
        assert done["rows"] == {"read": rows + 1, "created": rows, "updated": 0, "duplicate": 0, "failed": 1}
        assert {json.loads(fault)["line"] for fault in faults.body.splitlines()} == {rows + 1}
        log.send(receipts)
        for name, record in numbers(served).items():
            log.hear(name, record, "created")
        compared = check(served, log)
    say(capsys, f"import of {compared}: {met} kills while it ran")


def _kill(served: Served, line: Line, address: str, chance: random.Random, kills: int) -> int:
    """Kill worker, API and database in turns while the import runs. Answers how often.

    Each round waits until the import got on since the last one: what never does is given up after twenty tries, as it
    would be a job that kills its own process.
    """
    read = now = -1
    for number in range(kills):
        while number % 3 == 0 and (now := _rows_read(line, address)) <= read and _runs(served, line, address):
            time.sleep(0.05)
        read = max(now, read)
        if not _runs(served, line, address):
            return number
        time.sleep(chance.uniform(0.02, 1.2))
        if number % 3 == 0:
            served.kill_worker()
        elif number % 3 == 1:
            served.kill()
            served.start()
        else:
            served.kill_database()
    return kills


def _runs(served: Served, line: Line, address: str) -> bool:
    """Wait until the import runs (again); False if it has ended."""
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while (status := _status(line, address)) not in {"done", "failed"}:
        if status == "running":
            return True
        assert time.monotonic() < deadline, f"still {status}:\n{served.last_lines()}"
        time.sleep(0.05)
    return False


def _status(line: Line, address: str) -> str | None:
    try:
        answer = line.call("GET", address)
    except Unanswered:
        return None
    return str(answer.json()["status"]) if answer.status == 200 else None


def _rows_read(line: Line, address: str) -> int:
    try:
        answer = line.call("GET", address)
    except Unanswered:
        return -1
    return int(answer.json()["rows"]["read"]) if answer.status == 200 else -1


def _finished(served: Served, line: Line, address: str) -> dict[str, Any]:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while _runs(served, line, address):
        assert time.monotonic() < deadline, f"still running:\n{served.last_lines()}"
        time.sleep(0.1)
    served.wait_ready()
    found: dict[str, Any] = line.call("GET", address).json()
    return found
