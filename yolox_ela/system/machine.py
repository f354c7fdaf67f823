"""What the machine, or the container on it, leaves this process: memory and cores."""

import os
from pathlib import Path

import psutil

# A container's limit and use, and the part of its use that is files and can be dropped.
CGROUPS = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
)


def available_memory(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that can be taken without swapping, on this machine or within its container.

    Args:
        cgroup: where Linux shows the container's limits; versions 1 and 2 are understood.
    """
    available = int(psutil.virtual_memory().available)
    for limit_name, usage_name, reclaimable in CGROUPS:
        try:
            limit = int((cgroup / limit_name).read_text(encoding="ascii"))
            usage = int((cgroup / usage_name).read_text(encoding="ascii"))
            statistics = (cgroup / limit_name).with_name("memory.stat").read_text(encoding="ascii")
        except (OSError, ValueError):  # no such file, or "max" for no limit
            continue
        counts = dict(line.split() for line in statistics.splitlines())
        free = limit - usage + int(counts.get(reclaimable, 0))
        available = min(available, max(0, free))
    return available


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):  # not on Windows and macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 2
