"""YOLOX of any size with attention at any of seven sites.

The network is upstream YOLOX's (package `yolox`) with the same modules and parameter names. The
attention modules are at `backbone.attention.<site>`, so that weights trained without attention can
be loaded by name.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from yolox.models import YoloPafpn, YoloxHead, YoloxModule

from yolox_ela.errors import UserError
from yolox_ela.network.loss.anchors import Anchors, decode
from yolox_ela.network.loss.assignment import finite
from yolox_ela.network.loss.dense import dense_loss
from yolox_ela.sizes import SITES, SIZES, STAGE_CHANNELS, site_channels

BATCHNORM_EPS = 1e-3  # upstream's value

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

    def _attend(self, site: str, x: Tensor) -> Tensor:
        key = self.site_keys.get(site)
        return x if key is None else self.attention[key](x)


class Head(YoloxHead):
    """Upstream's head, with the same results; it works on every device and with any predictions.

    Upstream creates its grids by the name of a tensor type, which fails on MPS and on a second GPU.
    Its assignment of objects to anchors crashes on predictions that are not finite (on CUDA it ends
    the process); here finite numbers replace them in the assignment, the losses become NaN, and the
    training loop reports that.

    Upstream's loss processes one image after another and waits for the device at each object. On
    devices that compute asynchronously, `dense_loss` gives the same result without waiting.

    Attributes:
        dense: whether to use `dense_loss`; None to use it on all devices but the CPU, where
            upstream's loop is faster.
        class_weights: (C,) factors of the class loss of an anchor by its object's class, on the
            device of the network; None for the factor 1. Not saved with the weights.
    """

    dense: bool | None = None
    class_weights: Tensor | None
    # Of upstream's loop: the number of anchors with an object in the batch; and for each image
    # with objects its logits of anchors with an object, their target scores and their classes.
    _foreground: int = 0
    _matched: Sequence[tuple[Tensor, Tensor, Tensor]] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.register_buffer("class_weights", None, persistent=False)

    def forward(
        self, xin: Sequence[Tensor], labels: Tensor | None = None, imgs: Tensor | None = None
    ) -> Any:
        """Losses in training mode, as `dense_loss` returns them; otherwise decoded predictions.

        Args:
            xin: the neck's map of each stride.
            labels: (N, M, 5) targets; see `Yolox.forward`.
            imgs: the images, which upstream's code passes on but does not use.
        """
        dense = xin[0].device.type != "cpu" if self.dense is None else self.dense
        if labels is None or not self.training:
            return super().forward(xin, labels, imgs)
        if not dense:
            losses = super().forward(xin, labels, imgs)
            return (*losses, xin[0].new_tensor(self._foreground))
        maps = [self._predict(level, x) for level, x in enumerate(xin)]
        anchors = self._anchors(maps)
        raw = torch.cat([output.flatten(2) for output in maps], dim=2).transpose(1, 2)
        weights = self.class_weights
        return dense_loss(raw, anchors, labels, l1=self.use_l1, class_weights=weights)

    def _predict(self, level: int, x: Tensor) -> Tensor:
        """(N, 5 + C, H, W) raw box, objectness and class logits of a level's map."""
        x = self.stems[level](x)
        of_class, of_box = self.cls_convs[level](x), self.reg_convs[level](x)
        box, objectness = self.reg_preds[level](of_box), self.obj_preds[level](of_box)
        return torch.cat([box, objectness, self.cls_preds[level](of_class)], dim=1)

    def _anchors(self, maps: Sequence[Tensor]) -> Anchors:
        """The cells of these maps, level by level and row by row."""
        cells = [_cell_grid(x.shape[2], x.shape[3], x)[0] for x in maps]
        strides = [
            grid.new_full((len(grid), 1), stride)
            for grid, stride in zip(cells, self.strides, strict=True)
        ]
        return Anchors(torch.cat(cells), torch.cat(strides), len(maps))

    def get_output_and_grid(
        self, output: Tensor, k: int, stride: int, dtype: str
    ) -> tuple[Tensor, Tensor]:
        """(N, 5 + C, H, W) raw output -> (N, H*W, 5 + C) with boxes in pixels; (1, H*W, 2) grid."""
        grid = _cell_grid(output.shape[2], output.shape[3], output)
        output = output.flatten(2).transpose(1, 2)
        return decode(output, grid, stride), grid

    def decode_outputs(self, outputs: Tensor, dtype: str) -> Tensor:
        """(N, A, 5 + C) raw outputs of all levels -> the same with boxes in pixels."""
        cells = [height * width for height, width in self.hw]
        levels = [
            decode(part, _cell_grid(height, width, part), stride)
            for part, (height, width), stride in zip(
                outputs.split(cells, dim=1), self.hw, self.strides, strict=True
            )
        ]
        return torch.cat(levels, dim=1)

    def get_losses(self, *args: Any, **kwargs: Any) -> tuple:
        """Upstream's losses of a batch, with the class loss weighted by `class_weights`."""
        self._foreground, self._matched = 0, []
        losses = super().get_losses(*args, **kwargs)
        matched, self._matched = self._matched, ()
        if self.class_weights is None or not matched:
            return losses
        logits, scores, classes = map(torch.cat, zip(*matched, strict=True))
        entropies = self.bcewithlog_loss(logits, scores) * self.class_weights[classes][:, None]
        class_loss = entropies.sum() / max(self._foreground, 1)
        _, iou, objectness, _, l1, per_object = losses
        # Added up in upstream's order, so that weights of 1 change no bit.
        return (iou + objectness + class_loss + l1, iou, objectness, class_loss, l1, per_object)

    def get_assignments(
        self,
        batch_idx: int,
        num_gt: int,
        gt_bboxes_per_image: Tensor,
        gt_classes: Tensor,
        bboxes_preds_per_image: Tensor,
        expanded_strides: Tensor,
        x_shifts: Tensor,
        y_shifts: Tensor,
        cls_preds: Tensor,
        obj_preds: Tensor,
        mode: str = "gpu",
    ) -> tuple:
        """Upstream's assignment for one image; notes the anchors with an object."""
        image = slice(batch_idx, batch_idx + 1)
        assignment = super().get_assignments(
            0,
            num_gt,
            gt_bboxes_per_image,
            gt_classes,
            finite(bboxes_preds_per_image),
            expanded_strides,
            x_shifts,
            y_shifts,
            finite(cls_preds[image]),
            finite(obj_preds[image]),
            mode,
        )
        self._foreground += int(assignment[-1])
        if self.class_weights is not None:
            classes, foreground, ious = assignment[0].long(), assignment[1], assignment[2]
            scores = F.one_hot(classes, self.num_classes) * ious[:, None]
            self._matched = [*self._matched, (cls_preds[batch_idx, foreground], scores, classes)]
        return assignment


def _cell_grid(height: int, width: int, like: Tensor) -> Tensor:
    """(1, H*W, 2) x and y of each cell, row by row, of the type and on the device of `like`."""
    rows = torch.arange(height, device=like.device)
    columns = torch.arange(width, device=like.device)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x, y], dim=2).reshape(1, -1, 2).to(like)


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
