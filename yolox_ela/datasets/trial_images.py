"""Which images a trial uses, --overfit or --quick."""

import numpy as np

from yolox_ela.datasets.split import VocSplit


def with_objects(split: VocSplit) -> np.ndarray:
    """The numbers of the images with objects that count, which are those that are not difficult."""
    counts = np.add.reduceat(np.append(~split.difficult, False).astype(int), split.offsets[:-1])
    return np.flatnonzero((counts > 0) & (np.diff(split.offsets) > 0))


def evenly_spread(numbers: np.ndarray, wanted: int) -> list[int]:
    """So many of these numbers, at equal distances in their order; all if they are fewer."""
    wanted = min(wanted, len(numbers))
    return numbers[np.arange(wanted) * len(numbers) // max(1, wanted)].tolist()
