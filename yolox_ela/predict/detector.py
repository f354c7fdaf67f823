"""Object detection in single images: images in, bounding boxes with names and scores out."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
import torch

from yolox_ela.choices import DETECTOR
from yolox_ela.errors import UserError
from yolox_ela.evaluate.detections import ImageDetections
from yolox_ela.evaluate.evaluator import EvalSettings
from yolox_ela.evaluate.postprocess import postprocess
from yolox_ela.experiment import Experiment
from yolox_ela.images.letterbox import letterbox
from yolox_ela.images.read import read_image
from yolox_ela.images.values import ValueRange
from yolox_ela.input_size import ImageSize
from yolox_ela.network.model import Yolox
from yolox_ela.network.runner import Runner, torch_runner
from yolox_ela.network.starts import start_file
from yolox_ela.predict.load import load_runner
from yolox_ela.system.device import select_device

ImageLike = str | Path | np.ndarray
READERS = 4  # threads that decode ahead


class Found(NamedTuple):
    """A picture and what was found in it.

    Attributes:
        source: the path or array that was given.
        image: the picture, (H, W, 3) uint8 BGR.
        detections: the objects found in it.
    """

    source: ImageLike
    image: np.ndarray
    detections: ImageDetections


class _Letterboxed(NamedTuple):
    source: ImageLike
    picture: np.ndarray
    boxed: np.ndarray
    scale: float


class Detector:
    """A trained network that takes pictures as they come.

    Args:
        runner: the network, ready to run.
        score_threshold: boxes that score less are not reported.
        nms_iou: intersection over union above which the weaker of two boxes of a class is dropped.

    Raises:
        UserError: a number cannot be right.
    """

    def __init__(
        self, runner: Runner, *, score_threshold: float = 0.3, nms_iou: float = 0.45
    ) -> None:
        for name, value in (("score_threshold", score_threshold), ("nms_iou", nms_iou)):
            if not 0 <= value <= 1:
                raise UserError(f"{name} {value} must be between 0 and 1")
        self.runner = runner
        self.settings = EvalSettings(runner.image_size, score_threshold, nms_iou)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the network's classes."""
        return self.runner.classes

    @property
    def model(self) -> Yolox:
        """The network as a torch module, in evaluation mode.

        Raises:
            UserError: it is run by something else than torch.
        """
        if self.runner.model is None:
            raise UserError("this detector is not run by torch: open the weights that it came from")
        return self.runner.model

    @classmethod
    def from_model(
        cls,
        model: Yolox,
        classes: Sequence[str],
        *,
        image_size: ImageSize = 640,
        score_threshold: float = 0.3,
        nms_iou: float = 0.45,
        device: str = "auto",
    ) -> "Detector":
        """A network in memory.

        Args:
            model: the network, put into evaluation mode; what runs is a copy with BatchNorm folded.
            classes: names of its outputs.
            image_size: size of the network's input: the side of a square, or (height, width).
            score_threshold: see the class.
            nms_iou: see the class.
            device: the device to compute on; see `select_device`.

        Raises:
            UserError: the names do not fit the network, or a number cannot be right.
        """
        runner = torch_runner(model, classes, image_size=image_size, device=select_device(device))
        return cls(runner, score_threshold=score_threshold, nms_iou=nms_iou)

    @classmethod
    def from_checkpoint(
        cls,
        checkpoint: str | Path,
        experiment: str | Path | Experiment | None = None,
        *,
        image_size: ImageSize | None = None,
        score_threshold: float = 0.3,
        nms_iou: float = 0.45,
        device: str = "auto",
        attention: str = "",
    ) -> "Detector":
        """The network of an experiment with trained weights.

        Args:
            checkpoint: `best.pth` or `last.pth` of a run, or a state dict that fits exactly.
            experiment: the experiment it was trained with, its file, or the name of one of the
                package's own; by default the one that the checkpoint names, see
                `load_trained_file`. Names and number of classes are the checkpoint's own; see
                `row_names`.
            image_size: the size it was trained with unless given.
            score_threshold: see the class.
            nms_iou: see the class.
            device: see `from_model`.
            attention: the attention of the run, if a command line named it by FILE.py:NAME, which
                is not run because weights name it.

        Raises:
            UserError: a file is missing or damaged, or the two do not belong together.
        """
        runner = load_runner(
            Path(checkpoint),
            experiment,
            image_size=image_size,
            device=device,
            attention=attention,
        )
        return cls(runner, score_threshold=score_threshold, nms_iou=nms_iou)

    @classmethod
    def from_pretrained(cls, name: str = DETECTOR, **options: Any) -> "Detector":
        """A network with weights that are found by name.

        Args:
            name: weights in the package; `coco` or `coco_legacy`, which have COCO's 80 classes, no
                attention, and are downloaded once.
            options: as for `from_checkpoint`.

        Raises:
            UserError: there are no such weights, or they cannot be downloaded.
        """
        return cls.from_checkpoint(start_file(name), **options)

    @overload
    def __call__(self, images: ImageLike) -> ImageDetections: ...

    @overload
    def __call__(
        self, images: list[ImageLike] | tuple[ImageLike, ...]
    ) -> list[ImageDetections]: ...

    def __call__(
        self, images: ImageLike | list[ImageLike] | tuple[ImageLike, ...]
    ) -> ImageDetections | list[ImageDetections]:
        """Detect objects.

        Args:
            images: a path or an (H, W, 3) uint8 BGR array, or a list of these.

        Returns:
            The detections of the picture, or a list of them.

        Raises:
            UserError: a file cannot be read, or an array is no such image.
        """
        if isinstance(images, (str, Path, np.ndarray)):
            images = [images]
            return next(self.stream(images)).detections
        if not isinstance(images, (list, tuple)):
            raise UserError(f"give a path, an array or a list of these, not {images!r}")
        return [found.detections for found in self.stream(images)]

    def stream(
        self,
        images: Iterable[ImageLike],
        on_error: Callable[[ImageLike, UserError], None] | None = None,
    ) -> Iterator[Found]:
        """Detect objects in pictures one after the other, however many there are.

        Pictures are decoded in threads ahead of the network, which takes them in batches.

        Args:
            images: paths or (H, W, 3) uint8 BGR arrays, which must stay as they are until their
                result has come: a batch and some more pictures are held at a time.
            on_error: called with a picture that cannot be read and the reason, instead of an end.

        Yields:
            What was found in each picture that could be read, in their order.

        Raises:
            UserError: a picture cannot be read, and there is no `on_error`.
        """
        prepare = partial(_prepare, size=self.settings.image_size, values=self.runner.values)
        pool = ThreadPoolExecutor(READERS)
        try:
            batch: list[_Letterboxed] = []
            for image, future in _ahead(pool, images, prepare):
                try:
                    batch.append(future.result())
                except UserError as error:
                    if on_error is None:
                        raise
                    on_error(image, error)
                if len(batch) == self.runner.batch:
                    yield from self._detect(batch)
                    batch = []
            if batch:
                yield from self._detect(batch)
        finally:  # whoever stops listening need not wait for what was begun ahead
            pool.shutdown(cancel_futures=True)

    def _detect(self, boxed: Sequence[_Letterboxed]) -> Iterator[Found]:
        batch = torch.from_numpy(np.stack([item.boxed for item in boxed])).permute(0, 3, 1, 2)
        found = postprocess(
            self.runner.run(batch), self.settings.score_threshold, self.settings.nms_iou
        )
        for rows, item in zip(found, boxed, strict=True):
            height, width = item.picture.shape[:2]
            table = rows.cpu().numpy()
            labels = table[:, 5].astype(np.int64)
            detections = ImageDetections(
                np.clip(table[:, :4] / item.scale, 0, [width, height] * 2).astype(np.float32),
                table[:, 4],
                labels,
                tuple(self.classes[label] for label in labels),
            )
            yield Found(item.source, item.picture, detections)


def _ahead(
    pool: ThreadPoolExecutor,
    images: Iterable[ImageLike],
    prepare: Callable[[ImageLike], _Letterboxed],
) -> Iterator[tuple[ImageLike, "Future[_Letterboxed]"]]:
    """Each picture with its preparation, which was begun some pictures earlier."""
    begun: deque[tuple[ImageLike, Future[_Letterboxed]]] = deque()
    for image in images:
        begun.append((image, pool.submit(prepare, image)))
        if len(begun) > 2 * READERS:
            yield begun.popleft()
    yield from begun


def _prepare(image: ImageLike, size: ImageSize, values: ValueRange) -> _Letterboxed:
    picture = _as_picture(image, values)
    return _Letterboxed(image, picture, *letterbox(picture, size))


def _as_picture(image: ImageLike, values: ValueRange) -> np.ndarray:
    if isinstance(image, np.ndarray):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise UserError(
                f"an image array must be (H, W, 3) uint8 BGR, not {image.shape} {image.dtype}"
            )
        return image
    if not isinstance(image, (str, Path)):
        raise UserError(f"an image is a path or an array, not {image!r}")
    return read_image(image, values)
