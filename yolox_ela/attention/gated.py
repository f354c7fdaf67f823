"""The base class of the attention modules: the scale of their gates, and their initial weights.

An attention module multiplies its map by gates, each of them the sigmoid of the output (the logit)
of a last layer. With the initial weights of its paper, a gate starts near 1/2 (SA: 0.73). A new
module then passes on only a fraction of its map, and pretrained weights of the layers behind it
receive inputs unlike those they were trained on. The start as the identity avoids that: the last
layer's weights start at 0, and every gate is 2 * sigmoid(0) = 1, exactly.

The factor 2 does not enlarge the class of functions that a network can compute. A convolution or
linear layer behind the module can absorb the factor in its weights. That also holds through
concatenations, and through further ELA, CA and SE modules with weights of their own, whose first
layers have separate weights for each channel. Where only some of the channels that enter a CBAM, an
ECA or an SA carry the factor, the class differs slightly, because these three apply the same
weights to all channels.
"""

from collections.abc import Sequence

from torch import Tensor, nn


class GatedModule(nn.Module):
    """Base class of modules that multiply a map (N, C, H, W) by gates.

    Attributes:
        gate_scale: the factor of each gate, 1 or 2. Like a kernel size it is a property of the
            module that is not stored in the state dict. Weights that were trained from the
            identity must be loaded into a module on which `start_as_identity` was called.
    """

    gate_scale: float = 1.0

    def start_as_identity(self) -> None:
        """Let the module return exactly its input until it is trained.

        Gates become 2 * sigmoid, and the weights of the last layer before each sigmoid become 0;
        all other weights keep their initial values. The last layer is trained from the first step
        on, the layers before it from the second. At first, the gradient with respect to the input
        equals the gradient with respect to the output.
        """
        for parameter in self.logit_parameters():
            nn.init.zeros_(parameter)
        self.gate_scale = 2.0

    def logit_parameters(self) -> Sequence[nn.Parameter]:
        """Weights and biases of the last layer before each sigmoid; all at 0, its output is 0."""
        raise NotImplementedError

    def scaled(self, gate: Tensor) -> Tensor:
        """`gate_scale` times a gate of any shape."""
        return gate if self.gate_scale == 1 else self.gate_scale * gate
