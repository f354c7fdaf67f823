"""YOLOX's head, with the same results as upstream's on every device."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from yolox.models import YoloxHead

from yolox_ela.network.loss.anchors import Anchors, decode
from yolox_ela.network.loss.assignment import finite
from yolox_ela.network.loss.dense import dense_loss


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
