"""The number of threads: what the environment says, and what the machine allows."""

import os

import psutil
import pytest
import torch

from yolox_ela.system.machine import usable_cores
from yolox_ela.system.threads import (
    free_threads,
    limit_threads,
    most_threads,
    threads_of_environment,
)

VARIABLES = ("OMP_NUM_THREADS", "TORCHELASTIC_RUN_ID", "LOCAL_WORLD_SIZE")


@pytest.fixture
def environment(monkeypatch):
    """Sets these variables alone, on a machine with eight cores."""

    def use(**values):
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    return use


@pytest.mark.parametrize(
    ("values", "threads"),
    [
        ({}, None),
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"OMP_NUM_THREADS": "1"}, 1),
        ({"OMP_NUM_THREADS": "many"}, None),
        ({"OMP_NUM_THREADS": "0"}, None),
        # torchrun's own 1, and a number that only the user can have set.
        ({"OMP_NUM_THREADS": "1", "TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": "2"}, None),
        ({"OMP_NUM_THREADS": "2", "TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": "2"}, 2),
        ({"OMP_NUM_THREADS": "1", "TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": "1"}, 1),
    ],
)
def test_environment(environment, values, threads):
    environment(**values)
    assert threads_of_environment() == threads


@pytest.mark.parametrize(("processes", "share"), [("1", 8), ("3", 2), ("16", 1)])
def test_processes_share_the_cores(environment, processes, share):
    environment(LOCAL_WORLD_SIZE=processes)
    assert most_threads() == max(1, usable_cores() // int(processes)) <= share


@pytest.mark.parametrize(
    ("processes", "busy", "free"),
    [("1", 0, 8), ("1", 12.5, 7), ("1", 90, 1), ("1", 100, 1), ("2", 0, 4), ("2", 50, 2)],
)
def test_cores_that_other_work_keeps_busy_are_left(environment, monkeypatch, processes, busy, free):
    environment(LOCAL_WORLD_SIZE=processes)
    monkeypatch.setattr("yolox_ela.system.threads.usable_cores", lambda: 8)
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: float(busy))
    monkeypatch.setattr(psutil, "cpu_count", lambda: 8)
    assert free_threads() == free


@pytest.mark.parametrize(
    ("values", "before", "after", "looked"),
    [
        ({"LOCAL_WORLD_SIZE": "8"}, 3, 1, True),
        ({"LOCAL_WORLD_SIZE": "8", "OMP_NUM_THREADS": "3"}, 3, 3, False),
        ({}, 1, 1, False),
    ],
)
def test_limit(environment, monkeypatch, values, before, after, looked):
    """Nobody waits for a look at the machine that can change nothing."""
    environment(**values)
    looks = []
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: looks.append(interval) or 0.0)
    monkeypatch.setattr(psutil, "cpu_count", lambda: 8)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(before)
        limit_threads()
        assert torch.get_num_threads() == after
        assert bool(looks) == looked
    finally:
        torch.set_num_threads(threads)
