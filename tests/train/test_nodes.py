"""Two machines with a process each, here two network namespaces: what one machine trains."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from forked import in_two_processes
from node_runs import short

from yolox_ela.datasets.sample import generate_sample

PROJECT = Path(__file__).parents[2]
ADDRESSES = ("10.211.0.1", "10.211.0.2")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("ip") is None,
        reason="network namespaces need root and the program ip",
    ),
]


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"ip {' '.join(words)}: {done.stderr.strip()}")


@pytest.fixture(scope="module")
def spaces():
    """Two namespaces, joined by a cable."""
    names = [f"yolox-ela-{os.getpid()}-{number}" for number in (0, 1)]
    ends = [f"ye{os.getpid()}{side}" for side in "ab"]
    try:
        for name in names:
            ip("netns", "add", name)
            # Nobody answers questions for names there, for which torch would wait a minute each.
            settings = Path("/etc/netns") / name
            settings.mkdir(parents=True)
            (settings / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for name, end, address in zip(names, ends, ADDRESSES, strict=True):
            ip("link", "set", end, "netns", name)
            ip("-n", name, "addr", "add", f"{address}/24", "dev", end)
            ip("-n", name, "link", "set", end, "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield list(zip(names, ends, strict=True))
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)
            shutil.rmtree(Path("/etc/netns") / name, ignore_errors=True)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Enough images for two steps."""
    return generate_sample(tmp_path_factory.mktemp("sample"), train_images=8, test_images=8)


@pytest.fixture(scope="module")
def nodes(spaces, sample, tmp_path_factory):
    """torchrun on both machines, and the folder that each has for its results; see `node_runs`."""
    started = []
    for number, (name, end) in enumerate(spaces):
        folder = tmp_path_factory.mktemp(f"machine{number}")
        launcher = ["-m", "torch.distributed.run", "--nnodes", "2", "--nproc_per_node", "1"]
        launcher += ["--node_rank", str(number)]
        launcher += ["--master_addr", ADDRESSES[0], "--master_port", "29400"]
        script = Path(__file__).with_name("node_runs.py")
        command = [sys.executable, *launcher, str(script), str(sample), str(folder)]
        node = subprocess.Popen(
            ["ip", "netns", "exec", name, *command],
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "PYTHONPATH": str(PROJECT),
                "GLOO_SOCKET_IFNAME": end,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append((node, folder))
    yield started
    for node, _ in started:
        if node.poll() is None:
            os.killpg(node.pid, signal.SIGKILL)
        node.communicate()


def wait_for(nodes, file):
    """The path of this file, once the machine that writes it has done so."""
    while True:
        found = [folder / file for _, folder in nodes if (folder / file).exists()]
        if found:
            return found
        assert all(node.poll() is None for node, _ in nodes), [n.communicate()[1] for n, _ in nodes]
        time.sleep(0.2)


def test_the_weights_of_one_machine_with_two_processes(nodes, sample, tmp_path):
    """Bit by bit; only the first machine writes a run's folder."""
    in_two_processes(lambda: short(sample, tmp_path))
    found = wait_for(nodes, "long/config.json")  # the short one is over
    assert len(found) == 1
    files = (found[0].parents[1] / "short" / "last.pth", tmp_path / "short" / "last.pth")
    two, one = (torch.load(file, weights_only=True) for file in files)
    assert two["epoch"] == one["epoch"] == 1
    assert two["model"].keys() == one["model"].keys()
    for name, tensor in one["model"].items():
        assert torch.equal(two["model"][name], tensor), name


def test_one_machine_killed_ends_the_other(spaces, nodes):
    wait_for(nodes, "long/state.pth")
    killed_at = time.monotonic()
    processes = subprocess.run(
        ["ip", "netns", "pids", spaces[1][0]], capture_output=True, text=True
    ).stdout.split()
    for process in processes:  # its agent and what that has started, all at once
        os.kill(int(process), signal.SIGKILL)
    first = nodes[0][0]
    said = first.communicate(timeout=60)[1]
    assert time.monotonic() - killed_at < 30
    assert first.returncode != 0
    assert "another process of the run has ended, or can no longer be reached" in said
    assert "--resume" in said
