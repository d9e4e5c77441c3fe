"""Child processes: a forked one begins when it is let and not before, and none outlives the process that made it."""

import asyncio
import signal
import subprocess
import sys

from app.core.child import start

FORK = """
import sys
from pathlib import Path
from app.core.child import fork
child = fork("helper")
if child.pid == 0:
    name = Path("/proc/self/comm").read_text().strip()
    print(name, "begins" if child.may_begin() else "was not let begin", repr(sys.stdin.read()), flush=True)
    sys.exit(7)
"""


def forked(then):
    script = [sys.executable, "-c", FORK + then]
    found = subprocess.run(script, check=True, capture_output=True, text=True, input="x", timeout=30)
    assert not found.stderr
    return found.stdout.split("\n")


def test_a_forked_child_begins_when_it_is_let():
    then = """
print("first", flush=True)
child.let_begin()
import asyncio
asyncio.run(child.ended())
print("ended with", child.status())
"""
    assert forked(then) == ["first", "helper begins ''", "ended with 7", ""]


def test_a_forked_child_ends_with_a_parent_that_did_not_let_it_begin():
    assert forked("raise SystemExit(0)") == ["helper was not let begin ''", ""]


def test_what_has_other_threads_is_not_forked():
    script = """
import threading, app.core.child as it
end = threading.Event()
threading.Thread(target=end.wait).start()
print(it.fork("helper"))
end.set()
"""
    found = subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.PIPE, timeout=30)
    assert found.stdout == b"None\n"


def test_letting_one_begin_that_was_killed_is_no_error():
    then = """
import os, signal
os.kill(child.pid, signal.SIGKILL)
os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
child.let_begin()
child.end()
print("ended with", child.status())
"""
    assert forked(then) == ["ended with -9", ""]


async def test_a_started_child_tells_its_status():
    child = start(
        [sys.executable, "-c", "import os, sys; sys.exit(len(os.read(0, 9)) + (3 if len(sys.argv) == 2 else 0))"]
    )
    await asyncio.wait_for(child.ended(), 30)
    # It has ended and still has its number: telling it to end hits nobody else.
    child.end()
    assert child.status() == 3


async def test_a_started_child_holds_a_pipe_that_ends_with_us():
    child = start([sys.executable, "-c", "import os, sys, time; os.read(int(sys.argv[1]), 1); time.sleep(60)"])
    ended = asyncio.create_task(child.ended())
    await asyncio.sleep(0.2)
    assert not ended.done()
    child.end()
    await asyncio.wait_for(ended, 30)
    assert child.status() == -signal.SIGTERM
