"""Options of the loader processes, which read and render images."""

import os
import signal
from typing import Any

import cv2
import torch

from yolox_ela.system.machine import usable_cores
from yolox_ela.system.processes import processes_here


def worker_options(workers: int) -> dict[str, Any]:
    """Options of a DataLoader with this many processes; -1 chooses, see `Recipe.workers`."""
    if workers < 0:
        workers = min(8, max(1, usable_cores() // processes_here() // 2))
    return {
        "num_workers": workers,
        "worker_init_fn": _init_worker,
        # Without it, DataLoader would take seeds from the generator that initialises the network.
        "generator": torch.Generator(),
    }


def _init_worker(worker: int) -> None:
    # Processes are the parallelism here; OpenCV's own threads would only fight over cores.
    cv2.setNumThreads(0)
    # Ctrl-C reaches the whole process group. The main process decides when to stop, and it needs
    # its workers to finish the step; it must still be able to end them itself, by SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setpgrp"):  # not on Windows
        os.setpgrp()
