"""The network as it is exported, and its raw outputs decoded."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from yolox_ela.attention import ELA
from yolox_ela.attention.exported import ExportedELA
from yolox_ela.attention.exported_fixed import FixedSizeELA
from yolox_ela.export.metadata import Metadata
from yolox_ela.network.fuse import exportable
from yolox_ela.network.loss.anchors import decode
from yolox_ela.network.model import Yolox

STRIDES = (8, 16, 32)

# Layers that stay in floating point in files of 8 bits. In the package's detector at 320 px, 8 bits
# for the input of the first depthwise convolution alone, whose values reach 142, change scores of
# detections by 0.28 on average; for no other layer it is more than 0.03.
KEPT_IN_FLOAT = ("/stem/", "/dark2/dark2.0/", "/dark3/dark3.0/dconv/", "_preds.", "/gate_")


@dataclass(frozen=True)
class ToExport:
    """What a format's writer gets.

    Attributes:
        network: see `exported_network`.
        metadata: what the file has to say of itself.
        opset: the version of ONNX's operators.
        calibration: the images of int8: letterboxed images (1, 3, H, W), float, 0-255.
    """

    network: Yolox
    metadata: Metadata
    opset: int
    calibration: tuple[Tensor, ...] = ()

    def example(self) -> Tensor:
        """An input to record the network with. Open batches are recorded with two images, since
        torch takes a batch of one for a fixed one.
        """
        return torch.full((self.metadata.batch or 2, 3, *self.metadata.image_size), 114.0)


def exported_network(model: Yolox, metadata: Metadata, kind: str) -> Yolox:
    """A copy on the CPU for inference, with the outputs that the metadata say, but without NMS.

    BatchNorm is folded into the convolutions, and so is the rearrangement of pixels before the
    first one, which not every format can express.

    Args:
        model: the trained network.
        metadata: what the file has to say of itself.
        kind: the format's name, a key of `formats.FORMATS`.
    """
    network = exportable(model, ela_form(metadata, kind)).cpu().float()
    network.head.decode_in_inference = metadata.outputs != "raw"
    network.backbone.backbone.stem = _without_focus(network.backbone.backbone.stem)
    return network.requires_grad_(False)


def ela_form(metadata: Metadata, kind: str) -> Callable[[ELA], nn.Module]:
    """The form in which a file of this kind has ELA.

    It is `FixedSizeELA` where that is known to be faster: in files of onnxruntime and OpenVINO that
    take one number and size of images and compute in floating point. All others have `ExportedELA`.
    """
    fixed = metadata.batch > 0 and not metadata.any_size
    if kind in ("onnx", "openvino") and metadata.precision == "fp32" and fixed:
        return partial(FixedSizeELA, expanded=kind == "onnx")
    height, width = metadata.image_size
    return partial(ExportedELA, square=height == width and not metadata.any_size)


def _without_focus(stem: Any) -> nn.Module:
    """The first block of the network, with one convolution of stride 2 in the place of Focus.

    Focus makes 12 channels of half the size from the pixels at even and odd places, and a
    convolution of 3 x 3 follows. One of 6 x 6 with the same weights reads the same pixels.
    """
    block: Any = stem.conv
    old = block.conv
    weight = old.weight.new_zeros(old.out_channels, 3, 6, 6)
    for k, (row, column) in enumerate(((0, 0), (1, 0), (0, 1), (1, 1))):  # the order of Focus
        weight[:, :, row::2, column::2] = old.weight[:, 3 * k : 3 * k + 3]
    block.conv = nn.Conv2d(3, old.out_channels, 6, stride=2, padding=2)
    block.conv.load_state_dict({"weight": weight, "bias": old.bias})
    whole: nn.Module = block
    return whole


def is_kept_in_float(operator: str) -> bool:
    """Whether an operator of an ONNX graph, by its name, belongs to `KEPT_IN_FLOAT`."""
    return any(part in f"/{operator}/" for part in KEPT_IN_FLOAT)


def decoded(raw: Tensor, height: int, width: int) -> Tensor:
    """The raw outputs (N, A, 5 + classes) for inputs of this size, with boxes in pixels."""
    cells, strides = [], []
    for stride in STRIDES:
        rows, columns = torch.meshgrid(
            torch.arange(height // stride), torch.arange(width // stride), indexing="ij"
        )
        cells.append(torch.stack([columns, rows], 2).reshape(-1, 2))
        strides.append(torch.full((len(cells[-1]), 1), stride))
    return decode(raw, torch.cat(cells).to(raw), torch.cat(strides).to(raw))
