"""Cores that a process may use: by affinity, and by the quota of cgroups v1 and v2."""

import math
import os

import pytest

from yolox_ela.system.machine import cpu_quota, usable_cores

V1 = "4:cpu,cpuacct:/docker/abc\n2:memory:/docker/abc\n"
CASES = [
    # /proc/self/cgroup, files below /sys/fs/cgroup, cores
    ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
    ("0::/\n", {"cpu.max": "max 100000\n"}, math.inf),
    ("0::/\n", {}, math.inf),
    ("0::/user/job\n", {"user/job/cpu.max": "max 100000", "user/cpu.max": "50000 100000"}, 0.5),
    ("0::/user/job\n", {"user/job/cpu.max": "200000 100000", "user/cpu.max": "300000 100000"}, 2),
    # The container does not see the group by its name.
    ("0::/docker/abc\n", {"cpu.max": "400000 100000"}, 4),
    ("0::/../other\n", {"cpu.max": "400000 100000"}, 4),
    (V1, {"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "100000"}, 2.5),
    (V1, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, math.inf),
    (
        V1,
        {
            "cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "300000",
            "cpu,cpuacct/docker/abc/cpu.cfs_period_us": "50000",
        },
        6,
    ),
    # What another process's group may use says nothing.
    ("0::/user/job\n", {"user/cpu.max": "max 100000", "other/cpu.max": "100000 100000"}, math.inf),
    ("0::/\n", {"cpu.max": "rubbish\n"}, math.inf),
]


@pytest.fixture
def groups(tmp_path):
    def write(own, files):
        (tmp_path / "own").write_text(own)
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / "cgroup", tmp_path / "own"

    return write


@pytest.mark.parametrize(("own", "files", "cores"), CASES)
def test_quota(groups, own, files, cores):
    assert cpu_quota(*groups(own, files)) == cores


def test_no_cgroups_at_all(tmp_path):
    assert cpu_quota(tmp_path / "none", tmp_path / "none") == math.inf


@pytest.mark.parametrize(
    ("quota", "affinity", "cores"),
    [("max", 8, 8), ("250000", 8, 2), ("20000", 8, 1), ("800000", 3, 3)],
)
def test_usable_cores(groups, monkeypatch, quota, affinity, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(affinity)), False)
    assert usable_cores(*groups("0::/\n", {"cpu.max": f"{quota} 100000"})) == cores
