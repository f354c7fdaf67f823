"""Times of alternatives, measured in turns so that a noisy machine treats them alike."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Timing:
    """How long one task took.

    Attributes:
        name: the task's name.
        seconds: the time of one run of the task in each round.
    """

    name: str
    seconds: list[float]

    @property
    def median(self) -> float:
        """The median over the rounds, in seconds."""
        return float(np.median(self.seconds))

    @property
    def quartiles(self) -> tuple[float, float]:
        """The lower and the upper quartile over the rounds, in seconds."""
        low, high = np.percentile(self.seconds, [25, 75])
        return float(low), float(high)


def interleave(
    tasks: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    warmup: int = 2,
    synchronise: Callable[[], None] | None = None,
    min_seconds: float = 0.0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Time every task once in each round.

    The order rotates by one task a round and turns around after each full rotation, so that drift
    of the machine, and what a task leaves in the caches for its successor, fall on all alike.

    Args:
        tasks: the functions to call, by name.
        rounds: the number of times that each task is measured, at least 1.
        warmup: the number of calls of each task beforehand, which are not timed.
        synchronise: waits for work that a call only queued (as `torch.cuda.synchronize`); called
            before each start and each stop of the clock.
        min_seconds: a task that is faster is called several times in a row, and the time divided
            by their number, which is found once, so that all rounds have the same.
        clock: gives seconds; a test passes its own.

    Returns:
        The timings by name, in the order of `tasks`; round i of one belongs to round i of another.

    Raises:
        ValueError: `rounds` is less than 1.
    """
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1, got {rounds}")

    def measure(call: Callable[[], object], times: int) -> float:
        if synchronise:
            synchronise()
        start = clock()
        for _ in range(times):
            result = call()
        if synchronise:
            synchronise()
        elapsed = clock() - start
        del result  # only now: freeing the last result is not part of the task
        return elapsed / times

    for call in tasks.values():
        for _ in range(warmup):
            call()
    repeats = dict.fromkeys(tasks, 1)
    if min_seconds > 0:
        for name, call in tasks.items():
            while (total := measure(call, repeats[name]) * repeats[name]) < min_seconds:
                # Aim a tenth beyond; grow at most tenfold on the word of one short measurement.
                growth = min(10.0, 1.1 * min_seconds / max(total, 1e-9))
                repeats[name] = max(repeats[name] + 1, int(repeats[name] * growth))

    names = list(tasks)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        turn, shift = divmod(number, len(names))
        order = names[shift:] + names[:shift]
        for name in reversed(order) if turn % 2 else order:
            seconds[name].append(measure(tasks[name], repeats[name]))
    return {name: Timing(name, values) for name, values in seconds.items()}


def ratio(timing: Timing, baseline: Timing) -> tuple[float, float, float]:
    """The median and the quartiles of timing / baseline over the rounds.

    Each ratio is within one round, so that drift between rounds cancels.

    Raises:
        ValueError: the two have different numbers of rounds.
    """
    if len(timing.seconds) != len(baseline.seconds):
        raise ValueError(
            f"{timing.name} has {len(timing.seconds)} rounds and {baseline.name} "
            f"{len(baseline.seconds)}: no pairs"
        )
    ratios = np.array(timing.seconds) / np.array(baseline.seconds)
    median, low, high = np.percentile(ratios, [50, 25, 75])
    return float(median), float(low), float(high)
