"""Child processes that end with us: forked while nothing runs yet, or started anew."""

import asyncio
import gc
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Child:
    """A child process, and our end of the pipe at whose end it ends.

    One that was forked begins with the first byte. As with `os.fork`, `pid` is 0 in the child, with its own end.
    """

    pid: int
    line: int

    def may_begin(self) -> bool:
        """In a forked child: wait to be let begin. False if the parent ended instead."""
        return bool(os.read(self.line, 1))

    def let_begin(self) -> None:
        """Let a forked child begin."""
        with suppress(BrokenPipeError):
            os.write(self.line, b"!")

    async def ended(self) -> None:
        """Wait until it has ended; until somebody asks for its `status`, its number stays taken."""
        await asyncio.to_thread(os.waitid, os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    def end(self) -> None:
        """Tell it to end, once; it may have ended already."""
        os.close(self.line)
        os.kill(self.pid, signal.SIGTERM)

    def status(self) -> int:
        """The exit status of one that has ended; minus the signal, if one ended it."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def fork(name: str) -> Child | None:
    """A child that has loaded what this process has: that saves seconds of work, and memory.

    Call it while nothing runs yet: no event loop, no connection. None where it would not be safe: where there are other
    threads, and elsewhere than on Linux, whose own libraries bear it. `name` is what `ps` and `top` show for it.
    """
    if sys.platform != "linux" or len(list(Path("/proc/self/task").iterdir())) > 1:
        return None
    # First, since it takes the place of a standard input that is closed; a pipe must not.
    null = os.open(os.devnull, os.O_RDONLY)
    reading, writing = os.pipe()
    # What is loaded stays shared for as long as nobody writes to it, and a collection writes to all of it.
    gc.freeze()
    pid = os.fork()
    if pid:
        os.close(reading)
        return Child(pid, writing)
    os.close(writing)
    Path("/proc/self/comm").write_text(name, encoding="ascii")
    # A Ctrl-C is for the server: the worker stops after the last request, when it is told.
    os.setpgid(0, 0)
    os.dup2(null, 0)
    return Child(0, reading)


def start(arguments: list[str]) -> Child:
    """A child that loads everything itself, for when we run already; its last argument is its end of the pipe."""
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    no_input = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    told = [*arguments, str(reading)]
    pid = os.posix_spawn(told[0], told, os.environ, file_actions=[no_input], setpgroup=0)
    os.close(reading)
    return Child(pid, writing)
