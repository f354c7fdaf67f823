"""One step of training YOLOX; see `NetworkStep`."""

from collections.abc import Mapping

from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional as F

from yolox_ela.class_weights_text import NONE
from yolox_ela.network.model import LOSSES, Yolox
from yolox_ela.recipe import Recipe
from yolox_ela.train.network_step import Check, NetworkStep

LEAST_ROWS = 32  # of targets when compiled


class TrainStep(NetworkStep):
    """A detector with all that changes its weights.

    Args:
        network: at its starting weights; it is moved to the accelerator's device.
        recipe: settings of optimizer, gradient clipping and average.
        accelerator: device, precision and processes.
        class_weights: (C,) weights in the class loss; see `class_weights.class_weights`.
        compile: see `NetworkStep`; with and without the L1 loss are graphs of their own.
    """

    network: Yolox

    def __init__(
        self,
        network: Yolox,
        recipe: Recipe,
        accelerator: Accelerator,
        *,
        class_weights: Tensor | None = None,
        compile: bool = False,
    ) -> None:
        if class_weights is None and recipe.class_weights != NONE:
            raise ValueError("class_weights are part of the recipe, but not given")
        network.head.class_weights = class_weights
        super().__init__(
            network, recipe, accelerator, losses=LOSSES[:5], divisor="foreground", compile=compile
        )
        if compile:
            network.head.dense = True  # a graph cannot branch on numbers that the network computes

    def __call__(
        self,
        images: Tensor,
        targets: Tensor,
        lr: float,
        *,
        use_l1: bool,
        frozen: bool = False,
        check: Check | None = None,
    ) -> Mapping[str, Tensor | float]:
        """Change the weights by one batch of images and objects.

        Args:
            images: (B, 3, H, W) float, BGR, 0-255, on the device.
            targets: (B, M, 5), as `Yolox.forward` takes them.
            lr: learning rate.
            use_l1: add the L1 loss on boxes.
            frozen: leave the backbone's weights as they are at this step.
            check: see `NetworkStep.take`.

        Returns:
            The losses of `Yolox.forward`, divided by the anchors with an object.
        """
        self.network.head.use_l1 = use_l1
        rows = pad_rows(targets) if self.compiled else targets
        return self.take(lambda: self.model(images, rows), lr, frozen=frozen, check=check)


def pad_rows(targets: Tensor) -> Tensor:
    """Add rows of zeros up to a power of two, so that compiled shapes repeat."""
    rows = max(LEAST_ROWS, 1 << (targets.shape[1] - 1).bit_length())
    return F.pad(targets, (0, 0, 0, rows - targets.shape[1]))
