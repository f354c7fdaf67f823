"""Training a classifier on folders of photographs, section 4.1 of the paper."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from accelerate.utils import gather_object
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as vf

from yolox_ela.datasets.image_folders import load_image_folders, load_test_folders
from yolox_ela.datasets.photos import Photos
from yolox_ela.field_rules import Rule, at_least, between
from yolox_ela.images.values import ValueRange
from yolox_ela.report.hosts import PANELS
from yolox_ela.tasks.host_recipe import HostRecipe
from yolox_ela.tasks.host_task import Augmented, HostTask, normalised
from yolox_ela.train.columns import Columns
from yolox_ela.train.task import Evaluation

AREAS = Rule("two numbers with 0 < low <= high <= 1", lambda area: 0 < area[0] <= area[1] <= 1)
BORDER = 256 / 224  # a test image's shorter side, as a multiple of the square that is cut from it
MOST_CONFUSED = 200  # classes of which results.json has the confusion matrix
TOP = 5


@dataclass
class Classification(HostRecipe):
    """Settings of the training of a classifier."""

    task: ClassVar[str] = "classification"
    heads: ClassVar[tuple[str, ...]] = ("fc", "classifier")

    # Augmentation and evaluation of classifiers
    val_fraction: Annotated[float, at_least(0, below=1)] = 0.0
    """Share of each class that is set aside for evaluation, where the data are a single set."""
    test_set: str = ""
    """Name of the folder to evaluate on; by default val, valid or test."""
    crop_area: Annotated[tuple[float, float], AREAS] = (0.08, 1.0)
    """Smallest and largest share of a photograph that a training image shows, at a ratio of its
    sides between 3/4 and 4/3."""
    label_smoothing: Annotated[float, between(0, 1)] = 0.0
    """Share of the target that is spread over all classes."""

    def load(self, data: Path) -> tuple[Photos, Photos]:
        """The images to train and to evaluate on; see `load_image_folders`."""
        return load_image_folders(data, self.classes, self.val_fraction, self.seed, self.test_set)

    def load_test(self, data: Path, values: ValueRange) -> Photos:
        """The images to evaluate on alone; see `load_test_folders`."""
        return load_test_folders(data, self.classes, self.val_fraction, self.seed, self.test_set)

    def task_of(self, *arguments: Any) -> HostTask:
        """The task; the arguments are those of `HostTask`."""
        return ClassificationTask(*arguments)


@dataclass
class Crops:
    """Training images by random crop and flip; others, and those of `overfit`, from the middle."""

    photos: Photos
    recipe: Classification

    def __call__(self, index: int, *, training: bool) -> tuple[Tensor, Tensor]:
        """See `Augmented`; the target is the label."""
        side, recipe = self.recipe.image_size, self.recipe
        image = torch.from_numpy(self.photos.read(index)).permute(2, 0, 1)
        if training and not recipe.overfit:
            image = v2.RandomResizedCrop(side, scale=recipe.crop_area, antialias=True)(image)
            image = v2.RandomHorizontalFlip(recipe.flip_prob)(image)
        else:
            image = vf.resize(image, [round(BORDER * side)], antialias=True)
            image = vf.center_crop(image, [side, side])
        return normalised(image), torch.tensor(int(self.photos.labels[index]))


class ClassificationTask(HostTask):
    """Cross-entropy, and the share of images whose class is among the first or the first five."""

    recipe: Classification
    train_samples: Photos
    test_samples: Photos
    columns = Columns(
        losses={"loss": "total_loss"},
        scores={"top1": "top-1", "top5": "top-5"},
        headline="top1",
        panels=PANELS[Classification.task],
    )

    def augmented(self, samples: Any) -> Augmented:
        """See `Crops`."""
        return Crops(samples, self.recipe.plain())

    def losses(self, network: nn.Module, samples: tuple[Any, ...]) -> Mapping[str, Tensor]:
        """The mean cross-entropy over the images."""
        images, labels = samples
        smoothing = self.recipe.label_smoothing
        loss = F.cross_entropy(network(images).float(), labels, label_smoothing=smoothing)
        count = torch.tensor(float(len(images)), device=images.device)
        return {"total_loss": loss, "count": count}

    def score(self, network: nn.Module, loader: Iterable[Any]) -> Evaluation:
        """`top1`, `top5`, accuracy and number of images of each class, and the confusions."""
        start, classes = time.perf_counter(), self.recipe.classes
        mine: list[tuple[int, list[int]]] = []  # an image, and its classes from the likeliest on
        for numbers, images, _ in loader:
            with self.accelerator.autocast():
                logits = network(images.to(self.device))
            best = logits.float().topk(min(TOP, len(classes))).indices.tolist()
            mine += zip(numbers, best, strict=True)
        ranked = dict(gather_object(mine))
        labels, count = self.test_samples.labels, len(self.test_samples)
        guesses = [ranked[number] for number in range(count)]
        results = scores_of(labels, guesses, classes)
        return Evaluation(results | {"seconds": time.perf_counter() - start})


def scores_of(
    labels: np.ndarray, guesses: list[list[int]], classes: tuple[str, ...]
) -> dict[str, Any]:
    """All scores of a classifier as plain JSON values.

    Args:
        labels: (I,) the classes of the images.
        guesses: up to five classes of each image, the likeliest first.
        classes: their names.
    """
    first = np.array([guess[0] for guess in guesses])
    among = np.array([label in guess for label, guess in zip(labels, guesses, strict=True)])
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (labels, first), 1)
    per_class = {
        name: {
            "top1": float((first == label)[labels == label].mean()),
            "top5": float(among[labels == label].mean()),
            "images": int((labels == label).sum()),
        }
        for label, name in enumerate(classes)
        if (labels == label).any()
    }
    results = {
        "task": "classification",
        "top1": float((first == labels).mean()),
        "top5": float(among.mean()),
        "per_class": per_class,
        "images": len(labels),
    }
    if len(classes) <= MOST_CONFUSED:
        results["confusion"] = confusion.tolist()  # rows: true classes; columns: likeliest ones
    return results
