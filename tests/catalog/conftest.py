"""Small helpers for tests of the catalog."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from sqlalchemy import event


_counting: ContextVar[list[str] | None] = ContextVar("counting", default=None)


@pytest.fixture
def statements(house) -> Callable[[], AbstractContextManager[list[str]]]:
    """Every SQL statement that the block causes on the main pool; what tasks in the background run is not counted."""

    @contextmanager
    def counted() -> Iterator[list[str]]:
        found: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if _counting.get() is found:
                found.append(statement)

        engine = house.services.db.engine.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        token = _counting.set(found)
        try:
            yield found
        finally:
            _counting.reset(token)
            event.remove(engine, "before_cursor_execute", note)

    return counted
