"""Small helpers for tests of the catalog."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import event, text

from app.core.db import Tx


@pytest.fixture
def explain() -> Callable[..., Awaitable[str]]:
    """The plan of what a query sends, with sequential scans forbidden: small tables hide a missing index."""

    async def plan(tx: Tx, ask: Callable[[Tx], Awaitable[Any]]) -> str:
        sent: list[tuple[str, Any]] = []

        def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            sent.append((statement, parameters))

        connection = tx.connection.sync_connection
        event.listen(connection, "before_cursor_execute", note)
        await ask(tx)
        event.remove(connection, "before_cursor_execute", note)
        statement, parameters = next(one for one in sent if one[0].startswith("SELECT"))
        await tx.execute(text("SET LOCAL enable_seqscan = off"))
        # As if no table was ever looked at: one that was seen empty is planned for as empty, and what other tests had
        # in it tells how many rows lie behind a random id.
        await tx.execute(text("DELETE FROM pg_statistic WHERE starelid >= 16384"))
        await tx.execute(
            text(
                "UPDATE pg_class SET relpages = 0, reltuples = -1"
                " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            )
        )
        found = await tx.connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        return "\n".join(row[0] for row in found)

    return plan
