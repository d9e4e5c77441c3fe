"""The town that the stories happen in, and a count of statements."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest
from sqlalchemy import event

from tests.engagement.factories import Desk


@pytest.fixture
async def desk(house, client):
    """A store with a customer, on a Monday."""
    made = Desk(house.services, client, date(2026, 3, 2))
    await made.call("PUT", "/stores/S1", {"name": "First", "kind": "own", "time_zone": "Asia/Shanghai"})
    made.mei = await made.customer("Mei", home_store="S1")
    return made


@pytest.fixture
async def counted(house):
    """A context whose list grows with every statement that is executed (BEGIN and COMMIT are not)."""
    # What was read before is written down now, not while somebody counts.
    await house.services.reads.flush()

    @contextmanager
    def run() -> Iterator[list[str]]:
        seen: list[str] = []

        def note(_connection, _cursor, statement, *_):
            seen.append(statement)

        engine = house.services.db.engine.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(engine, "before_cursor_execute", note)

    return run
