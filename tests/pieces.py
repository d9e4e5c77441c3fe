"""Which tests run in one piece, in one process: those that share what takes long to make, and those that take long.

They begin first, in this order: begun last, one would keep a processor busy while the others wait. The second needs no
served application: the first is making what all of those begin with (see `served.Begun`).
"""

from typing import Any

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

PIECES = (
    "tests/crash/test_kills.py", "tests/demo/", "tests/crash/test_import.py", "tests/realdata/test_ta_feng.py",
    "tests/docs/test_pages.py", "tests/cli/", "tests/stop/", "tests/load/", "tests/docs/", "tests/feed/test_promise.py",
)  # fmt: skip


def place(nodeid: str) -> int:
    """The place of a test's piece among all, or their number."""
    return next((number for number, piece in enumerate(PIECES) if nodeid.startswith(piece)), len(PIECES))


class InPieces(LoadScopeScheduling):  # type: ignore[misc]
    """Sends a piece to one process, every other test to whichever is free.

    The plugin's own groups need a name that it adds to a test's id, which pytest 9 no longer lets it change.
    """

    def _split_scope(self, nodeid: str) -> str:
        found = place(nodeid)
        return PIECES[found] if found < len(PIECES) else nodeid

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """Note that a test has ended, and forget a piece that is over.

        The plugin counts what waits among all that a process ever had, after every test: ten seconds of a run.
        """
        scope = self._split_scope(self.registered_collections[node][item_index])
        super().mark_test_complete(node, item_index, duration)
        if all(self.assigned_work[node][scope].values()):
            del self.assigned_work[node][scope]
