"""An exported file that has been opened by its own runtime."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from yolox_ela.export.metadata import Metadata


@dataclass(frozen=True)
class Opened:
    """An exported file, ready to run.

    Attributes:
        metadata: what the file says of itself.
        run: from float images (N, 3, H, W) on the CPU, as the metadata describe them, to the
            file's outputs on the CPU.
    """

    metadata: Metadata
    run: Callable[[Tensor], tuple[Tensor, ...]]
