"""Files whose lock the kernel gives back when the process that holds it dies, however it dies."""

import fcntl
import os
import threading
import time
from pathlib import Path

_open: set["LockFile"] = set()
_guard = threading.Lock()

_POLL_SECONDS = 0.02


class LockFile:
    """An open file that can be locked against other openings of the same path, in this process or another."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _guard:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            _open.add(self)

    def share(self) -> bool:
        """Take the lock together with others; False where somebody holds it alone."""
        return self._take(fcntl.LOCK_SH)

    def own(self, wait: float = 0.0) -> bool:
        """Take the lock alone, waiting up to `wait` seconds. False where others kept it: a shared lock is then lost."""
        # Polled, since a blocking flock has no time limit, and an alarm signal is not for a library to use.
        deadline = time.monotonic() + wait
        while not self._take(fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def read(self) -> str:
        """Give what `write` left in the file."""
        return os.pread(self._descriptor, 4096, 0).decode("utf-8", "surrogateescape")

    def write(self, text: str) -> None:
        """Keep `text` in the file, durably."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode("utf-8", "surrogateescape"), 0)
        os.fsync(self._descriptor)

    def current(self) -> bool:
        """Whether the path still leads to this file; else it was removed, and locks nobody out."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.lstat())
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Give the lock back."""
        with _guard:
            if self in _open:
                _open.discard(self)
                os.close(self._descriptor)

    def _take(self, kind: int) -> bool:
        try:
            fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _forget_in_child() -> None:
    # A forked child has our open files, and with them our locks: without this its mere life would keep them held.
    for lock in _open:
        os.close(lock._descriptor)  # noqa: SLF001 - not `close`: its guard is held, by the fork itself
    _open.clear()
    _guard.release()


os.register_at_fork(before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_forget_in_child)
