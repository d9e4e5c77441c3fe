"""Where a reader stands: an epoch and the sequence of the last event it has seen, signed."""

import uuid

from app.core.errors import Problem, ProblemType
from app.core.pages import Cursors

CURSOR_GONE = ProblemType("cursor_gone", 410, "The feed cannot go on from this cursor")
SNAPSHOT = "/v1/customers/snapshot"
_LIST = "changes"


def write_cursor(cursors: Cursors, epoch: uuid.UUID, sequence: int) -> str:
    """The cursor of a reader that has seen every event up to `sequence`."""
    return cursors.write(_LIST, [epoch.hex, sequence])


def read_cursor(cursors: Cursors, cursor: str) -> tuple[uuid.UUID, int]:
    """(epoch, sequence) of a cursor. Raises Problem invalid_cursor."""
    epoch, sequence = cursors.read(_LIST, cursor)
    return uuid.UUID(hex=epoch), int(sequence)


def gone(reason: str) -> Problem:
    """410 that says why, and how to resync."""
    detail = f"{reason} Read GET {SNAPSHOT} anew and go on from the cursor it gives."
    return Problem(CURSOR_GONE, detail, extra={"resync": SNAPSHOT})
