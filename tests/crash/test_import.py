"""An import goes on where it stopped, whatever was killed meanwhile, and ends with every row in once."""

import json
import random
import time
from typing import Any

import pytest

from tests.reckoning import check, numbers
from tests.served import Line, Served, Unanswered
from tests.tills import Log, open_stores, receipt_of

pytestmark = pytest.mark.xdist_group("served")
SETTINGS = {"CLIENTELE_JOBS__LEASE_SECONDS": "1", "CLIENTELE_JOBS__POLL_SECONDS": "0.1"}
GIVE_UP_SECONDS = 120.0
NDJSON = {"Content_Type": "application/x-ndjson"}


def test_an_import_survives_kills() -> None:
    _story(rows=8_000, kills=6)


@pytest.mark.proof
def test_a_long_import_survives_many_kills() -> None:
    _story(rows=100_000, kills=60)


def _story(rows: int, kills: int) -> None:
    chance, log = random.Random(5), Log()
    receipts = [receipt_of(chance, str(number)) for number in range(rows)]
    bad = {"source": "till", "number": "bad", "store": "nowhere", "lines": []}
    lines = [json.dumps(item).encode() for item in [*receipts, bad]]
    with Served(SETTINGS) as served:
        key = served.key("admin")
        line = served.line(key)
        open_stores(line)
        answer = line.call("POST", "/v1/imports?kind=receipts", b"\n".join(lines), **NDJSON)
        assert answer.status == 202, answer.body
        address = f"/v1/imports/{answer.json()['id']}"
        met = 0
        for number in range(kills):
            time.sleep(chance.uniform(0.1, 0.6))
            met += _status(line, address) == "running"
            [served.kill_worker, served.kill, served.kill_database][number % 3]()
            if number % 3 == 1:
                served.start()
        done = _finished(served, line, address)
        assert met > 0, "no kill met the import: the test shows nothing"
        assert done["status"] == "done"
        assert done["rows"] == {"read": rows + 1, "created": rows, "updated": 0, "duplicate": 0, "failed": 1}
        errors = line.call("GET", f"{address}/errors")
        assert errors.status == 200 and str(rows + 1).encode() in errors.body
        log.send(receipts)
        for name, record in numbers(served).items():
            log.hear(name, record, "created")
        compared = check(served, log, key)
        line.close()
    print(f"\nimport of {compared}: {kills} kills, {met} of them while it ran")


def _status(line: Line, address: str) -> str | None:
    try:
        answer = line.call("GET", address)
    except Unanswered:
        return None
    return str(answer.json()["status"]) if answer.status == 200 else None


def _finished(served: Served, line: Line, address: str) -> dict[str, Any]:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    served.wait_ready()
    while (status := _status(line, address)) not in {"done", "failed"}:
        assert time.monotonic() < deadline, f"still {status}:\n{served.last_lines()}"
        time.sleep(0.1)
    found: dict[str, Any] = line.call("GET", address).json()
    return found
