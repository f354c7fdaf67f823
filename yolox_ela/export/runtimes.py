"""Opening an exported file of any format, as a `Runner` that detects like the network itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from yolox_ela.errors import UserError
from yolox_ela.export import (
    coreml_file,
    ncnn_file,
    onnx_file,
    openvino_file,
    tensorrt_file,
    torch_export_file,
    torchscript_file,
)
from yolox_ela.export.formats import FORMATS, format_of_file
from yolox_ela.export.metadata import Metadata
from yolox_ela.export.network import decoded
from yolox_ela.export.opened import Opened
from yolox_ela.images.values import ValueRange
from yolox_ela.input_size import ImageSize, InputSize
from yolox_ela.network.runner import Runner
from yolox_ela.system.files import exists, is_folder, require_regular
from yolox_ela.system.resources import explanation

OPENERS: dict[str, Callable[[Path, str], Opened]] = {
    "onnx": onnx_file.open_file,
    "openvino": openvino_file.open_file,
    "torchscript": torchscript_file.open_file,
    "torch_export": torch_export_file.open_file,
    "coreml": coreml_file.open_file,
    "tensorrt": tensorrt_file.open_file,
    "ncnn": ncnn_file.open_file,
}


def open_exported(path: Path, device: str = "auto") -> Opened:
    """Open an exported file by its suffix.

    Its `run` raises UserError where the file's program fails, or gives something else than the
    metadata say.

    Raises:
        UserError: there is no such file, it is damaged or of another program, packages are
            missing, or it cannot run on the device.
    """
    kind = format_of_file(path)
    if kind is None:
        suffixes = ", ".join(each.suffix for each in FORMATS.values())
        raise UserError(f"{path} is no exported file: their names end in {suffixes}")
    if not exists(path):
        raise UserError(f"{path}: there is no such file")
    if not is_folder(path):  # as CoreML's are
        require_regular(path, "name an exported file")
    kind.require()
    with _blamed(f"{path} is no {kind.title} file, or is damaged"):
        opened = OPENERS[kind.name](path, device)

    def run(images: Tensor) -> tuple[Tensor, ...]:
        with _blamed(f"{path} cannot be run"):
            outputs = opened.run(images)
        if not _fits(outputs, opened.metadata, len(images)):
            shapes = ", ".join(str(tuple(output.shape)) for output in outputs)
            raise UserError(
                f"{path} is damaged: its output has the shapes {shapes} for {len(images)} images "
                f"and {len(opened.metadata.names)} classes; export it again from its weights"
            )
        return outputs

    return Opened(opened.metadata, run)


@contextmanager
def _blamed(said: str) -> Iterator[None]:
    """Turn the errors of a runtime into one message: each has kinds of its own."""
    try:
        yield
    except (UserError, MemoryError, ImportError):
        raise
    except Exception as error:
        if explanation(error):  # of the machine
            raise
        raise UserError(f"{said}: {str(error) or type(error).__name__}") from error


def _fits(outputs: tuple[Tensor, ...], meta: Metadata, images: int) -> bool:
    """Whether the outputs are those of `Metadata.outputs`, for this many images."""
    classes = len(meta.names)
    if meta.outputs != "nms":
        (output,) = outputs
        return output.dim() == 3 and output.shape[::2] == (images, 5 + classes)
    boxes, scores, labels, pictures = outputs
    rows = boxes.shape[:1]
    return (
        boxes.shape[1:] == (4,)
        and all(each.shape == rows for each in (scores, labels, pictures))
        and bool(((labels >= 0) & (labels < classes)).all())
        and bool(((pictures >= 0) & (pictures < images)).all())
    )


def runner_of(opened: Opened, *, image_size: ImageSize | None = None) -> Runner:
    """The opened file as what `Detector` and `evaluate` run.

    Args:
        opened: the file.
        image_size: size of the input, where the file takes any; by default the recorded one.

    Raises:
        UserError: the file takes another size.
    """
    meta = opened.metadata
    size = InputSize.of(image_size or meta.image_size)
    require_size(meta, size)
    return Runner(
        Predictions(opened),
        meta.names,
        size.setting,
        ValueRange(*meta.white),
        batch=meta.batch or 1,
        score_threshold=meta.score_threshold,
        nms_iou=meta.nms_iou,
        nms_inside=meta.outputs == "nms",
    )


def require_size(meta: Metadata, size: tuple[int, int]) -> None:
    """Raise UserError unless a file takes images of this height and width."""
    if not meta.any_size and tuple(size) != meta.image_size:
        height, width = meta.image_size
        raise UserError(
            f"the exported network takes images of {height} x {width} (height x width), not "
            f"{size[0]} x {size[1]}: leave the size out, or export with --dynamic-size"
        )


class Predictions:
    """A function from images to predictions as `Runner.run`, whatever outputs the file has.

    Of a file with NMS inside, the detections become predictions with the score as objectness; NMS
    with the same or a higher threshold leaves them as they are.
    """

    def __init__(self, opened: Opened) -> None:
        self.opened = opened

    def __call__(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) uint8 or float images -> (B, A, 5 + classes)."""
        meta = self.opened.metadata
        require_size(meta, (images.shape[2], images.shape[3]))
        pixels = images.to("cpu", torch.float32).contiguous()
        if meta.batch == 0:
            return self._predict(pixels)
        parts = []
        for part in pixels.split(meta.batch):
            missing = meta.batch - len(part)  # a fixed batch is filled up
            filled = torch.cat([part, part[-1:].expand(missing, -1, -1, -1)]) if missing else part
            parts.append(self._predict(filled)[: len(part)])
        most = max(part.shape[1] for part in parts)
        return torch.cat([_padded(part, most) for part in parts])

    def _predict(self, images: Tensor) -> Tensor:
        meta = self.opened.metadata
        outputs = self.opened.run(images)
        if meta.outputs == "raw":
            return decoded(outputs[0], *images.shape[2:])
        if meta.outputs == "decoded":
            return outputs[0]
        return _as_predictions(outputs, len(images), len(meta.names))


ABSENT = -1.0  # objectness of no box at all, below every threshold


def _padded(predictions: Tensor, rows: int) -> Tensor:
    n, a, columns = predictions.shape
    if a == rows:
        return predictions
    return torch.cat([predictions, _no_boxes(n, rows - a, columns)], 1)


def _no_boxes(images: int, rows: int, columns: int) -> Tensor:
    empty = torch.zeros(images, rows, columns)
    empty[:, :, 4], empty[:, :, 5] = ABSENT, 1.0
    return empty


def _as_predictions(outputs: tuple[Tensor, ...], images: int, classes: int) -> Tensor:
    boxes, scores, labels, pictures = outputs
    counts = torch.bincount(pictures, minlength=images)
    predictions = _no_boxes(images, int(counts.max()), 5 + classes)
    order = torch.argsort(pictures, stable=True)
    pictures = pictures[order]
    rows = torch.arange(len(order)) - (counts.cumsum(0) - counts)[pictures]
    corners = boxes[order]
    centres, sizes = (corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]
    of_class = functional.one_hot(labels[order], classes).float()
    predictions[pictures, rows] = torch.cat([centres, sizes, scores[order][:, None], of_class], 1)
    return predictions
