"""Class activation maps: which positions of a map raise one number of a network's output.

Both follow from the map A (C, H, W) at some place in the network, and from the gradient
G = ds/dA (C, H, W) of the number s:

    Grad-CAM (arXiv 1610.02391, Eq. 1 and 2):  L = relu(sum over k of mean(G_k) * A_k)
    LayerCAM (doi 10.1109/TIP.2021.3089943):   L = relu(sum over k of relu(G_k) * A_k)

A detector's score depends mostly on the positions around its object. LayerCAM weights each position
by its own gradient, and shows these. Grad-CAM weights a channel by one number for all positions, so
that other objects with the same features light up too.
"""

from torch import Tensor

from yolox_ela.choices import CAM_METHODS


def grad_cam(values: Tensor, gradient: Tensor) -> Tensor:
    """Grad-CAM: (C, H, W) and (C, H, W) -> (H, W), 0 or more."""
    return (gradient.mean((1, 2))[:, None, None] * values).sum(0).relu()


def layer_cam(values: Tensor, gradient: Tensor) -> Tensor:
    """LayerCAM: (C, H, W) and (C, H, W) -> (H, W), 0 or more."""
    return (gradient.relu() * values).sum(0).relu()


METHODS = dict(zip(CAM_METHODS, (layer_cam, grad_cam), strict=True))
