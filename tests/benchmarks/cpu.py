"""What processes use, from /proc: CPU seconds (user and system) and memory."""

import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def seconds(pid: int) -> float:
    """CPU seconds of one process, all its threads, since it began; 0 if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    fields = text[text.rindex(")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def parents() -> dict[int, int]:
    """The parent of every process of the machine."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text(encoding="ascii", errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            found[int(entry.name)] = int(text[text.rindex(")") + 2 :].split()[1])
    return found


def children(top: int) -> list[int]:
    """The processes that `top` started and theirs, without `top`."""
    known, found, level = parents(), [], {top}
    while level:
        level = {pid for pid, parent in known.items() if parent in level}
        found += sorted(level)
    return found


def tree(parent: int) -> list[int]:
    """`parent` and everything below it."""
    return [parent, *children(parent)]


def used(watch: dict[str, list[int]], trees: dict[str, int]) -> dict[str, float]:
    """CPU seconds by name: of listed processes, and of whole process trees."""
    found = {name: sum(seconds(pid) for pid in pids) for name, pids in watch.items()}
    return found | {name: sum(seconds(pid) for pid in tree(top)) for name, top in trees.items()}


def memory_mb(pids: list[int]) -> float:
    """Proportional memory of processes in MB: a page shared by two counts half for each."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def command_line(pid: int) -> str:
    """How a process was started; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
