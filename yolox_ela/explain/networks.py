"""The same detector with its attention made constant: what is left of a detection without it."""

import torch
from torch import Tensor, nn

from yolox_ela.errors import UserError
from yolox_ela.network.copying import copy_network
from yolox_ela.network.runner import torch_runner
from yolox_ela.predict import Detector


class ConstantGates(nn.Module):
    """A map times one number, or one for each channel, in place of an attention module.

    The number k is the one for which k * x comes closest to what the attention makes of the map x
    (least squares). So what leaves has the size that the layers behind were trained on; a gate of
    1 would be 4 times as much where gates are about 1/2 in each direction.

    Args:
        attention: the module that is replaced, (N, C, H, W) in and out.
        for_each_channel: True for a number for each channel, so that attention no longer depends
            on the position; False for one number, so that nothing is left of it.
    """

    def __init__(self, attention: nn.Module, *, for_each_channel: bool) -> None:
        super().__init__()
        self.attention, self.for_each_channel = attention, for_each_channel

    def forward(self, x: Tensor) -> Tensor:
        """k * x, where no gradient flows through k."""
        dims = (2, 3) if self.for_each_channel else (1, 2, 3)
        with torch.no_grad():
            product = (x * self.attention(x)).sum(dims, keepdim=True)
            square = x.square().sum(dims, keepdim=True)
            factor = product / square.clamp(min=torch.finfo(square.dtype).tiny)
        return factor * x


def without_attention(detector: Detector, *, keep_channels: bool = False) -> Detector:
    """The same detector with constants in place of its attention; see `ConstantGates`.

    It shows what the attention does in this network, and not how a network would do that was
    trained without attention.

    Args:
        detector: the detector, which stays as it is.
        keep_channels: True to take out only what depends on the position.

    Raises:
        UserError: the network has no attention.
    """
    if not detector.model.backbone.site_keys:
        raise UserError("this network has no attention that could be taken out")
    model = copy_network(detector.model)
    attention = model.backbone.attention
    for name, module in list(attention.items()):
        attention[name] = ConstantGates(module, for_each_channel=keep_channels)
    settings = detector.settings
    runner = torch_runner(
        model,
        detector.classes,
        image_size=settings.image_size,
        device=next(model.parameters()).device,
        values=detector.runner.values,
    )
    return Detector(runner, score_threshold=settings.score_threshold, nms_iou=settings.nms_iou)
