"""CPU work on big bodies runs in another process, so that a lookup never waits behind somebody's batch."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar, cast

T = TypeVar("T")
NICENESS = 5


class Offload:
    """Runs a pure function here when its input is small and in a helper process when it is big."""

    def __init__(self, *, inline_bytes: int, workers: int = 1) -> None:
        self._inline_bytes = inline_bytes
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    async def run(self, size: int, function: Callable[..., T], *args: object) -> T:
        """`function(*args)`, which must be importable and free of side effects; its exceptions come through."""
        if size <= self._inline_bytes:
            return function(*args)
        loop = asyncio.get_running_loop()
        try:
            return cast("T", await loop.run_in_executor(self._started(), function, *args))
        except BrokenProcessPool:
            # Somebody killed the helper; the function is pure, so a fresh helper may simply run it again.
            self._pool = None
            return cast("T", await loop.run_in_executor(self._started(), function, *args))

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("forkserver")
            self._pool = ProcessPoolExecutor(self._workers, mp_context=context, initializer=_step_back)
        return self._pool

    def close(self) -> None:
        """End the helpers."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _step_back() -> None:
    """Signals are for the parent, and so is the processor where there are too few: its lookups are waited for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
