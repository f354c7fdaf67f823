"""One machine of two: torchrun's agent in a network namespace, and its process, which trains twice.

    python node_runs.py NAMESPACE DATA FOLDER WORDS...

The words are torchrun's. Its process is forked from the agent, since another one would take seconds
to import torch and the package. The first training, `short`, comes to its end; the second, `long`
and of another precision, is to be killed.
"""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

from torch.distributed import run as torchrun
from torch.distributed.launcher.api import elastic_launch

from yolox_ela import train
from yolox_ela.commands.entry import run

SETTINGS = {"checkpoint": "none", "device": "cpu", "batch_size": 4, "image_size": 64, "threads": 1}
SETTINGS |= {"eval_interval": 100, "workers": 0, "no_report": True, "tracker": "none"}
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000


def short(data: Path, folder: Path) -> None:
    """One epoch."""
    train("nano", data=data, output=folder / "short", epochs=1, **SETTINGS)


def both(data: Path, folder: Path) -> int:
    """Both trainings."""
    short(data, folder)
    train("nano", data=data, output=folder / "long", epochs=500, precision="bf16", **SETTINGS)
    return 0


def enter(namespace: str) -> None:
    """Move this process into a namespace, with its settings for names, as `ip netns exec` does."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/run/netns", namespace).open() as file:
        for call in (libc.setns(file.fileno(), CLONE_NEWNET), libc.unshare(CLONE_NEWNS)):
            if call:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    names = f"/etc/netns/{namespace}/resolv.conf"
    for words in (["--make-rslave", "/"], ["--bind", names, "/etc/resolv.conf"]):
        subprocess.run(["mount", *words], check=True)


def agent(namespace: str, data: str, folder: str, *words: str) -> None:
    """What torchrun does, but for how it starts its process."""
    enter(namespace)
    config, _, _ = torchrun.config_from_args(torchrun.parse_args([*words, __file__]))
    config.start_method = "fork"
    elastic_launch(config, run)(lambda: both(Path(data), Path(folder)))


if __name__ == "__main__":
    agent(*sys.argv[1:])
