"""What all attention modules share: gates, and the point they start from.

A module multiplies its map by gates, each the sigmoid of what a last layer answers. Drawn as its
paper says, a gate starts near 1/2 (SA: 0.73), so a new module passes on a fraction of its map, and
weights trained without it meet inputs they have never seen. The start as the identity spares them
that: the last layer answers 0, and every gate is 2 * sigmoid(0) = 1, exactly.

The factor 2 does not let a network compute more. A convolution or linear layer after the module
can take the factors up in its weights, so both together compute the same class of functions as
without. That holds through concatenations too, and through further ELA, CA and SE modules with
weights of their own, whose first layers weigh each channel apart. Where only some of a map's
channels bring factors to a CBAM, an ECA or an SA, the class is a slightly different one, for these
three treat channels alike.
"""

from collections.abc import Sequence

from torch import Tensor, nn


class GatedModule(nn.Module):
    """A map (N, C, H, W) multiplied by gates: what the attention modules derive from.

    Attributes:
        gate_scale: what each gate is multiplied by, 1 or 2. Like a kernel size it belongs to how
            a module is built: the state dict has no trace of it, so weights trained from the
            identity need a module that `start_as_identity` was called on too.
    """

    gate_scale: float = 1.0

    def start_as_identity(self) -> None:
        """Let the module return its input, bit for bit, until it is trained.

        Gates become 2 * sigmoid, and the last layer before each sigmoid becomes 0; all other
        weights stay as drawn. That layer learns from the first step on, those before it from the
        second. The input's gradient starts as the output's.
        """
        for parameter in self.logit_parameters():
            nn.init.zeros_(parameter)
        self.gate_scale = 2.0

    def logit_parameters(self) -> Sequence[nn.Parameter]:
        """Weights and biases of the last layer before each sigmoid; if all are 0, it answers 0."""
        raise NotImplementedError

    def scaled(self, gate: Tensor) -> Tensor:
        """`gate_scale` times a gate of any shape."""
        return gate if self.gate_scale == 1 else self.gate_scale * gate
