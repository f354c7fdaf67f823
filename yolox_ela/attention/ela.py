"""Efficient Local Attention (ELA), arXiv 2403.01123, sections 3.2-3.3 and Figure 4.

The formula is in the docstring of `ELA.forward`, in the paper's symbols; the four sizes of section
3.3 are the functions at the end of this file. ELA describes each row of the map by its mean and
each column by its mean (strip pooling), runs a 1-D convolution along these two strips, normalises
the results, and multiplies the map by their sigmoids.

The paper can be read in two ways at these points:
* Equations 7 and 8 write two functions F_h and F_w, while Figure 4 and the released code use one
  convolution and one GroupNorm for both axes. The default here is one (`shared=True`).
* Equations 1 and 2 print the wrong normaliser (1/H before a sum of W terms); a mean is meant, as in
  Figure 4.
"""

import torch
from torch import Tensor, nn

from yolox_ela.attention.checks import require_divisible, require_kernel
from yolox_ela.attention.gated import GatedModule
from yolox_ela.attention.strips import gate_strips, strip_means


class ELA(GatedModule):
    """Efficient Local Attention: (N, C, H, W) -> (N, C, H, W).

    Args:
        channels: C, the number of channels of the map.
        kernel_size: width of the 1-D convolution in rows or columns, an odd number.
        groups: number of groups of the 1-D convolution; `channels` makes it depthwise.
        num_groups: number of groups of the GroupNorm.
        shared: True for one convolution and one GroupNorm that serve both axes (Figure 4 and the
            released code); False for one of each per axis (Equations 7 and 8).

    Raises:
        ValueError: `channels` is not divisible by `groups` or `num_groups`, or the kernel is even
            or too long.
    """

    def __init__(
        self,
        channels: int,
        *,
        kernel_size: int = 7,
        groups: int,
        num_groups: int = 16,
        shared: bool = True,
    ) -> None:
        super().__init__()
        require_divisible("ELA", channels, groups, "conv groups")
        require_divisible("ELA", channels, num_groups, "GroupNorm groups")
        require_kernel("ELA", kernel_size, "length")

        def gate() -> nn.Sequential:
            return nn.Sequential(
                nn.Conv1d(
                    channels,
                    channels,
                    kernel_size,
                    padding=kernel_size // 2,
                    groups=groups,
                    bias=False,
                ),
                nn.GroupNorm(num_groups, channels),
                nn.Sigmoid(),
            )

        self.gate_h = gate()
        self.gate_w = None if shared else gate()

    def gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The gates y_h (N, C, H) and y_w (N, C, W) of Equations 7 and 8, in (0, `gate_scale`)."""
        z_h, z_w = strip_means(x)
        if self.gate_w is None and not _exporting() and z_h.shape == z_w.shape:
            # The strips of a square map have one shape, so both go through the layers as one batch.
            y_h, y_w = self.scaled(self.gate_h(torch.cat([z_h, z_w]))).chunk(2)
            return y_h, y_w
        gate_w = self.gate_h if self.gate_w is None else self.gate_w
        return self.scaled(self.gate_h(z_h)), self.scaled(gate_w(z_w))

    def forward(self, x: Tensor) -> Tensor:
        """Efficient Local Attention; x is a map (N, C, H, W), and so is the result.

        In the paper's symbols, with F_h, F_w = Conv1d and G_n = GroupNorm (with `shared`, F_w is
        F_h and both axes have the same G_n):

            z_h = x.mean(3)                         # (N, C, H)     Eq. 1, 5: mean along the width
            z_w = x.mean(2)                         # (N, C, W)     Eq. 2, 6: mean along the height
            y_h = sigmoid(G_n(F_h(z_h)))            # (N, C, H)     Eq. 7: a gate for each row
            y_w = sigmoid(G_n(F_w(z_w)))            # (N, C, W)     Eq. 8: a gate for each column
            y_h, y_w = y_h[..., None], y_w[..., None, :]  # (N, C, H, 1), (N, C, 1, W)
            Y = x * y_h * y_w                       # (N, C, H, W)  Eq. 9

        After `start_as_identity`, both gates are multiplied by 2; see `gated`. `strip_means` and
        `gate_strips` compute the first two lines and the last two with less time and memory.
        """
        return gate_strips(x, *self.gates(x))

    def logit_parameters(self) -> list[nn.Parameter]:
        """The weight and bias of each GroupNorm, the last layer before the sigmoid."""
        gates = [self.gate_h] if self.gate_w is None else [self.gate_h, self.gate_w]
        return [parameter for gate in gates for parameter in gate[1].parameters()]


def _exporting() -> bool:
    """Whether a graph is being recorded that may later be run on maps of other sizes."""
    return torch.compiler.is_exporting() or torch.jit.is_tracing()


# The four sizes of section 3.3. Table 4 gives "T" C/8 groups, but section 3.3 and the parameter
# counts of Table 5 say that T is depthwise; section 3.3 is followed.


def ela_t(channels: int, *, shared: bool = True) -> ELA:
    """ELA-T (tiny): depthwise kernel 5, 32 GroupNorm groups."""
    return ELA(channels, kernel_size=5, groups=channels, num_groups=32, shared=shared)


def ela_b(channels: int, *, shared: bool = True) -> ELA:
    """ELA-B (base): depthwise kernel 7, 16 GroupNorm groups."""
    return ELA(channels, kernel_size=7, groups=channels, num_groups=16, shared=shared)


def ela_s(channels: int, *, shared: bool = True) -> ELA:
    """ELA-S (small): kernel 5 with C/8 conv groups (8 channels each), 16 GroupNorm groups."""
    return ELA(channels, kernel_size=5, groups=_eighth(channels), num_groups=16, shared=shared)


def ela_l(channels: int, *, shared: bool = True) -> ELA:
    """ELA-L (large): kernel 7 with C/8 conv groups (8 channels each), 16 GroupNorm groups."""
    return ELA(channels, kernel_size=7, groups=_eighth(channels), num_groups=16, shared=shared)


def _eighth(channels: int) -> int:
    require_divisible("ELA", channels, 8, "channels per conv group")
    return channels // 8
