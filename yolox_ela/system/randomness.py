"""Random numbers that depend on named seeds alone, whoever else uses the same generators.

Modules such as `nn.Dropout` take their random numbers from the global generators of torch, numpy
or Python. Whatever else runs in between (data loading, evaluation, reports) must not change what
they get, and a resumed run must get what the interrupted one would have got. So the generators are
seeded anew wherever their numbers decide a result.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch
from accelerate.utils import set_seed


def seed_generators(*seeds: int) -> None:
    """Seed Python's, numpy's and torch's global generators, on every device.

    Args:
        seeds: non-negative numbers; other numbers, or the same in another order, give unrelated
            random numbers.
    """
    number = int(np.random.SeedSequence(seeds).generate_state(1)[0])
    if _has_devices():
        set_seed(number)
        return
    # Without other devices torch.manual_seed formats the program's stack at each call, for CUDA.
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002
    torch.default_generator.manual_seed(number)


@cache
def _has_devices() -> bool:
    """Whether there are other devices than the CPU."""
    kinds = (torch.cuda, torch.xpu, torch.backends.mps)
    return any(kind.is_available() for kind in kinds)


@contextmanager
def isolated_generators(*seeds: int) -> Iterator[None]:
    """Seed the global generators within `with`; afterwards they go on where they were."""
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        try:
            seed_generators(*seeds)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002
