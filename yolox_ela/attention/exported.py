"""ELA for export: the same gates as `ELA`, in operators that other runtimes compute quickly.

Compared with the graph that `ELA.forward` leaves, the strips of a square map go through the layers
together, and the map is multiplied once, by the outer product of its gates: a runtime broadcasts a
strip along a map row by row, which takes longer than a product of two maps.
"""

import torch
from torch import Tensor, nn

from yolox_ela.attention.ela import ELA


class ExportedELA(nn.Module):
    """What a trained `ELA` computes, to be recorded by an exporter.

    Args:
        ela: the module with the weights, which are shared.
        square: whether all maps are square; a map that is not square is then an error.
    """

    def __init__(self, ela: ELA, *, square: bool) -> None:
        super().__init__()
        self.scale = ela.gate_scale**2
        self.gate_h, self.gate_w = ela.gate_h, ela.gate_w
        self.joined = square and ela.gate_w is None

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        z_h, z_w = x.mean(3), x.mean(2)
        if self.joined:
            y_h, y_w = self.gate_h(torch.cat([z_h, z_w])).chunk(2)
        else:
            gate_w = self.gate_h if self.gate_w is None else self.gate_w
            y_h, y_w = self.gate_h(z_h), gate_w(z_w)
        if self.scale != 1:
            y_h = y_h * self.scale
        return x * (y_h[:, :, :, None] * y_w[:, :, None, :])
