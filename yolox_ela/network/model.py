"""YOLOX of any size with attention at any of seven sites.

The network is upstream YOLOX's (package `yolox`) with the same modules and parameter names. The
attention modules are at `backbone.attention.<site>`, so that weights trained without attention can
be loaded by name.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from yolox.models import YoloPafpn, YoloxModule

from yolox_ela.errors import UserError
from yolox_ela.network.head import Head
from yolox_ela.sizes import SITES, SIZES, STAGE_CHANNELS, site_channels

BATCHNORM_EPS = 1e-3  # upstream's value

# Takes a site, its attention or None, and the map before and after the attention; returns the map
# that is passed on.
Look = Callable[[str, nn.Module | None, Tensor, Tensor], Tensor]

LOSSES = ("total_loss", "iou_loss", "conf_loss", "cls_loss", "l1_loss", "num_fg", "foreground")


class AttentionPafpn(YoloPafpn):
    """Upstream's backbone and neck with attention at some of `SITES`.

    Args:
        size: a key of `SIZES`.

    Attributes:
        attention: modules by site, or by `width<channels>` for modules that sites of a width share.
            It is empty for the baseline, whose output equals upstream's exactly.
        site_keys: for each site with attention, in the network's order, its key in `attention`.
        channels: the number of channels at each site.
    """

    def __init__(self, size: str = "nano") -> None:
        depth, width, depthwise = SIZES[size]
        super().__init__(depth, width, in_channels=STAGE_CHANNELS, depthwise=depthwise)
        self.size, self.channels = size, site_channels(size)
        self.attention = nn.ModuleDict()
        self.site_keys: dict[str, str] = {}
        self._look: Look | None = None

    def attach(
        self,
        attention: Callable[[int], nn.Module | None],
        *,
        sites: Collection[str] = tuple(SITES),
        share_sites: bool,
    ) -> None:
        """Build attention at each of the sites, or once for each number of channels among them.

        The arguments are those of `build_yolox`.

        Raises:
            UserError: a module cannot be built; the message names the site.
        """
        for site, channels in self.channels.items():
            if site not in sites:
                continue
            key = f"width{channels}" if share_sites else site
            if key not in self.attention:
                try:
                    module = attention(channels)
                except UserError as error:
                    raise UserError(
                        f"at site {site} of YOLOX-{self.size.capitalize()}: {error}"
                    ) from error
                if module is None:
                    continue
                self.attention[key] = module
            self.site_keys[site] = key

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, 3, H, W) -> maps of strides 8, 16 and 32, with the channels of dark3 to dark5."""
        stages = self.backbone(images)
        dark3 = self._attend("dark3", stages["dark3"])
        dark4 = self._attend("dark4", stages["dark4"])
        dark5 = self._attend("dark5", stages["dark5"])

        # Top down.
        lateral5 = self.lateral_conv0(dark5)
        p4 = torch.cat([self.upsample(lateral5), dark4], 1)
        p4 = self.C3_p4(self._attend("C3_p4", p4))
        lateral4 = self.reduce_conv1(p4)
        p3 = torch.cat([self.upsample(lateral4), dark3], 1)
        p3 = self.C3_p3(self._attend("C3_p3", p3))

        # Bottom up.
        n3 = torch.cat([self.bu_conv2(p3), lateral4], 1)
        n3 = self.C3_n3(self._attend("C3_n3", n3))
        n4 = torch.cat([self.bu_conv1(n3), lateral5], 1)
        n4 = self.C3_n4(self._attend("C3_n4", n4))
        return p3, n3, n4

    @contextmanager
    def watched(self, look: Look) -> Iterator[None]:
        """While this lasts, `forward` calls `look(site, module, before, after)` at each of `SITES`.

        A site without attention has None for the module, and the same map before and after. What
        `look` returns is passed on instead of `after`. Sites are told apart also where one module
        serves several.
        """
        self._look = look
        try:
            yield
        finally:
            self._look = None

    def _attend(self, site: str, x: Tensor) -> Tensor:
        key = self.site_keys.get(site)
        module = None if key is None else self.attention[key]
        y = x if module is None else module(x)
        return y if self._look is None else self._look(site, module, x, y)


class Yolox(YoloxModule):
    """YOLOX: images in BGR 0-255, (N, 3, H, W) with H and W multiples of 32."""

    def forward(
        self, images: Tensor, targets: Tensor | None = None
    ) -> Tensor | dict[str, Tensor | float]:
        """Losses in training mode, decoded predictions in evaluation mode.

        Args:
            images: (N, 3, H, W) float, BGR, 0-255.
            targets: (N, M, 5) float rows of class, centre x, centre y, width, height in pixels,
                padded with zero rows at the end; needed in training mode only.

        Returns:
            Training: upstream's dict (`total_loss`, `iou_loss`, `conf_loss`, `cls_loss`,
            `l1_loss`, which is the number 0 while it is off, and `num_fg`, the mean number of
            anchors assigned to an object) and `foreground`, the number of anchors with an object,
            by which the losses are divided unless it is 0. Evaluation: (N, A, 5 + classes)
            centre x, centre y, width, height in pixels, objectness and class scores in 0-1.
        """
        features = self.backbone(images)
        # Boxes are decoded and losses summed in float32 also under autocast: bfloat16 keeps
        # 8 bits, so a coordinate near 640 would be rounded to 4 pixels.
        with torch.autocast(images.device.type, enabled=False):
            features = [feature.float() for feature in features]
            if not self.training:
                return self.head(features)
            return dict(zip(LOSSES, self.head(features, targets, images), strict=True))


def build_yolox(
    num_classes: int,
    attention: Callable[[int], nn.Module | None] | None = None,
    *,
    size: str = "nano",
    sites: Collection[str] = tuple(SITES),
    share_sites: bool = False,
) -> Yolox:
    """Build YOLOX of any size, with attention if given.

    Attention is attached last, so that networks with the same seed have equal initial weights
    everywhere else.

    Args:
        num_classes: number of classes.
        attention: function that builds the module for a number of channels. A site has no attention
            if the function, or what it returns, is None.
        size: a key of `SIZES`.
        sites: those of `SITES` that get attention, in any order.
        share_sites: True for one module that all sites with equal channels share, as in the
            authors' released network; False for a module at each site, as in their tables.

    Raises:
        UserError: `attention` raised one; the message also names the site.
    """
    backbone = AttentionPafpn(size)
    _, width, depthwise = SIZES[size]
    head = Head(num_classes, width, in_channels=STAGE_CHANNELS, depthwise=depthwise)
    head.initialize_biases(1e-2)  # a prior probability of 1% for every object, as upstream
    model = Yolox(backbone, head)
    if attention is not None:
        backbone.attach(attention, sites=sites, share_sites=share_sites)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps, module.momentum = BATCHNORM_EPS, 0.03  # upstream's values
    return model
