"""How long `clientele serve` takes until it is ready, with its own database."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.bench import Bench, median
from tests.benchmarks.serving import application
from tests.benchmarks.table import Row

READY, FROM_NOTHING = 3.0, 60.0


def until_ready(bench: Bench) -> Iterator[Row]:
    """From nothing (a new database), and again once everything is there. The processes' own start counts."""
    folder = Path(tempfile.mkdtemp(prefix="clientele-start-"))
    try:
        times = [_start(bench, folder) for _ in range(1 + max(bench.turns, 2))]
        # Each start stops the embedded server again, so that the next one has to start it.
        import_seconds = median(_interpreter() for _ in range(3))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    yield Row(
        "start: serve ready",
        f"{median(times[1:]):.1f} s",
        f"<= {READY:.0f} s",
        median(times[1:]) <= READY,
        "embedded PostgreSQL started and migrations checked too;"
        f" importing the application alone takes {import_seconds:.1f} s.",
    )
    yield Row(
        "start: serve ready with a new database",
        f"{times[0]:.1f} s",
        f"<= {FROM_NOTHING:.0f} s",
        times[0] <= FROM_NOTHING,
        "an empty directory: initdb, all migrations, ready.",
    )


def _start(bench: Bench, folder: Path) -> float:
    began = time.perf_counter()
    with application(bench.log, data_dir=folder):
        return time.perf_counter() - began


def _interpreter() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import app.launch"], check=True)
    return time.perf_counter() - began
