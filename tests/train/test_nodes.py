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

PROJECT = Path(__file__).parents[2]
ADDRESSES = ("10.211.0.1", "10.211.0.2")
SETTINGS = ["-f", "nano", "-c", "none", "--device", "cpu", "--no-report", "-b", "4"]
SETTINGS += ["image_size", "64", "eval_interval", "100", "workers", "0"]

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


def begin(space, folder, data, *words):
    """Start torchrun on one of the machines, with a folder of its own for its results."""
    name, end = space
    number = name[-1]
    launcher = ["-m", "torch.distributed.run", "--nnodes", "2", "--nproc_per_node", "1"]
    launcher += ["--node_rank", number, "--master_addr", ADDRESSES[0], "--master_port", "29400"]
    command = [sys.executable, *launcher, str(PROJECT / "tools" / "train.py"), *SETTINGS]
    variables = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT), "GLOO_SOCKET_IFNAME": end}
    return subprocess.Popen(
        ["ip", "netns", "exec", name, *command, "--data", str(data), "-o", str(folder), *words],
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_the_weights_of_one_machine_with_two_processes(spaces, tiny_sample, tmp_path):
    """Bit by bit; only the first machine writes a run's folder."""
    words = ["-e", "2"]
    nodes = [begin(s, tmp_path / s[0][-1] / "run", tiny_sample, *words) for s in spaces]
    said = [node.communicate(timeout=200)[1] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], said
    command = [sys.executable, str(PROJECT / "tools" / "train.py"), *SETTINGS, *words, "-d", "2"]
    done = subprocess.run(
        [*command, "--data", str(tiny_sample), "-o", str(tmp_path / "one")],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (folder,) = [path.parent for path in tmp_path.glob("[01]/run/last.pth")]
    assert [path.parent for path in tmp_path.glob("[01]/run")] == [folder.parent]
    two, one = (torch.load(f / "last.pth", weights_only=True) for f in (folder, tmp_path / "one"))
    assert two["model"].keys() == one["model"].keys()
    for name, tensor in one["model"].items():
        assert torch.equal(two["model"][name], tensor), name


def test_one_machine_killed_ends_the_other(spaces, tiny_sample, tmp_path):
    nodes = [begin(s, tmp_path / s[0][-1] / "run", tiny_sample, "-e", "500") for s in spaces]
    try:
        while not list(tmp_path.glob("[01]/run/state.pth")):
            assert all(node.poll() is None for node in nodes)
            time.sleep(0.2)
        killed_at = time.monotonic()
        processes = subprocess.run(
            ["ip", "netns", "pids", spaces[1][0]], capture_output=True, text=True
        ).stdout.split()
        for process in processes:  # its agent and what that has started, all at once
            os.kill(int(process), signal.SIGKILL)
        said = nodes[0].communicate(timeout=60)[1]
        assert time.monotonic() - killed_at < 30
        assert nodes[0].returncode != 0
        assert "another process of the run has ended, or can no longer be reached" in said
        assert "--resume" in said
    finally:
        for node in nodes:
            if node.poll() is None:
                os.killpg(node.pid, signal.SIGKILL)
