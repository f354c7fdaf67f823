"""Training DeepLabV3 on masks, section 4.4 of the paper."""

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
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as vf

from yolox_ela.datasets.masks import IGNORED, load_mask_set, load_masks, read_mask
from yolox_ela.datasets.photos import Photos
from yolox_ela.field_rules import at_least
from yolox_ela.images.values import ValueRange
from yolox_ela.recipe_rules import ZOOM
from yolox_ela.report.hosts import PANELS
from yolox_ela.tasks.host_recipe import HostRecipe
from yolox_ela.tasks.host_task import Augmented, HostTask, normalised
from yolox_ela.train.columns import Columns
from yolox_ela.train.task import Evaluation


@dataclass
class Segmentation(HostRecipe):
    """Settings of the training of a network for segmentation."""

    task: ClassVar[str] = "segmentation"
    heads: ClassVar[tuple[str, ...]] = ("classifier",)
    overfit_settings: ClassVar[Mapping[str, Any]] = {
        **HostRecipe.overfit_settings,
        "zoom": (1.0, 1.0),
    }

    # Data and augmentation of segmentation
    train_set: str = "train"
    """Name of the list of images to train on, in ImageSets/Segmentation."""
    test_set: str = "val"
    """Name of the list of images to evaluate on."""
    zoom: Annotated[tuple[float, float], ZOOM] = (0.5, 2.0)
    """Smallest and largest random zoom of a photograph, of which a square of `image_size` pixels is
    cut."""
    longest_side: Annotated[int, at_least(0)] = 0
    """Photographs and masks are shrunk until neither side is longer, also for evaluation; 0 leaves
    them as they are, as the paper does. With `overfit` it is `image_size`, and whole photographs
    are padded to squares, in training and evaluation alike."""

    def load(self, data: Path) -> tuple[Photos, Photos]:
        """The images to train and to evaluate on; see `load_masks`."""
        return load_masks(data, self.classes, self.train_set, self.test_set)

    def load_test(self, data: Path, values: ValueRange) -> Photos:
        """The images to evaluate on alone; see `load_mask_set`."""
        return load_mask_set(data, self.classes, self.test_set)

    def task_of(self, *arguments: Any) -> HostTask:
        """The task; the arguments are those of `HostTask`."""
        return SegmentationTask(*arguments)


@dataclass
class Squares:
    """Training images by random zoom, crop and flip; whole test images.

    With `overfit`, test images are padded like training images: a network that has learned a few
    images by heart does not know them without their padding, as means over rows, columns and the
    whole image differ.
    """

    photos: Photos
    recipe: Segmentation

    def __call__(self, index: int, *, training: bool) -> tuple[Tensor, Tensor]:
        """See `Augmented`; the target has the class of each pixel, (H, W) int64."""
        recipe = self.recipe
        image = torch.from_numpy(self.photos.read(index)).permute(2, 0, 1)
        mask = torch.from_numpy(read_mask(self.photos.masks[index]))[None]
        longest = recipe.image_size if recipe.overfit else recipe.longest_side
        if longest and max(image.shape[1:]) > longest:
            image, mask = _zoomed(image, mask, longest / max(image.shape[1:]))
        if not training and not recipe.overfit:
            return normalised(image), mask[0].long()
        low, high = recipe.zoom
        image, mask = _zoomed(image, mask, low + (high - low) * torch.rand(()).item())
        pixels, side = normalised(image), recipe.image_size
        bottom, right = (max(0, side - pixels.shape[axis]) for axis in (1, 2))
        pixels = F.pad(pixels, (0, right, 0, bottom))  # with the mean colour
        mask = F.pad(mask, (0, right, 0, bottom), value=IGNORED)
        top, left = (int(torch.randint(pixels.shape[axis] - side + 1, ())) for axis in (1, 2))
        pixels = pixels[:, top : top + side, left : left + side]
        mask = mask[0, top : top + side, left : left + side]
        if torch.rand(()) < recipe.flip_prob:
            pixels, mask = pixels.flip(-1), mask.flip(-1)
        return pixels.contiguous(), mask.long()


def _zoomed(image: Tensor, mask: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    """An image and its mask with sides `factor` times as long."""
    if factor == 1:
        return image, mask
    size = [max(1, round(side * factor)) for side in image.shape[1:]]
    return (
        vf.resize(image, size, antialias=True),
        vf.resize(mask, size, interpolation=InterpolationMode.NEAREST),
    )


class SegmentationTask(HostTask):
    """Cross-entropy over the pixels that have a class, and the mean IoU of the classes."""

    recipe: Segmentation
    train_samples: Photos
    test_samples: Photos
    columns = Columns(
        losses={"loss": "total_loss"},
        scores={"miou": "mean IoU", "accuracy": "pixels"},
        headline="miou",
        panels=PANELS[Segmentation.task],
    )

    @property
    def eval_batch_size(self) -> int:
        """Whole images of any size, one at a time."""
        return 1

    def augmented(self, samples: Any) -> Augmented:
        """See `Squares`."""
        return Squares(samples, self.recipe.plain())

    def losses(self, network: nn.Module, samples: tuple[Any, ...]) -> Mapping[str, Tensor]:
        """The mean cross-entropy over the pixels that are not ignored."""
        images, masks = samples
        logits = network(images)["out"].float()
        total = F.cross_entropy(logits, masks, ignore_index=IGNORED, reduction="sum")
        count = (masks != IGNORED).sum().to(total)
        return {"total_loss": total / count.clamp(min=1), "count": count}

    def score(self, network: nn.Module, loader: Iterable[Any]) -> Evaluation:
        """`miou`, `accuracy`, the IoU of each class, and the confusions of all pixels."""
        start, classes = time.perf_counter(), self.recipe.classes
        counts = np.zeros((len(classes), len(classes)), np.int64)
        for _, images, masks in loader:
            with self.accelerator.autocast():
                logits = network(images.to(self.device))["out"]
            counts += confusion_matrix(masks.numpy(), logits.argmax(1).cpu().numpy(), len(classes))
        counts = np.sum(gather_object([counts]), axis=0)
        results = scores_of(counts, classes)
        seconds = time.perf_counter() - start
        return Evaluation(results | {"images": len(self.test_samples), "seconds": seconds})


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(C, C) int64 numbers of pixels by true class (rows) and predicted class; 255 is left out."""
    counted = truth != IGNORED
    pairs = classes * truth[counted].astype(np.int64) + predicted[counted]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def scores_of(counts: np.ndarray, classes: tuple[str, ...]) -> dict[str, Any]:
    """All scores of a segmentation as plain JSON values.

    The mean is over the classes that occur, in truth or in prediction, as it is in VOC's.

    Args:
        counts: see `confusion_matrix`.
        classes: names of the classes.
    """
    right, truth, predicted = counts.diagonal(), counts.sum(1), counts.sum(0)
    union = truth + predicted - right
    there = np.flatnonzero(union)
    iou = {int(label): float(right[label] / union[label]) for label in there}
    return {
        "task": "segmentation",
        "miou": float(np.mean(list(iou.values()))) if iou else None,
        "accuracy": float(right.sum() / truth.sum()) if truth.sum() else None,
        "per_class": {
            classes[label]: {"miou": value, "pixels": int(truth[label])}
            for label, value in iou.items()
        },
        "confusion": counts.tolist(),
        "confusion_names": list(classes),
    }
