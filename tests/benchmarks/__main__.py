"""`python -m tests.benchmarks [rows ...]`: measure against the budgets, print one table and keep it in RESULTS.md.

Rows: lookup, sizes, card, standing, search, single, batch, beside, feed, import, segments, growth, sweep, sweeping,
start; or all of them. The first run builds the data in .clientele-bench (half an hour and 20 GB); of the rest, segments
take longest (10 minutes).
"""

import argparse
import asyncio
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg

from app.core.embedded import server as embedded
from tests.benchmarks import cards, cpu, feeds, imports, lookups, pushes, searches, segments, starts, sweeps, table
from tests.benchmarks.bench import Bench
from tests.benchmarks.data import dsn, say
from tests.benchmarks.table import Row

DIRECTORY = Path(".clientele-bench")
PARTS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "lookup": lookups.against_limit,
    "sizes": lookups.over_sizes,
    "card": cards.against_limit,
    "standing": cards.standings,
    "search": searches.by_each_way,
    "single": pushes.one_by_one,
    "batch": pushes.in_batches,
    "beside": pushes.beside_lookups,
    "feed": feeds.pages,
    "import": imports.of_a_file,
    "segments": segments.beside_plain_sql,
    "sweep": sweeps.of_everybody,
    "sweeping": sweeps.beside_lookups,
    "growth": segments.over_sizes,
    "start": starts.until_ready,
}


def main() -> int:
    """Measure, print, keep. The exit status says whether every part could be measured."""
    given = _arguments()
    directory = given.directory.resolve()
    scratch = directory / "run"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True, mode=0o755)
    rows: list[Row] = []
    failed: list[str] = []
    began, neighbours = time.perf_counter(), cpu.Neighbours()
    with embedded.running(directory) as server:
        options = {name: value for name, value in vars(given).items() if name not in ("rows", "directory", "keep")}
        bench = Bench(directory, server, scratch, **options)
        for name in given.rows or PARTS:
            try:
                rows += _measure(name, bench)
            except Exception:  # noqa: BLE001  one part that cannot be measured must not cost the others
                traceback.print_exc()
                failed.append(name)
        postgres = asyncio.run(_version(server))
    shutil.rmtree(scratch, ignore_errors=True)
    about = [
        *table.machine(postgres),
        f"- {bench.customers:,} customers, {bench.receipts:,} receipts",
        f"- other work used {neighbours.share():.0%} of the machine meanwhile",
    ]
    print(table.markdown(rows))
    for name in failed:
        print(f"not measured: {name}")
    if given.keep or not given.rows:
        table.write(rows, about)
    say(f"{time.perf_counter() - began:.0f} s")
    return 1 if failed else 0


def _measure(name: str, bench: Bench) -> list[Row]:
    began, neighbours, found = time.perf_counter(), cpu.Neighbours(), []
    say(f"{name} ...")
    for row in PARTS[name](bench):
        say(f"  {row.work}: {row.measured}  {row.budget}  {row.notes}")
        found.append(row)
    say(f"  {name} took {time.perf_counter() - began:.0f} s; others used {neighbours.share():.0%} of the machine")
    return found


async def _version(server: embedded.EmbeddedServer) -> str:
    connection = await asyncpg.connect(dsn(server.url))
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", help=f"what to measure: {', '.join(PARTS)}; all if none is named")
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--receipts", type=int, default=10_000_000)
    parser.add_argument("--events", type=int, default=1_000_000, help="how far the reader of the feed is behind")
    parser.add_argument("--batches", type=int, default=20, help="batches of 1000 receipts per turn")
    parser.add_argument("--import-rows", type=int, default=100_000, help="rows of the imported file")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long one turn of requests lasts")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="where the data is kept between runs")
    parser.add_argument("--keep", action="store_true", help="write RESULTS.md although only some rows are measured")
    given = parser.parse_args()
    unknown = set(given.rows) - set(PARTS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return given


if __name__ == "__main__":
    sys.exit(main())
