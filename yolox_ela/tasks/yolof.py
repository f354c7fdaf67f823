"""Training YOLOF on a data set of objects, section 4.3 of the paper."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import cv2
import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as vf

from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.readers.reader import Reader
from yolox_ela.datasets.recognise import open_data
from yolox_ela.datasets.set_aside import DividedReader
from yolox_ela.datasets.split import VocSplit
from yolox_ela.datasets.train_and_test import require_disjoint, require_objects, share_values
from yolox_ela.datasets.trial_images import evenly_spread, with_objects
from yolox_ela.errors import UserError
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.evaluator import EvalSettings, score_detections
from yolox_ela.evaluate.results_file import read_results
from yolox_ela.evaluate.scores import METRIC_HEADERS, METRIC_TITLES
from yolox_ela.field_rules import at_least, between
from yolox_ela.hosts.yolof import detections
from yolox_ela.images.values import ValueRange
from yolox_ela.report.curves import Panels
from yolox_ela.run_settings import TENTH
from yolox_ela.tasks.detection import keep_evaluation
from yolox_ela.tasks.host_recipe import HostRecipe
from yolox_ela.tasks.host_task import Augmented, HostTask, normalised
from yolox_ela.train.columns import Columns
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.task import Evaluation

LEAST_SIDE = 1.0  # of an object's box in pixels, after it is cut to the image


@dataclass
class Yolof(HostRecipe):
    """Settings of the training of YOLOF."""

    task: ClassVar[str] = "yolof"
    heads: ClassVar[tuple[str, ...]] = ("encoder", "decoder")
    overfit_settings: ClassVar[Mapping[str, Any]] = {
        **HostRecipe.overfit_settings,
        "shift": 0,
    }

    # Data, augmentation and evaluation of YOLOF
    train_sets: tuple[str, ...] = ()
    """Sets to train on; by default the data's own."""
    test_sets: tuple[str, ...] = ()
    """Sets to evaluate on; by default the data's own."""
    val_fraction: Annotated[float, at_least(0, below=1)] = 0.0
    """Share of the images that is set aside for evaluation, where the data are a single set."""
    image_size: Annotated[int, between(32, 8192)] = 800
    """Shorter side of an image in pixels, unless the longer one becomes too long."""
    longest_side: Annotated[int, between(32, 8192)] = 1333
    """Longest side of an image in pixels."""
    shift: Annotated[int, at_least(0)] = 32
    """Largest random shift of a training image in pixels, in each direction."""
    score_threshold: Annotated[float, between(0, 1)] = 0.05
    """Detections whose score is not higher are dropped."""
    nms_iou: Annotated[float, between(0, 1)] = 0.6
    """Of detections of one class that overlap by more than this IoU, NMS keeps the best."""

    def load(self, data: Path) -> tuple[VocSplit, VocSplit]:
        """The images and objects to train and to evaluate on, in any of the formats of detection.

        Raises:
            UserError: a set cannot be told, or its data are unfit for training.
        """
        reader = self._opened(data)
        train_sets = self.train_sets or _only_set(reader, 0, "train_sets")
        test_sets = train_sets if self.overfit else self.test_sets
        sets = [train_sets, test_sets or _only_set(reader, 1, "test_sets")]
        both = list(dict.fromkeys([*sets[0], *sets[1]]))
        classes = self.classes or reader.class_names(both)
        train, test = (load_split(reader, names, classes) for names in sets)
        train = train.without_crowds()
        require_objects(train, reader, sets[0])
        if not self.overfit:
            require_disjoint(train, test)
        return share_values(train, test)

    def load_test(self, data: Path, values: ValueRange) -> VocSplit:
        """The images and objects to evaluate on alone."""
        reader = self._opened(data)
        sets = self.test_sets or _only_set(reader, 1, "test_sets")
        return load_split(reader, sets, self.classes or reader.class_names(sets), values)

    def _opened(self, data: Path) -> Reader:
        reader = open_data(data)
        return DividedReader(reader, self.val_fraction) if self.val_fraction else reader

    def first(self, samples: VocSplit, count: int) -> VocSplit:
        """The first images that have objects."""
        return samples.subset(with_objects(samples)[:count].tolist())

    def tenth(self, samples: VocSplit) -> VocSplit:
        """As many images that have objects as a tenth of all."""
        return samples.subset(evenly_spread(with_objects(samples), -(-len(samples) // TENTH)))

    def task_of(self, *arguments: Any) -> HostTask:
        """The task; the arguments are those of `HostTask`."""
        return YolofTask(*arguments)


def _only_set(reader: Reader, which: int, name: str) -> tuple[str, ...]:
    """The data's own set to train on (0) or to evaluate on (1), which the setting would name."""
    found = reader.default_sets()[which]
    if len(found) != 1:
        there = ", ".join(reader.sets())
        raise UserError(
            f"{reader.root} ({reader.layout}) has no single set that could be meant by {name}; it "
            f"has {there}: name one, as in: {name} {next(iter(reader.sets()), 'train')}, or add "
            "val_fraction 0.2 to set a fifth of its images aside"
        )
    return tuple(found)


@dataclass
class Resized:
    """Images of a certain size; in training with a random flip and shift."""

    split: VocSplit
    recipe: Yolof

    def __call__(self, index: int, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        """See `Augmented`; a target has `boxes`, `labels`, and the `scale` of the image."""
        split, recipe, here = self.split, self.recipe, self.split.objects(index)
        pixels = cv2.cvtColor(split.read(index), cv2.COLOR_BGR2RGB)
        image = torch.from_numpy(pixels).permute(2, 0, 1)
        sides = image.shape[1:]
        scale = min(recipe.image_size / min(sides), recipe.longest_side / max(sides))
        height, width = (max(1, round(side * scale)) for side in sides)
        image = vf.resize(image, [height, width], antialias=True)
        boxes = torch.from_numpy(split.boxes[here]).float().reshape(-1, 4) * scale
        labels = torch.from_numpy(split.labels[here]).long()
        image = normalised(image)
        if training:
            if torch.rand(()) < recipe.flip_prob:
                image = image.flip(-1)
                boxes = torch.stack(
                    [width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1
                )
            image, boxes = _shifted(image, boxes, recipe.shift)
            there = (boxes[:, 2:] - boxes[:, :2] > LEAST_SIDE).all(1)
            boxes, labels = boxes[there], labels[there]
        return image.contiguous(), {
            "boxes": boxes,
            "labels": labels,
            "scale": torch.tensor(scale, dtype=torch.float32),
        }


def _shifted(image: Tensor, boxes: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """An image and its boxes moved by up to `most` pixels; the mean colour fills the gap."""
    right, down = (int(torch.randint(-most, most + 1, ())) for _ in range(2))
    height, width = image.shape[1:]
    moved = torch.zeros_like(image)
    x, y = max(0, right), max(0, down)
    u, v = max(0, -right), max(0, -down)
    if abs(right) < width and abs(down) < height:
        moved[:, y : height - v, x : width - u] = image[:, v : height - y, u : width - x]
    boxes = boxes + torch.tensor([right, down, right, down], dtype=boxes.dtype)
    limit = torch.tensor([width, height, width, height], dtype=boxes.dtype)
    return moved, boxes.clamp(min=0).minimum(limit)


class YolofTask(HostTask):
    """Focal and GIoU loss, and average precision as for YOLOX."""

    recipe: Yolof
    train_samples: VocSplit
    test_samples: VocSplit
    columns = Columns(
        losses={"loss": "total_loss", "class": "cls_loss", "box": "box_loss"},
        scores=METRIC_HEADERS,
        headline="ap50_95",
        panels=Panels(
            METRIC_TITLES,
            {"loss": "training loss", "class": "class loss (focal)", "box": "box loss (GIoU)"},
            ("ap50_95", "AP50:95"),
        ),
    )

    def __init__(
        self,
        recipe: Yolof,
        train_samples: VocSplit,
        test_samples: VocSplit,
        accelerator: Accelerator,
    ) -> None:
        super().__init__(recipe, train_samples, test_samples, accelerator)
        self.columns = replace(self.columns, headline=test_samples.headline)

    def augmented(self, samples: Any) -> Augmented:
        """See `Resized`."""
        return Resized(samples, self.recipe.plain())

    def losses(self, network: nn.Module, samples: tuple[Any, ...]) -> Mapping[str, Tensor]:
        """See `yolof_loss`; divided by the matched predictions of the batch."""
        return network(*samples)

    def score(self, network: nn.Module, loader: Iterable[Any]) -> Evaluation:
        """The results of `score_detections`, and all detections."""
        start, recipe, split = time.perf_counter(), self.recipe, self.test_samples
        parts: list[Detections] = []
        for numbers, images, targets in loader:
            with self.accelerator.autocast():
                logits, boxes = network(images.to(self.device))
            found = detections(
                logits.float(),
                boxes.float(),
                tuple(images.shape[2:]),
                score_threshold=recipe.score_threshold,
                nms_iou=recipe.nms_iou,
            )
            for number, target, one in zip(numbers, targets, found, strict=True):
                parts.append(_of_image(number, one, float(target["scale"]), split))
        everything = Detections.concatenate(gather_object(parts))
        settings = EvalSettings(recipe.image_size, recipe.score_threshold, recipe.nms_iou)
        seconds = time.perf_counter() - start
        results = score_detections(everything, split, settings, seconds)
        return Evaluation(results | {"task": recipe.task}, everything)

    def keep(self, evaluation: Evaluation, folder: RunFolder) -> np.ndarray:
        """Write evaluation.npz and predictions.png."""
        return keep_evaluation(evaluation.results, evaluation.found, self.test_samples, folder)

    def read_results(self, path: Path) -> dict[str, Any]:
        """See `results_file.read_results`."""
        return read_results(path)


def _of_image(number: int, found: dict[str, Tensor], scale: float, split: VocSplit) -> Detections:
    """The detections of an image in its own pixels, cut to it."""
    width, height = split.sizes[number]
    boxes = found["boxes"].cpu().numpy() / np.float32(scale)
    return Detections(
        np.full(len(boxes), number, np.int64),
        np.clip(boxes, 0, [width, height, width, height]).astype(np.float32),
        found["scores"].cpu().numpy(),
        found["labels"].cpu().numpy(),
    )
