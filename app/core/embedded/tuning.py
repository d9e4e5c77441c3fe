"""The server's settings: full durability, a log without personal data, and sizes that follow the machine's memory."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

_MB = 1024 * 1024

_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_SMALL_SHARED_MEMORY = 256 * _MB

_DURABILITY = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}

_PRIVACY = {
    # The caller is told of errors. In the log their texts would quote values ("invalid input syntax ...: ..."), so it
    # keeps only what the server says of itself: LOG, FATAL and PANIC.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "log_duration": "off",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_transaction_sample_rate": "0",
    "log_lock_waits": "off",
    "log_recovery_conflict_waits": "off",
    "log_temp_files": "-1",
}

_SPEED = {
    "max_connections": "200",
    # So many locks a connection takes without going to the table that all share: a card reads 129 tables and indexes.
    "max_locks_per_transaction": "256",
    # Huge pages that are set up but not granted to a container end the server with SIGBUS, for little gain.
    "huge_pages": "off",
    "max_wal_size": "4GB",
    "min_wal_size": "512MB",
    # The only method in the wheel (pglz) costs more CPU than the smaller log saves: a batch took twice as long with it.
    "wal_compression": "off",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    "jit": "off",
    "autovacuum_naptime": "15s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_vacuum_insert_scale_factor": "0.1",
    "autovacuum_analyze_scale_factor": "0.02",
    "autovacuum_vacuum_cost_limit": "1000",
}

_PLAIN = {
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


def options(socket_directory: Path, name: str, changes: Mapping[str, str]) -> Iterator[str]:
    """Command line options for the server. `changes` win over all settings but those of who can connect."""
    settings = {
        "cluster_name": name,
        **_PLAIN,
        **_DURABILITY,
        **_PRIVACY,
        **_SPEED,
        **_sizes(),
        **_shared_memory(),
        **_processors(),
        **changes,
        "listen_addresses": "",
        "port": "5432",
        "unix_socket_directories": str(socket_directory),
        "unix_socket_permissions": "0700",
    }
    for key, value in settings.items():
        yield from ("-c", f"{key}={value}")


def _sizes() -> dict[str, str]:
    memory = _memory() // _MB
    return {
        "shared_buffers": f"{_between(memory // 4, 64, 4096)}MB",
        "effective_cache_size": f"{max(memory * 5 // 8, 128)}MB",
        "maintenance_work_mem": f"{_between(memory // 16, 32, 512)}MB",
        # A query may take it several times over, on many connections at once.
        "work_mem": f"{_between(memory // 512, 4, 32)}MB",
    }


def _processors() -> dict[str, str]:
    # Who gathers works as well. With two helpers on two cores, each of the three made the whole of what is joined with.
    return {"max_parallel_workers_per_gather": str(_between((os.cpu_count() or 1) - 1, 0, 2))}


def _shared_memory() -> dict[str, str]:
    # Containers often have a /dev/shm of 64 MB, too little for one parallel hash join: files then do the same.
    if sys.platform != "linux":
        return {}
    try:
        found = os.statvfs("/dev/shm")  # noqa: S108 - asked for its size only
    except OSError:
        return {"dynamic_shared_memory_type": "mmap"}
    small = found.f_blocks * found.f_frsize < _SMALL_SHARED_MEMORY
    return {"dynamic_shared_memory_type": "mmap"} if small else {}


def _memory() -> int:
    """Bytes of memory that this process may use: the machine's, or what its container grants."""
    amounts = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _CGROUP_LIMITS:
        try:
            amounts.append(int(path.read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue  # no such kind of limit, or "max"
    return min(amounts)


def _between(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))
