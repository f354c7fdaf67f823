"""How many threads torch computes with on a CPU.

Threads of one operation wait for each other in a loop. Where they are more than the cores that the
process may really use, they take these from each other, and everything becomes many times slower.
"""

import os

import psutil
import torch
from loguru import logger

from yolox_ela.system.machine import usable_cores
from yolox_ela.system.processes import processes_here

LOOK_SECONDS = 0.2


def threads_of_environment() -> int | None:
    """The number of threads that the user has set by OMP_NUM_THREADS, if any.

    torchrun and `-d` set it to 1 for several processes where the user has not, so that a 1 means
    nothing there.
    """
    text = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if not text.isdecimal() or int(text) == 0:  # OpenMP ignores these, too
        return None
    if text == "1" and "TORCHELASTIC_RUN_ID" in os.environ and processes_here() > 1:
        return None
    return int(text)


def most_threads() -> int:
    """Number of threads for this process if nothing else takes cores: its share of the usable."""
    return max(1, usable_cores() // processes_here())


def free_threads() -> int:
    """Number of threads for this process beside the work that keeps cores busy at this moment.

    It looks for `LOOK_SECONDS`, while this process should not compute.
    """
    cores = psutil.cpu_count() or 1
    idle = cores * (1 - psutil.cpu_percent(LOOK_SECONDS) / 100)
    return max(1, min(most_threads(), round(idle / processes_here())))


def limit_threads() -> None:
    """Compute with no more threads than cores are free, unless OMP_NUM_THREADS is set.

    For work whose result does not depend on the number, such as an evaluation.
    """
    if threads_of_environment() is not None or torch.get_num_threads() == 1:
        return
    most = free_threads()
    if torch.get_num_threads() > most:
        logger.debug("computing with {} threads instead of {}", most, torch.get_num_threads())
        torch.set_num_threads(most)
