"""When the machine itself stood still: `python -m tests.benchmarks.stalls CPU`, until its input ends.

A virtual machine shares its processors with others, and for some milliseconds at a time nothing on it runs. No server
can answer then. A process of the highest priority that only sleeps wakes up late just when that happens; it writes
these moments as JSON: [[from, until], ...], in seconds of the monotonic clock.
"""

import gc
import json
import os
import select
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

TICK = 0.002
# Later than this is no delay of a timer any more.
LATE = 0.002
PRIORITY = 10

Moments = list[tuple[float, float]]


def watch(cpu: int) -> Moments:
    """Sleep on this processor until the input ends. Raises PermissionError where priorities may not be set."""
    os.sched_setaffinity(0, {cpu})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    gc.disable()
    print(flush=True)
    found: Moments = []
    while True:
        before = time.perf_counter()
        if select.select([sys.stdin], [], [], TICK)[0]:
            return found
        now = time.perf_counter()
        if now - before > TICK + LATE:
            found.append((before + TICK, now))


@contextmanager
def watched(*, needed: bool) -> Iterator[Moments]:
    """The moments of the block in which a processor stood still, once it is over; none if nobody may look.

    The block begins when the watchers sleep: to start one takes more of a processor than some answers may take.
    """
    found: Moments = []
    command = [sys.executable, "-m", "tests.benchmarks.stalls"]
    watchers = [
        subprocess.Popen([*command, str(cpu)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for cpu in sorted(os.sched_getaffinity(0) if needed else ())
    ]
    for one in watchers:
        assert one.stdout is not None
        one.stdout.readline()
    try:
        yield found
    finally:
        for one in watchers:
            told = one.communicate()[0]
            found += [(begin, end) for begin, end in json.loads(told or "[]")]
        found.sort()


def outside(requests: Sequence[tuple[float, float]], moments: Moments) -> list[float]:
    """How long those requests (due, seconds) took that no still moment touched.

    What waited meanwhile has to be worked off: at half load that takes as long again, which is left out too.
    """
    spans: list[list[float]] = []
    for begin, end in sorted((begin, end + (end - begin)) for begin, end in moments):
        if spans and begin <= spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], end)
        else:
            spans.append([begin, end])
    ends = [end for _, end in spans]

    def touched(due: float, seconds: float) -> bool:
        place = bisect_left(ends, due)
        return place < len(spans) and spans[place][0] <= due + seconds

    return [seconds for due, seconds in requests if not touched(due, seconds)]


if __name__ == "__main__":
    try:
        moments = watch(int(sys.argv[1]))
    except PermissionError:
        moments = []
    json.dump(moments, sys.stdout)
