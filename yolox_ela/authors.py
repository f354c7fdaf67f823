"""The network that the paper's authors released, as weights for this package.

Their detector (arXiv 2403.01123) has upstream YOLOX's parameter names, one ELA module a width
(`feat06`, `feat1`, `feat2` for 64, 128, 256 channels), two modules that nothing uses (`feat5`,
`feat10`), and takes RGB images in 0-1, normalised by ImageNet's mean and deviation. The paper calls
it ELA-S; its 5-tap depthwise convolutions are ELA-T by the paper's section 3.3.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from yolox_ela.errors import UserError

FEATURES = {"feat06": "width64", "feat1": "width128", "feat2": "width256"}
PARTS = {
    "conv.weight": "gate_h.0.weight",
    "gn.weight": "gate_h.1.weight",
    "gn.bias": "gate_h.1.bias",
}
UNUSED = ("backbone.feat5.", "backbone.feat10.")
STEM = "backbone.backbone.stem.conv"
IMAGENET_MEAN = (0.485, 0.456, 0.406)  # RGB, for images in 0-1
IMAGENET_STD = (0.229, 0.224, 0.225)


def is_authors_state(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict has the names of the authors' attention."""
    return "backbone.feat06.conv.weight" in state


def import_authors(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the attention, drop what is unused, and fold the normalisation into the stem.

    The result takes BGR in 0-255 and equals the original away from the image's border, where the
    original pads with ImageNet's mean and this one with black.

    Raises:
        UserError: a tensor is left that belongs nowhere.
    """
    renamed = {}
    for name, tensor in state.items():
        if name.startswith(UNUSED):
            continue
        module, _, part = name.removeprefix("backbone.").partition(".")
        if module.startswith("feat"):
            if module not in FEATURES or part not in PARTS:
                raise UserError(f"'{name}' is not part of the authors' network")
            name = f"backbone.attention.{FEATURES[module]}.{PARTS[part]}"
        renamed[name] = tensor
    return renamed | fold_normalisation(
        renamed[f"{STEM}.conv.weight"], renamed[f"{STEM}.bn.running_mean"]
    )


def fold_normalisation(weight: Tensor, running_mean: Tensor) -> dict[str, Tensor]:
    """The stem's tensors for BGR 0-255 from those for normalised RGB.

    Args:
        weight: (O, 12, k, k); Focus stacks the 3 colours of 4 neighbouring pixels.
        running_mean: (O,) of the stem's BatchNorm.
    """
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    by_color = weight.unflatten(1, (4, 3))
    shift = (by_color * (mean / std)[:, None, None]).sum(dim=(1, 2, 3, 4))
    folded = (by_color / (255 * std)[:, None, None]).flip(2)
    return {
        f"{STEM}.conv.weight": folded.flatten(1, 2).contiguous(),
        # The convolution lacks the shift, so the mean that is taken off it lacks it too.
        f"{STEM}.bn.running_mean": running_mean + shift,
    }
