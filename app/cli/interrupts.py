"""Ctrl-C: while nothing has begun the process ends at once; work is ended properly. Status 130 both ways."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130


def stopped() -> str:
    """The one line to leave with; on a terminal, below the ^C that it shows."""
    return "\nStopped." if os.isatty(2) else "Stopped."


def _leave(_number: int, _frame: FrameType | None) -> None:
    # An exception in the middle of loading modules would come out as something else, or as a page of places.
    os.write(2, f"{stopped()}\n".encode())
    os._exit(INTERRUPTED)


def leave_at_once() -> None:
    """From now on Ctrl-C ends the process. Where it is ignored, as by nohup, that stays."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


@contextmanager
def working() -> Iterator[None]:
    """While the block runs, Ctrl-C raises KeyboardInterrupt in it."""
    ours = signal.getsignal(signal.SIGINT) is _leave
    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, _leave)
