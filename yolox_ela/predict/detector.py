"""Object detection in pictures and videos: images in, bounding boxes with names and scores out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from numbers import Real
from pathlib import Path
from typing import Any, overload

from yolox_ela.choices import DETECTOR
from yolox_ela.errors import UserError
from yolox_ela.evaluate.evaluator import EvalSettings
from yolox_ela.experiment import Experiment
from yolox_ela.input_size import ImageSize
from yolox_ela.network.model import Yolox
from yolox_ela.network.runner import Runner, torch_runner
from yolox_ela.network.starts import start_file
from yolox_ela.predict.detect import Limits, outcomes
from yolox_ela.predict.load import load_runner
from yolox_ela.predict.pictures import Picture
from yolox_ela.predict.pipeline import in_order
from yolox_ela.predict.prepare import Failed, Prepared, Task, picture_task, prepare, tasks_of
from yolox_ela.predict.result import Result
from yolox_ela.predict.sources import Item, Source, Video, find_items
from yolox_ela.predict.video import NewestFrames
from yolox_ela.schema import shown
from yolox_ela.system.device import select_device
from yolox_ela.system.files import as_path

OnError = Callable[[Any, UserError], None]


class Detector:
    """A trained network that takes pictures and videos as they come.

    Args:
        runner: the network, ready to run.
        score_threshold: boxes that score less are not reported; by default the runner's own.
        nms_iou: intersection over union above which the weaker of two boxes of a class is dropped;
            by default the runner's own.
        only: names of the classes to report; all by default.
        max_detections: the largest number of boxes for a picture, the best ones; all by default.

    Raises:
        UserError: a number cannot be right, or there is no such class.
    """

    def __init__(
        self,
        runner: Runner,
        *,
        score_threshold: float | None = None,
        nms_iou: float | None = None,
        only: Sequence[str] | None = None,
        max_detections: int | None = None,
    ) -> None:
        if not isinstance(runner, Runner):
            raise UserError(
                f"runner must be a Runner, not {shown(runner)}: Detector.from_checkpoint(FILE) and "
                "Detector.from_model(NETWORK, CLASSES) make one"
            )
        score_threshold = runner.score_threshold if score_threshold is None else score_threshold
        nms_iou = runner.nms_iou if nms_iou is None else nms_iou
        for name, value in (("score_threshold", score_threshold), ("nms_iou", nms_iou)):
            if not isinstance(value, Real) or not 0 <= value <= 1:
                raise UserError(f"{name} {shown(value)} must be a number between 0 and 1")
        runner.require(score_threshold, nms_iou)
        self.runner = runner
        self.settings = EvalSettings(runner.image_size, score_threshold, nms_iou)
        self.limits = Limits.of(only, max_detections, runner.classes)

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
            raise UserError(
                "this is an exported file, whose inside cannot be looked at: open the weights that "
                "it is from"
            )
        return self.runner.model

    @classmethod
    def from_model(
        cls,
        model: Yolox,
        classes: Sequence[str],
        *,
        image_size: ImageSize = 640,
        device: str = "auto",
        **limits: Any,
    ) -> "Detector":
        """A network in memory.

        Args:
            model: the network, put into evaluation mode; what runs is a copy with BatchNorm folded.
            classes: names of its outputs.
            image_size: size of the network's input: the side of a square, or (height, width).
            device: the device to compute on; see `select_device`.
            limits: `score_threshold`, `nms_iou`, `only` and `max_detections`, as for the class.

        Raises:
            UserError: the names do not fit the network, or a number cannot be right.
        """
        runner = torch_runner(model, classes, image_size=image_size, device=select_device(device))
        return cls(runner, **limits)

    @classmethod
    def from_checkpoint(
        cls,
        checkpoint: str | Path,
        experiment: str | Path | Experiment | None = None,
        *,
        image_size: ImageSize | None = None,
        device: str = "auto",
        attention: str = "",
        **limits: Any,
    ) -> "Detector":
        """The network of an experiment with trained weights.

        Args:
            checkpoint: `best.pth` or `last.pth` of a run, a state dict that fits exactly, or a
                file that `yolox-ela export` wrote, which needs no experiment.
            experiment: the experiment it was trained with, its file, or the name of one of the
                package's own; by default the one that the checkpoint names, see
                `load_trained_file`. Names and number of classes are the checkpoint's own; see
                `row_names`.
            image_size: the size it was trained with unless given.
            device: see `from_model`.
            attention: the attention of the run, if a command line named it by FILE.py:NAME, which
                is not run because weights name it.
            limits: see `from_model`.

        Raises:
            UserError: a file is missing or damaged, or the two do not belong together.
        """
        runner = load_runner(
            as_path(checkpoint, "checkpoint"),
            experiment,
            image_size=image_size,
            device=device,
            attention=attention,
        )
        return cls(runner, **limits)

    @classmethod
    def from_pretrained(cls, name: str = DETECTOR, **options: Any) -> "Detector":
        """A network with weights that are found by name.

        Args:
            name: weights in the package; `coco` or `coco_legacy`, which have COCO's 80 classes, no
                attention, and are downloaded once.
            options: as for `from_checkpoint`.

        Raises:
            UserError: there are no such weights (those that there are, are named), or they cannot
                be downloaded.
        """
        return cls.from_checkpoint(start_file(name), **options)

    @overload
    def __call__(self, images: Picture, *, rgb: bool = False) -> Result: ...

    @overload
    def __call__(
        self, images: list[Picture] | tuple[Picture, ...], *, rgb: bool = False
    ) -> list[Result]: ...

    def __call__(
        self, images: Picture | list[Picture] | tuple[Picture, ...], *, rgb: bool = False
    ) -> Result | list[Result]:
        """Detect objects in a picture, or in a few, whose results are kept with their pictures.

        Args:
            images: a path, an address, an (H, W, 3) uint8 array, a PIL image or the bytes of an
                image file; or a list of these. For folders, videos and many pictures, see `stream`.
            rgb: whether arrays are RGB; by default they are BGR, as OpenCV has them.

        Returns:
            The result, or a list of results.

        Raises:
            UserError: a file cannot be read, or an array is no such image.
        """
        if isinstance(images, (list, tuple)):
            return list(self._ahead(map(picture_task, images), rgb, None))
        return self._now(picture_task(images), rgb)

    def stream(
        self,
        sources: Source | Video | Iterable[Source | Video],
        *,
        rgb: bool = False,
        live: bool = False,
        on_error: OnError | None = None,
    ) -> Iterator[Result]:
        """Detect objects in pictures and videos one after the other, however many there are.

        Pictures and frames are decoded in threads ahead of the network: a few dozen are held at a
        time, and arrays must stay as they are until their result has come. Of a live source the
        newest frame is taken whenever the last result has been taken.

        Args:
            sources: what `find_items` takes: pictures, folders, patterns, lists, addresses, videos,
                numbers of cameras; one or many.
            rgb: whether arrays are RGB; by default they are BGR, as OpenCV has them.
            live: whether to take the newest frame of videos in files and on the web too.
            on_error: called with a picture or video that cannot be read and the reason, instead of
                an end.

        Yields:
            The result of each picture and frame that could be read, in their order.

        Raises:
            UserError: something cannot be read, and there is no `on_error`; or a pattern, folder or
                list names nothing.
        """
        if on_error is not None and not callable(on_error):
            raise UserError(f"on_error must be a function, not {shown(on_error)}")
        items = find_items(sources, live=live)
        for is_live, group in groupby(items, lambda item: isinstance(item, Video) and item.live):
            if not is_live:
                yield from self._ahead(tasks_of(group), rgb, on_error)
                continue
            for item in group:
                try:
                    yield from self._live(item)
                except UserError as error:
                    _report(Failed(_source_of(item), error), on_error)

    def _live(self, item: Item) -> Iterator[Result]:
        source = _source_of(item)
        with NewestFrames(source) as frames:
            for number, frame in frames:
                yield self._now(Task(source, frame, number, frames.rate), rgb=False)

    def _now(self, task: Task, rgb: bool) -> Result:
        """The result of one picture, computed by all threads of torch."""
        (outcome,) = self._outcomes([prepare(task, self.runner, rgb=rgb)])
        if isinstance(outcome, Failed):
            raise outcome.error
        return outcome

    def _ahead(
        self, tasks: Iterable[Task], rgb: bool, on_error: OnError | None
    ) -> Iterator[Result]:
        for outcome in in_order(
            tasks,
            lambda task: prepare(task, self.runner, rgb=rgb),
            self._outcomes,
            batch=self.runner.batch,
            parallel=self.runner.parallel,
        ):
            if isinstance(outcome, Failed):
                _report(outcome, on_error)
            else:
                yield outcome

    def _outcomes(self, prepared: Sequence[Prepared | Failed]) -> list[Result | Failed]:
        return outcomes(prepared, self.runner, self.settings, self.limits)


def _source_of(item: Item) -> Any:
    return item.source if isinstance(item, Video) else item


def _report(failed: Failed, on_error: OnError | None) -> None:
    if on_error is None:
        raise failed.error
    on_error(failed.source, failed.error)
