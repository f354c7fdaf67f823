"""ELA, or any other module of `yolox_ela.attention`, in torchvision's ResNet-18.

python examples/resnet_ela.py

The module acts on the residual branch, after its last BatchNorm and before the addition: the
usual place of such modules, as in SE-ResNet (arXiv 1709.01507, Figure 3).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.resnet import ResNet, resnet18

from yolox_ela.attention import ela_b, ela_l, ela_s, ela_t, insert

SITES = [f"layer{stage}.{block}.bn2" for stage in (1, 2, 3, 4) for block in (0, 1)]


def resnet18_with(attention: Callable[[int], nn.Module], num_classes: int = 1000) -> ResNet:
    """ResNet-18 with attention in its eight blocks, (N, 3, H, W) -> (N, num_classes).

    All other tensors keep torchvision's names, so ImageNet's weights load with `strict=False`:

        weights = torchvision.models.ResNet18_Weights.DEFAULT.get_state_dict()
        resnet18_with(ela_s).load_state_dict(weights, strict=False)

    ELA's gates start near 1/2, not at 1, so the network has to be trained before it is evaluated.

    Args:
        attention: function that builds the module for a block's channels (64, 128, 256 or 512).
        num_classes: number of classes; ImageNet has 1000.
    """
    return insert(resnet18(num_classes=num_classes), SITES, attention)


def fit(model: nn.Module, images: Tensor, labels: Tensor, steps: int) -> list[float]:
    """Train by SGD on one batch, (N, 3, H, W) with labels (N,); returns the loss of each step."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def main() -> None:
    """Print the parameters of ResNet-18 with each version of ELA, and overfit one random batch."""
    print(f"ResNet-18          {count(resnet18()):>10,} parameters")
    for name, attention in (("T", ela_t), ("B", ela_b), ("S", ela_s), ("L", ela_l)):
        print(f"ResNet-18 + ELA-{name}  {count(resnet18_with(attention)):>10,} parameters")

    torch.manual_seed(0)
    images, labels = torch.randn(8, 3, 32, 32), torch.arange(8)
    losses = fit(resnet18_with(ela_s, num_classes=8), images, labels, steps=10)
    print("loss of ELA-S on random images:", *(f"{loss:.2f}" for loss in losses))


def count(model: nn.Module) -> int:
    """The number of parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


if __name__ == "__main__":
    main()
