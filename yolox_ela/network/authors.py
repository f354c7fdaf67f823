"""The network that the paper's authors released, as weights for this package.

Their detector (arXiv 2403.01123) has upstream YOLOX's parameter names, one ELA module for each
width (`feat06`, `feat1`, `feat2` for 64, 128, 256 channels), two unused modules (`feat5` and
`feat10`), and takes normalised RGB (see `normalisation`). The paper calls it ELA-S; by the paper's
section 3.3, its depthwise convolutions with kernel 5 are ELA-T.
"""

from collections.abc import Mapping

from torch import Tensor

from yolox_ela.errors import UserError

FEATURES = {"feat06": "width64", "feat1": "width128", "feat2": "width256"}
PARTS = {
    "conv.weight": "gate_h.0.weight",
    "gn.weight": "gate_h.1.weight",
    "gn.bias": "gate_h.1.bias",
}
UNUSED = ("backbone.feat5.", "backbone.feat10.")


def is_authors_state(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict has the names of the authors' attention."""
    return "backbone.feat06.conv.weight" in state


def import_authors(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the attention's tensors, and drop the unused modules.

    Raises:
        UserError: a tensor's name is unknown.
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
    return renamed
