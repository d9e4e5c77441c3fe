"""Which tests run in one piece, in one process: those that share what takes long to make, and those that take long.

They begin first, in this order: begun last, one would keep a processor busy while the others wait. The second needs no
served application: the first is making what all of those begin with (see `served.Begun`).
"""

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
