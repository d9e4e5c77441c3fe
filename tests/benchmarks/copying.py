"""The yardstick of the batch: a raw COPY of the rows that a push left behind, into the same indexed tables."""

import asyncio
import io
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg

# What must differ so that the copy does not collide with the original.
_CHANGED = {
    "receipts": {"id": "m.copy", "source": "'copy ' || t.source"},
    "receipt_lines": {"receipt_id": "m.copy"},
}
_JOIN = {
    "receipts": "t.customer_id = m.customer_id AND t.id = m.id",
    "receipt_lines": "t.customer_id = m.customer_id AND t.receipt_id = m.id",
}


class Copier:
    """Copies what was pushed, timed, and takes it away again at the end."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self._dsn = dsn
        self._folder = folder
        self._runner = asyncio.Runner()
        self._connection: Any = None

    def __enter__(self) -> Self:
        self._connection = self._run(asyncpg.connect(self._dsn, timeout=30))
        self._run(self._connection.execute("DROP TABLE IF EXISTS bench_copies; CREATE UNLOGGED TABLE bench_copies "
                                           "(customer_id uuid, id uuid, copy uuid)"))  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._run(self._tidy())
        finally:
            self._run(self._connection.close())
            self._runner.close()

    def checkpoint(self) -> None:
        """Begin with no page logged yet: what is pushed or copied now logs each whole page that it touches first."""
        self._run(self._connection.execute("CHECKPOINT"))

    def copy(self, source: str) -> float:
        """Receipts per second at which the rows of one source can be copied, after a checkpoint like the push."""
        return float(self._run(self._copy(source)))

    def _run(self, work: Any) -> Any:
        async def wait() -> Any:
            return await work

        return self._runner.run(wait())

    async def _copy(self, source: str) -> float:
        mapped = await self._connection.execute(
            "WITH made AS (SELECT customer_id, receipt_id, uuidv7() AS copy FROM receipt_numbers WHERE source = $1) "
            "INSERT INTO bench_copies SELECT * FROM made", source,
        )  # fmt: skip
        await self._connection.execute("ANALYZE bench_copies")
        count, files = int(mapped.split()[-1]), {}
        for table in _CHANGED:
            files[table] = await self._out(table, source)
        await self._connection.execute("CHECKPOINT")
        began = time.perf_counter()
        async with self._connection.transaction():
            for table, (columns, rows) in files.items():
                rows.seek(0)
                await self._connection.copy_to_table(table, source=rows, columns=columns, format="binary")
        return count / (time.perf_counter() - began)

    async def _out(self, table: str, source: str) -> tuple[list[str], io.BytesIO]:
        found = await self._connection.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1 "
            "ORDER BY ordinal_position", table,
        )  # fmt: skip
        columns = [row["column_name"] for row in found]
        shown = ", ".join(_CHANGED[table].get(name, f"t.{name}") for name in columns)
        rows = io.BytesIO()
        query = (
            f"SELECT {shown} FROM receipt_numbers n JOIN bench_copies m ON m.id = n.receipt_id "
            f"JOIN {table} t ON {_JOIN[table]} WHERE n.source = $1"
        )
        await self._connection.copy_from_query(query, source, output=rows, format="binary")
        return columns, rows

    async def _tidy(self) -> None:
        for table, key in (("receipts", "id"), ("receipt_lines", "receipt_id")):
            await self._connection.execute(
                f"DELETE FROM {table} t USING bench_copies m WHERE t.customer_id = m.customer_id AND t.{key} = m.copy"
            )
        await self._connection.execute("DROP TABLE bench_copies")
        await self._connection.execute("VACUUM receipts, receipt_lines")
