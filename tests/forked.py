"""Processes of the program, forked from one that has loaded it: what a terminal starts, without seconds of loading.

Everything else is their own: arguments, environment, folder, files, signals and the end. Tests of a start itself, of
the documentation and of the image start the program in full.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

# The last one is a library that a server loads while it takes its first requests: half of what a start computes.
LOADED = ("app.cli.commands", "app.cli.demo", "app.launch", "app.worker", "pypinyin")
COMMAND = "app.cli:main"
PART_BYTES = 65_536
PID_BYTES = 10


class Process:
    """`clientele` with some arguments, or another `program`: `module:function`. It is used like a `subprocess.Popen`.

    As a terminal does it, it gets a process group of its own, and Ctrl-C is not ignored.
    """

    def __init__(
        self,
        arguments: list[str],
        env: Mapping[str, str],
        *,
        stdout: IO[Any] | int = subprocess.DEVNULL,
        stderr: IO[Any] | int = subprocess.DEVNULL,
        cwd: Path | None = None,
        program: str = COMMAND,
    ) -> None:
        self.returncode: int | None = None
        wanted = {
            "arguments": arguments, "environment": dict(env), "folder": str(cwd or Path.cwd()), "program": program,
        }  # fmt: skip
        self._answers, theirs = socket.socketpair()
        with theirs, Path(os.devnull).open("r+b") as null:
            given = [null if one == subprocess.DEVNULL else one for one in (null, stdout, stderr)]
            files = [one if isinstance(one, int) else one.fileno() for one in given]
            with _one_at_a_time:
                socket.send_fds(_loaded(), [json.dumps(wanted).encode() + b"\n"], [theirs.fileno(), *files])
                self.pid = int(self._answers.recv(PID_BYTES, socket.MSG_WAITALL))

    def poll(self) -> int | None:
        """Its exit status, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status: minus the signal, if one ended it. Raises TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._answers], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("clientele", timeout or 0)
            self.returncode = int(self._answers.recv(16))
            self._answers.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def run(
    arguments: list[str], env: Mapping[str, str], timeout: float = 600, *, program: str = COMMAND
) -> "subprocess.CompletedProcess[str]":
    """Run it to its end. Raises TimeoutExpired."""
    with TemporaryFile("w+", encoding="utf-8") as out, TemporaryFile("w+", encoding="utf-8") as err:
        process = Process(arguments, env, stdout=out, stderr=err, program=program)
        try:
            status = process.wait(timeout)
        except BaseException:
            process.kill()
            raise
        told = []
        for file in (out, err):
            file.seek(0)
            told.append(file.read())
    return subprocess.CompletedProcess(["clientele", *arguments], status, *told)


_one_at_a_time = threading.Lock()
_parent: "tuple[subprocess.Popen[bytes], socket.socket] | None" = None


def _loaded() -> socket.socket:
    global _parent  # noqa: PLW0603  one for all tests of this process
    if _parent is None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "tests.forked", str(theirs.fileno())]
            null = subprocess.DEVNULL
            started = subprocess.Popen(
                command, cwd=Path(__file__).parents[1], stdin=null, stdout=null,
                pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
        _parent = started, ours
    return _parent[1]


def close() -> None:
    """End the process that the others are forked from."""
    global _parent  # noqa: PLW0603
    if _parent is not None:
        process, line = _parent
        line.close()
        process.wait()
        _parent = None


def _fork_as_asked(line: socket.socket) -> tuple[str, list[str]] | None:
    """Answer requests; in the process that one asks for return its program and arguments, at the end None."""
    gc.disable()
    for name in LOADED:
        importlib.import_module(name)
    # A collection in a process that is forked would write to all of it, and so copy it.
    gc.freeze()
    gc.enable()
    # Nobody waits for those who wait for the processes.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        data, files = b"", list[int]()
        while not data.endswith(b"\n"):
            part, more, _, _ = socket.recv_fds(line, PART_BYTES, 4)
            if not part:
                return None
            data, files = data + part, files + more
        if os.fork() == 0:
            line.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return _begun(json.loads(data), *files)
        for file in files:
            os.close(file)


def _begun(wanted: dict[str, Any], answers: int, *files: int) -> tuple[str, list[str]]:
    if pid := os.fork():
        # Here as well: whoever knows its number may at once send something to its group.
        os.setpgid(pid, pid)
        os.write(answers, b"%*d" % (PID_BYTES, pid))
        os.write(answers, b"%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        os._exit(0)
    os.setpgid(0, 0)
    # Under nohup it is ignored: what a process ignores, its children do.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.close(answers)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    return wanted["program"], list(wanted["arguments"])


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as inherited:
        asked = _fork_as_asked(inherited)
    if asked is not None:
        module, _, function = asked[0].partition(":")
        sys.argv = ["clientele", *asked[1]]
        getattr(importlib.import_module(module), function)()
