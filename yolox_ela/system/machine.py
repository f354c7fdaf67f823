"""What the machine, or the container on it, leaves this process: memory and cores."""

import math
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


def usable_cores(
    cgroup: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> int:
    """Number of cores that this process may use: by its affinity and its container's quota.

    Of a quota, whole cores count: 2.5 are 2, and less than 1 is 1.

    Args:
        cgroup: see `cpu_quota`.
        own: see `cpu_quota`.
    """
    if hasattr(os, "sched_getaffinity"):  # not on Windows and macOS
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 2
    return max(1, int(min(cores, cpu_quota(cgroup, own))))


def cpu_quota(cgroup: Path, own: Path) -> float:
    """The processor time per second that Linux grants this process's group; inf for no limit.

    A limit of any group above it counts as well. Inside a container the names of these groups may
    not be visible; the limit then is that of the root.

    Args:
        cgroup: where Linux shows the groups; versions 1 and 2 are understood.
        own: the file that names this process's groups.
    """
    quota = math.inf
    for root, path in _cpu_groups(cgroup, own):
        for folder in (root / path, *(root / path).parents):
            quota = min(quota, _quota_of(folder))
            if folder == root:
                break
    return quota


def _cpu_groups(cgroup: Path, own: Path) -> list[tuple[Path, str]]:
    """Root and relative path of this process's groups that may limit its processor time."""
    groups = [(cgroup, ""), (cgroup / "cpu", ""), (cgroup / "cpu,cpuacct", "")]
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return groups
    for line in lines:  # number:controllers:path, without controllers in version 2
        _, controllers, path = line.split(":", 2)
        if not controllers:
            groups.append((cgroup, path.lstrip("/")))
        elif "cpu" in controllers.split(","):
            groups += [(cgroup / name, path.lstrip("/")) for name in ("cpu", controllers)]
    return [(root, path) for root, path in groups if ".." not in path]


def _quota_of(folder: Path) -> float:
    """Cores that one group is granted; inf if it has no limit, or does not exist."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        else:
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii").strip()
                for name in ("quota", "period")
            )
        cores = int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # no such file, or "max" for no limit
        return math.inf
    return cores if cores > 0 else math.inf  # version 1 says -1 for no limit
