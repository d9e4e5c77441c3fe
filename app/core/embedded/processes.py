"""Who runs a cluster: read from its pid file, and believed only if that process says so too.

A pid alone proves nothing: after a power cut or in a new container it belongs to somebody else.
"""

import hashlib
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
# Line 5 of the pid file, empty until the server listens.
_SOCKET_LINE = 4


@dataclass(frozen=True)
class PidFile:
    """What the last server left or keeps in the cluster: its pid, and the folder of its socket once it listens."""

    pid: int
    socket_directory: Path | None


def pid_file(cluster: Path) -> PidFile | None:
    """Read the pid file; None where there is none that makes sense."""
    try:
        lines = (cluster / "postmaster.pid").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        pid = abs(int(lines[0]))  # negative for a server in single-user mode
    except (OSError, ValueError, IndexError):
        return None
    folder = lines[_SOCKET_LINE].strip() if len(lines) > _SOCKET_LINE else ""
    return PidFile(pid, Path(folder) if folder else None)


def title(cluster: Path) -> str:
    """Give the name that the server's processes carry, so that those left by a killed server can be told."""
    return f"clientele-{hashlib.sha256(os.fsencode(cluster)).hexdigest()[:12]}"


def serves(pid: int, cluster: Path) -> bool:
    """Whether the process is the server of this cluster, and alive (a zombie is not)."""
    # The command line, not the working directory: root without CAP_SYS_PTRACE, as in a container, cannot read that.
    words = f"{_command_line(pid)} "
    return "postgres" in words and f" -D {cluster} " in words


def end_orphans(cluster: Path, uid: int, number: signal.Signals) -> None:
    """Signal what a killed server left behind: a backend in a long query notices late, and blocks the next server."""
    _end(uid, f"postgres: {title(cluster)}: ", number)


def end_initdb(directory: Path, uid: int) -> None:
    """Kill the initdb that a killed process left at work on `directory`."""
    _end(uid, f" --pgdata={directory} ", signal.SIGKILL)


def _end(uid: int, words: str, number: signal.Signals) -> None:
    for pid in _pids_of(uid):
        if words in f"{_command_line(pid)} ":
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _pids_of(uid: int) -> Iterator[int]:
    if not _PROC.is_dir():
        return
    for entry in _PROC.iterdir():
        with suppress(OSError):
            if entry.name.isdecimal() and entry.stat().st_uid == uid:
                yield int(entry.name)


def _command_line(pid: int) -> str:
    if (_PROC / "self" / "cmdline").exists():
        try:
            words = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
        except OSError:
            return ""
        return os.fsdecode(b" ".join(words)).rstrip()
    command = ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)]
    return os.fsdecode(subprocess.run(command, capture_output=True, check=False).stdout).strip()
