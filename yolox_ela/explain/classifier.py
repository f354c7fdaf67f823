"""Grad-CAM of a classifier, as in the paper's Figure 3: which parts of a picture raise a class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from yolox_ela.errors import UserError
from yolox_ela.explain.cam import grad_cam
from yolox_ela.network.copying import copy_network
from yolox_ela.report.page import Section
from yolox_ela.report.style import new_figure, to_png


@dataclass(frozen=True)
class ClassMap:
    """Where a network's score of a class comes from.

    Attributes:
        network: what the network is called.
        label: the class.
        share: the network's softmax of it, 0 to 1.
        cells: (h, w) Grad-CAM at the place, 0 or more.
    """

    network: str
    label: int
    share: float
    cells: np.ndarray


def last_block(network: nn.Module) -> str:
    """The last block of a network's last stage: `layer4.2` of ResNet-50, `layer4.1` of ResNet-18.

    Raises:
        UserError: the network is built otherwise.
    """
    stage = getattr(network, "layer4", None)
    if isinstance(stage, nn.Sequential):
        return f"layer4.{len(stage) - 1}"
    features = getattr(network, "features", None)
    if isinstance(features, nn.Sequential) and len(features) > 1:
        return f"features.{len(features) - 2}"  # the one behind it is a 1 x 1 convolution
    raise UserError(
        f"where the last block of {type(network).__name__} is cannot be told: name it with --place"
    )


def class_map(
    network: nn.Module, image: Tensor, place: str, label: int | None = None, name: str = ""
) -> ClassMap:
    """Grad-CAM of a class's logit at a module of a network, which is put into evaluation mode.

    Args:
        network: gives logits (1, classes).
        image: (1, 3, H, W) as the network takes it.
        place: name of a module whose output is a map (1, C, h, w).
        label: the class; by default the likeliest.
        name: what the network is called.

    Raises:
        UserError: there is no such module, or its output is no map.
    """
    try:
        module = network.get_submodule(place)
    except AttributeError as error:
        raise UserError(
            f"the network has no module '{place}'; name another with --place"
        ) from error
    seen: list[Any] = []
    handle = module.register_forward_hook(lambda *call: seen.append(call[2]))
    network.eval()
    try:
        with torch.enable_grad():
            logits = network(image.requires_grad_())
            if len(seen) != 1 or not isinstance(seen[0], Tensor) or seen[0].ndim != 4:
                raise UserError(f"the module '{place}' gives no map: name another with --place")
            chosen = int(logits[0].argmax()) if label is None else label
            (gradient,) = torch.autograd.grad(logits[0, chosen], seen[0])
    finally:
        handle.remove()
    cells = grad_cam(seen[0][0].detach(), gradient[0])
    share = logits.softmax(1)[0, chosen].item()
    return ClassMap(name, chosen, share, cells.float().cpu().numpy())


def with_constants(network: nn.Module) -> nn.Module:
    """A copy of a network in which each module that `insert` has put in multiplies by one number.

    The number is the one with which its output is nearest to what the module would return.
    """
    changed = copy_network(network)
    for module in changed.get_submodule("attention").children():
        module.register_forward_hook(_by_a_constant)
    return changed


def _by_a_constant(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
    x = inputs[0]
    with torch.no_grad():
        factor = (x * output).sum() / (x * x).sum().clamp(min=1e-12)
    return factor * x


def maps_section(image: np.ndarray, maps: Sequence[ClassMap], classes: Sequence[str]) -> Section:
    """A picture with the photograph and each map on it, and the numbers.

    Args:
        image: (H, W, 3) uint8 RGB, what the networks have seen.
        maps: the maps.
        classes: names of the classes.
    """
    figure = new_figure(3.2)
    panels = figure.subplots(1, len(maps) + 1, squeeze=False)[0]
    panels[0].imshow(image)
    panels[0].set_title("the photograph", fontsize=9)
    for axes, one in zip(panels[1:], maps, strict=True):
        heat = cv2.resize(one.cells, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        axes.imshow(image)
        axes.imshow(heat / max(heat.max(), 1e-12), cmap="jet", alpha=0.45, vmin=0, vmax=1)
        axes.set_title(f"{one.network}\n{classes[one.label]} {one.share:.2f}", fontsize=9)
    for axes in panels:
        axes.set_axis_off()
    numbers = [
        {"network": m.network, "class": classes[m.label], "softmax": m.share, "map": m.cells}
        for m in maps
    ]
    return Section("Grad-CAM", figures={"grad_cam": to_png(figure)}, numbers=numbers)
