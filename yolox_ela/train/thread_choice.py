"""Which number of threads trains fastest on a CPU: measured before the first step.

Two threads beside another busy process can be slower than one, and neither the affinity nor a
quota tells of that process; so the steps themselves are timed. The work is thrown away: neither
weights, statistics, random numbers nor the order of the data notice it.
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import torch
from loguru import logger
from torch import nn

from yolox_ela.freezing import freeze, frozen_modules
from yolox_ela.network.copying import copy_network
from yolox_ela.system.randomness import isolated_generators
from yolox_ela.system.threads import free_threads, most_threads, threads_of_environment
from yolox_ela.train.network_step import NetworkStep
from yolox_ela.train.task import Task
from yolox_ela.train.together import on_main, together

ROUNDS = 3  # timed steps of each candidate, after one that is not counted
SHARE = 0.05  # of a run's steps may be spent on timing
MARGIN = 0.05  # by so much more threads must be faster to be worth their cores
HOPELESS = 3.0  # a candidate that takes so many times as long as another is left out


def fix_threads(threads: int) -> None:
    """Let this process compute with a number of threads that the user asks for."""
    torch.set_num_threads(threads)
    logger.info("number of threads: {}, as asked for", threads)


def choose_threads(step: NetworkStep, task: Task, total_steps: int) -> None:
    """Let this process compute with the number of threads that trains fastest, and say which.

    All processes call this before the first step, and get the same number. OMP_NUM_THREADS, if
    the user has set it, is left as it is; so is everything on another device than a CPU.

    Args:
        step: gives the network and the processes; stays as it is.
        task: gives real batches, since loader processes take cores as well.
        total_steps: number of steps of the run; timing takes a small share of as many.

    Raises:
        UserError: an image cannot be read.
    """
    accelerator = step.accelerator
    if accelerator.device.type != "cpu":
        return
    fixed = threads_of_environment()
    if fixed is not None:
        logger.info("computing with {}, as OMP_NUM_THREADS says", _threads(fixed))
        return
    most = on_main(accelerator, most_threads)
    candidates = halved(most)
    rounds = min(ROUNDS, int(SHARE * total_steps / len(candidates)) - 1)
    if len(candidates) == 1 or rounds < 1:
        if on_main(accelerator, torch.get_num_threads) == 1:
            why = "torch's own number, and the run is too short for a trial"
        else:
            free = on_main(accelerator, free_threads)
            torch.set_num_threads(min(free, torch.get_num_threads()))
            why = f"{free} of {most} cores are free, and the run is too short for a trial"
        if most == 1:
            why = "its share of the cores"
        logger.info("computing with {}: {}", _threads(torch.get_num_threads()), why)
        return

    def measure() -> dict[int, float]:
        with isolated_generators(0):
            return time_threads(candidates, Trial(step, task), rounds)

    times = together(accelerator, measure)
    chosen = on_main(accelerator, lambda: fewest_fast(times))
    torch.set_num_threads(chosen)
    speeds = dict.fromkeys(candidates, "far fewer")  # if not timed to the end
    speeds |= {n: f"{step.recipe.batch_size / seconds:.1f}" for n, seconds in times.items()}
    others = ", ".join(f"{speed} with {n}" for n, speed in speeds.items() if n != chosen)
    logger.info(
        "computing with {}: {} images/s in a trial{}; --threads sets another number",
        _threads(chosen),
        speeds[chosen],
        f", {others}" if others else "",
    )


def halved(most: int) -> list[int]:
    """`most`, half of it, and so on down to 1, in ascending order."""
    numbers = [most]
    while numbers[0] > 1:
        numbers.insert(0, numbers[0] // 2)
    return numbers


def time_threads(
    candidates: list[int],
    work: Callable[[float], object],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[int, float]:
    """The median time of a piece of work with each number of threads, in seconds.

    The candidates take turns, so that a change of the machine's load meets all of them. A
    candidate whose first try takes `HOPELESS` times as long as the fastest is left out.

    Args:
        candidates: numbers of threads, ascending: few threads are never hopeless.
        work: does one piece of work; may give up after as many seconds as it is passed.
        rounds: number of times that count.
        clock: gives seconds; a test passes its own.
    """
    before = torch.get_num_threads()
    times: dict[int, list[float]] = {threads: [] for threads in candidates}
    fastest = math.inf
    try:
        for turn in range(1 + rounds):
            for threads, seconds in times.items():
                torch.set_num_threads(threads)
                start = clock()
                work(HOPELESS * fastest)
                seconds.append(clock() - start)
                fastest = min(fastest, seconds[-1])
            if turn == 0:  # the first time, buffers are allocated and kernels chosen
                times = {n: [] for n, (first,) in times.items() if first <= HOPELESS * fastest}
            if len(times) == 1 and turn > 0:
                break
    finally:
        torch.set_num_threads(before)
    return {threads: statistics.median(seconds) for threads, seconds in times.items()}


def fewest_fast(times: Mapping[int, float]) -> int:
    """The smallest number of threads that is about as fast as the fastest; see `MARGIN`."""
    fastest = min(times.values())
    return min(n for n, seconds in times.items() if seconds <= (1 + MARGIN) * fastest)


class Trial:
    """Forward and backward passes of a copy of the network over the run's first batches.

    Args:
        step: gives the network and the processes; stays as it is.
        task: gives the batches and their losses.
    """

    def __init__(self, step: NetworkStep, task: Task) -> None:
        self._accelerator, self._task = step.accelerator, task
        self._network = copy_network(step.ema.model).requires_grad_(True).train()
        freeze(self._network, frozen_modules(self._network, step.recipe.freeze))
        for module in self._network.modules():
            module.register_forward_pre_hook(self._check_time)
        rank, world = step.accelerator.process_index, step.accelerator.num_processes
        self._batches = iter(task.loader(start=0, rank=rank, world=world))
        self._deadline = math.inf

    def __call__(self, limit: float) -> None:
        """Do one step; give up if its forward pass takes more than `limit` seconds.

        With too many threads a step can take a hundred times as long as it should.
        """
        self._deadline = time.perf_counter() + limit
        samples = self._task.samples(next(self._batches))
        with suppress(_TooSlowError):
            with self._accelerator.autocast():
                losses = self._task.losses(self._network, samples)
            losses["total_loss"].backward()
        self._network.zero_grad()

    def _check_time(self, module: nn.Module, inputs: object) -> None:
        if time.perf_counter() > self._deadline:
            raise _TooSlowError


class _TooSlowError(Exception):
    """A step has no chance of being the fastest."""


def _threads(number: int) -> str:
    return f"{number} thread" if number == 1 else f"{number} threads"
