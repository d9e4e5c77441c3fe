"""Importing a file of receipts: rows per second, and the worker's memory meanwhile."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.benchmarks import cpu
from tests.benchmarks.bench import Bench
from tests.benchmarks.receipts import Tills
from tests.benchmarks.serving import Served, json_bytes
from tests.benchmarks.table import Row
from tests.served import is_worker

MEMORY_MB, BATCH_RATE = 200.0, 3000.0
PATIENCE_SECONDS = 900.0


def of_a_file(bench: Bench) -> Iterator[Row]:
    """An NDJSON file of receipts with three lines each, uploaded and written by the worker's job."""
    file = _file(bench)
    with bench.application(bench.big) as ours:
        worker = _worker(ours)
        time.sleep(2.0)
        idle = {"worker": cpu.memory_mb(cpu.tree(worker)), "server": cpu.memory_mb([ours.pid])}
        with _peaks({"worker": worker, "server": ours.pid}) as peaks:
            began = time.perf_counter()
            made = _upload(ours, file)
            uploaded = time.perf_counter() - began
            done = _until_done(ours, made["id"])
            seconds = time.perf_counter() - began
    rate, more = bench.import_rows / seconds, {name: peaks[name] - idle[name] for name in idle}
    counts = done["rows"]
    yield Row(
        f"import of {bench.import_rows:,} receipts",
        f"{rate:,.0f} rows/s",
        f">= batch speed ({BATCH_RATE:,.0f}/s)",
        rate >= BATCH_RATE and counts["created"] == bench.import_rows,
        f"NDJSON of {file.stat().st_size / 1e6:.0f} MB, three lines a receipt; {uploaded:.1f} s of upload and"
        f" {seconds - uploaded:.1f} s of work; {counts['created']:,} created, {counts['failed']} failed.",
    )
    yield Row(
        "import: memory of the worker over idle",
        f"{more['worker']:.0f} MB",
        f"<= {MEMORY_MB:.0f} MB",
        more["worker"] <= MEMORY_MB,
        f"highest of many samples, with helper processes; idle {idle['worker']:.0f} MB."
        f" The API process: {more['server']:+.0f} MB.",
    )


def _file(bench: Bench) -> Path:
    tills = Tills(bench.big.size, f"import{int(time.time())}")
    path = bench.scratch / "receipts.ndjson"
    with path.open("wb") as output:
        for _ in range(bench.import_rows):
            output.write(json_bytes(tills.receipt()) + b"\n")
    return path


def _worker(served: Served) -> int:
    """The worker that the server started."""
    for _ in range(100):
        for pid in cpu.children(served.pid):
            with suppress(OSError):
                if is_worker(pid):
                    return pid
        time.sleep(0.1)
    message = "the server has no worker"
    raise RuntimeError(message)


def _upload(served: Served, file: Path) -> Any:
    line = http.client.HTTPConnection("127.0.0.1", served.port, timeout=300)
    headers = {
        "Authorization": f"Bearer {served.key}", "Content-Type": "application/x-ndjson",
        "Content-Length": str(file.stat().st_size),
    }  # fmt: skip
    with file.open("rb") as body:
        line.request("POST", "/v1/imports?kind=receipts", body, headers)
        answer = line.getresponse()
        text = answer.read()
    line.close()
    if answer.status != 202:
        message = f"the upload was refused: {answer.status} {text[:500]!r}"
        raise RuntimeError(message)
    return json.loads(text)


def _until_done(served: Served, import_id: str) -> Any:
    until = time.perf_counter() + PATIENCE_SECONDS
    while time.perf_counter() < until:
        _, found = served.request("GET", f"/v1/imports/{import_id}")
        if found["status"] in ("done", "failed"):
            return found
        time.sleep(0.1)
    message = f"the import is not done after {PATIENCE_SECONDS:.0f} s"
    raise RuntimeError(message)


@contextmanager
def _peaks(tops: dict[str, int]) -> Iterator[dict[str, float]]:
    """The highest memory (MB) of processes while the block runs; the worker's with its helpers."""
    highest, over = dict.fromkeys(tops, 0.0), threading.Event()

    def sample() -> None:
        while not over.wait(0.2):
            for name, top in tops.items():
                pids = cpu.tree(top) if name == "worker" else [top]
                highest[name] = max(highest[name], cpu.memory_mb(pids))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield highest
    finally:
        over.set()
        thread.join(5)
