"""The gates by row and column of a network, on photographs, and their statistics.

ELA multiplies each channel of a map by a gate for each row, y_h, and one for each column, y_w; so
it passes y_h * y_w of what is at a position. This covers every attention module
with a method `gates(x)` that returns these two; others have no such gates, and are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from yolox_ela.images.letterbox import letterbox, resized
from yolox_ela.input_size import ImageSize, InputSize
from yolox_ela.network.model import Yolox

CLOSED, OPEN = 0.1, 0.9  # a gate below blocks nearly all, one above passes nearly all


@runtime_checkable
class Gated(Protocol):
    """An attention module that gates rows and columns."""

    def gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> y_h (N, C, H) and y_w (N, C, W), each in 0 to its `gate_scale`, or 1."""


@dataclass(frozen=True)
class SiteGates:
    """The gates of one site on one photograph, without those of the grey padding.

    Attributes:
        rows: (C, H) float32 in 0-1, y_h from top to bottom.
        columns: (C, W) float32 in 0-1, y_w from left to right.
        cell: the side of one cell of the map, in pixels of the photograph.
    """

    rows: np.ndarray
    columns: np.ndarray
    cell: float

    def mean_map(self) -> np.ndarray:
        """(H, W) in 0-1: y_h * y_w at each position, the mean over channels."""
        return np.einsum("ch,cw->hw", self.rows, self.columns) / len(self.rows)

    def strongest_map(self) -> np.ndarray:
        """(H, W) in 0-1: y_h * y_w of the channel in which it differs most between positions."""
        maps = self.rows[:, :, None] * self.columns[:, None, :]
        return maps[maps.std(axis=(1, 2)).argmax()]


KINDS = {
    "mean_over_channels": SiteGates.mean_map,
    "strongest_channel": SiteGates.strongest_map,
}


@dataclass(frozen=True)
class GateStatistics:
    """The gates of one site in one direction, over channels, positions and photographs.

    Attributes:
        site: one of `SITES`.
        direction: rows or columns.
        mean: the mean of the gates.
        std: the standard deviation of the gates.
        low: the 5th percentile of the gates.
        high: the 95th percentile of the gates.
        along: the standard deviation along the rows or columns within one channel of one
            photograph, as root mean square: how much the gates depend on the position.
        between: the standard deviation between the channels' means on one photograph, as root
            mean square: how much the gates depend on the channel. The rest of `std` is between
            photographs: of a single one, `std` squared is the sum of the squares of these two.
        closed: the share of gates below `CLOSED`.
        open: the share of gates above `OPEN`.
    """

    site: str
    direction: str
    mean: float
    std: float
    low: float
    high: float
    along: float
    between: float
    closed: float
    open: float


def photograph_gates(
    model: Yolox, image: np.ndarray, image_size: ImageSize
) -> dict[str, SiteGates]:
    """The gates of every site that has them, while the network processes a photograph.

    Args:
        model: the network, on any device; its mode is restored afterwards.
        image: (H, W, 3) uint8 BGR, letterboxed here as in evaluation.
        image_size: size of the network's input.

    Returns:
        The gates by the names of `SITES`, in the network's order.
    """
    boxed, scale = letterbox(image, image_size)
    width, height = resized((image.shape[1], image.shape[0]), scale)
    device = next(model.parameters()).device
    batch = torch.from_numpy(boxed).permute(2, 0, 1)[None].to(device).float()
    found = {}
    for site, (y_h, y_w) in _gates_of_batch(model, batch).items():
        stride = InputSize.of(image_size).height / y_h.shape[2]
        # Only the cells that the photograph covers at least in part.
        rows, columns = int(np.ceil(height / stride)), int(np.ceil(width / stride))
        found[site] = SiteGates(
            y_h[0, :, :rows].float().cpu().numpy(),
            y_w[0, :, :columns].float().cpu().numpy(),
            stride / scale,
        )
    return found


def gate_statistics(observed: Sequence[Mapping[str, SiteGates]]) -> list[GateStatistics]:
    """The statistics of every site and direction, over the gates of several photographs."""
    return [
        _statistics(site, direction, [getattr(gates[site], direction) for gates in observed])
        for site in (observed[0] if observed else ())
        for direction in ("rows", "columns")
    ]


def _gates_of_batch(model: Yolox, batch: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """y_h and y_w of each site with gates, in evaluation mode."""
    found: dict[str, tuple[Tensor, Tensor]] = {}

    def look(site: str, module: nn.Module | None, x: Tensor, y: Tensor) -> Tensor:
        if isinstance(module, Gated):
            # Gates of modules that started as the identity go up to 2: divide by what they can be.
            scale = getattr(module, "gate_scale", 1.0)
            y_h, y_w = module.gates(x)
            found[site] = y_h / scale, y_w / scale
        return y

    training = model.training
    model.eval()
    try:
        with torch.inference_mode(), model.backbone.watched(look):
            model(batch)
    finally:
        model.train(training)
    return found


def _statistics(site: str, direction: str, strips: Sequence[np.ndarray]) -> GateStatistics:
    gates = np.concatenate([strip.ravel() for strip in strips])
    low, high = np.percentile(gates, (5, 95))
    return GateStatistics(
        site,
        direction,
        mean=float(gates.mean(dtype=np.float64)),
        std=float(gates.std(dtype=np.float64)),
        low=float(low),
        high=float(high),
        along=float(np.sqrt(np.mean([strip.var(axis=1).mean() for strip in strips]))),
        between=float(np.sqrt(np.mean([strip.mean(axis=1).var() for strip in strips]))),
        closed=float((gates < CLOSED).mean()),
        open=float((gates > OPEN).mean()),
    )
