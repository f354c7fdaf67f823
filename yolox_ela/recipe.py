"""The training recipe: every setting that decides a result, stated once.

The defaults are the paper's (arXiv 2403.01123, section 4.3); where it says "refer to YOLOX" they
are YOLOX's for its Nano model. An experiment is this recipe plus an attention module.
"""

import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from typing import Any

from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.errors import UserError

CHOICES = {
    "attention_start": ("paper", "identity"),
    "class_head_start": ("random", "by_name"),
    "precision": ("fp32", "fp16", "bf16"),
}
# Values that earlier versions wrote otherwise: field and old value, new value.
RENAMED = {("class_head_start", "coco"): "by_name"}
NOT_NEGATIVE = (
    "seed",
    "warmup_steps",
    "lr_factor_new",
    "lr_factor_pretrained",
    "freeze_backbone_steps",
    "weight_decay",
    "grad_clip",
    "degrees",
    "translate",
    "shear",
)

# The metadata of a dataclass field that is no setting: no override changes it, no run records it.
NOT_A_SETTING = {"setting": False}


@dataclass
class Recipe:
    """Settings of a training run and of the evaluation that belongs to it."""

    name: str = "recipe"
    """Name of the run's folder and of its rows in tables."""

    # Model
    share_sites: bool = False
    """One attention module for all sites of a width, instead of one a site."""
    attention_start: str = "paper"
    """`paper`, or `identity`: untrained attention returns its input exactly, with gates of
    2 * sigmoid(0); see `attention/gated.py`."""
    class_head_start: str = "random"
    """`random`, or `by_name`: class predictors start from the rows of the classes that the starting
    weights name too, the others at random. Weights of the same classes, in whatever order, keep
    all their rows either way."""

    # Data
    classes: tuple[str, ...] = VOC_CLASSES
    """Class names, in the order of the network's outputs; the XML must use exactly these."""
    train_sets: tuple[str, ...] = ("2007/trainval",)
    """Sets to train on, each `year/split`: `VOC<year>/ImageSets/Main/<split>.txt`."""
    test_sets: tuple[str, ...] = ("2007/test",)
    """Sets to evaluate on."""
    workers: int = -1
    """Loader processes of each training process; -1 takes half of its cores, 8 at most. No effect
    on results."""

    # Schedule
    epochs: int = 72
    batch_size: int = 16
    """Images per step, over all processes together."""
    lr: float = 0.02
    """Initial learning rate for a batch of 16; scaled linearly with `batch_size`."""
    min_lr_ratio: float = 0.05
    """The cosine ends at this share of the learning rate."""
    warmup_fraction: float = 5 / 300
    """Share of all steps with a quadratic warm-up from 0 (YOLOX: 5 of 300 epochs)."""
    warmup_steps: int = 0
    """If not 0, so many steps of warm-up in the place of `warmup_fraction`."""
    final_fraction: float = 15 / 300
    """Share of the epochs, rounded up, that end the run without mosaic, with an L1 loss on boxes
    and at the lowest learning rate (YOLOX: 15 of 300 epochs)."""
    seed: int = 0
    """Of initial weights, image order, augmentation and input sizes."""

    # Optimizer
    lr_factor_new: float = 1.0
    """Share of the learning rate for new parameters: attention, and class predictors if they
    start at random."""
    lr_factor_pretrained: float = 1.0
    """Share of the learning rate for all other parameters."""
    freeze_backbone_steps: int = 0
    """So many first steps leave the backbone's weights as they are (attention is no part of it;
    BatchNorm's statistics move on)."""
    batchnorm_momentum: float = 0.03
    """Share of the newest batch in BatchNorm's running statistics."""
    freeze_batchnorm: bool = False
    """Keep BatchNorm's running statistics as they start, and normalise by them."""
    sync_batchnorm: bool = False
    """With several processes on CUDA: normalise by the whole batch instead of by each process's
    share (PyTorch's SyncBatchNorm)."""
    momentum: float = 0.937
    """Nesterov momentum of SGD."""
    weight_decay: float = 5e-4
    """On convolution and linear weights only."""
    grad_clip: float = 0.0
    """Largest norm of the gradient; 0 switches clipping off."""
    ema_decay: float = 0.9998
    """Decay of the averaged weights per step; see `start_share` for what evaluation uses."""
    ema_ramp: float = 2000.0
    """Steps over which the decay rises: decay * (1 - exp(-step / ramp))."""
    start_share: float = 0.0
    """Share of the starting weights in the weights that are evaluated and kept, the rest being the
    averaged ones (WiSE-FT, arXiv 2109.01903, section 3). Of use where the start detects already."""
    precision: str = "fp32"
    """fp32, fp16 or bf16 (autocast of backbone and neck; boxes and losses stay fp32)."""

    # Augmentation
    image_size: int = 640
    """Side of the square network input in pixels, a multiple of 32."""
    multiscale: float = 0.25
    """Training sizes vary by up to this share of `image_size`, in steps of 32 pixels, drawn anew
    every 10 steps (YOLOX: 160 of 640)."""
    mosaic_prob: float = 0.5
    mosaic_scale: tuple[float, float] = (0.5, 1.5)
    """Range of the zoom of a mosaic."""
    degrees: float = 10.0
    """Largest rotation of a mosaic, either way."""
    translate: float = 0.1
    """Largest shift of a mosaic as a share of `image_size`."""
    shear: float = 2.0
    """Largest shear of a mosaic in degrees."""
    hsv_prob: float = 1.0
    flip_prob: float = 0.5

    # Evaluation
    eval_interval: int = 10
    """Epochs between evaluations; the last epoch is always evaluated."""
    evaluate_start: bool = False
    """Also evaluate the weights that training starts from, as epoch 0."""
    evaluate_raw: bool = False
    """Also evaluate the weights as trained, beside their average, at every evaluation."""
    score_threshold: float = 0.01
    """Detections that score less are dropped before NMS."""
    nms_iou: float = 0.65

    @property
    def peak_lr(self) -> float:
        """Learning rate after warm-up for this batch size."""
        return self.lr * self.batch_size / 16

    @property
    def final_epochs(self) -> int:
        """Number of epochs at the end without mosaic and with the L1 loss; never all of them."""
        return min(math.ceil(self.epochs * self.final_fraction - 1e-9), self.epochs - 1)

    def validate(self) -> None:
        """Raise UserError, naming the field, for a value that cannot work."""
        plain = self.name.strip(".") and not any(c in self.name for c in '/\\:*?"<>|')
        _require(bool(plain), "name", repr(self.name), "must be fit for the name of a folder")
        for name in ("epochs", "batch_size", "lr", "eval_interval", "ema_ramp", "image_size"):
            _require(getattr(self, name) > 0, name, getattr(self, name), "must be positive")
        for name in (
            "warmup_fraction",
            "final_fraction",
            "min_lr_ratio",
            "multiscale",
            "mosaic_prob",
            "hsv_prob",
            "flip_prob",
            "score_threshold",
            "nms_iou",
            "momentum",
            "ema_decay",
            "start_share",
            "batchnorm_momentum",
        ):
            value = getattr(self, name)
            _require(0 <= value <= 1, name, value, "must be between 0 and 1")
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if (name, value) in RENAMED:
                _require(False, name, value, f"is now called {RENAMED[name, value]}")
            _require(value in choices, name, value, f"is one of {choices}")
        for name in NOT_NEGATIVE:
            value = getattr(self, name)
            _require(value >= 0, name, value, "must not be negative")
        _require(self.image_size % 32 == 0, "image_size", self.image_size, "needs a multiple of 32")
        _require(
            self.warmup_fraction + self.final_fraction < 1,
            "warmup_fraction",
            self.warmup_fraction,
            "and final_fraction must leave steps between them",
        )
        low, high = self.mosaic_scale
        _require(0 < low <= high, "mosaic_scale", self.mosaic_scale, "needs 0 < low <= high")
        _require(self.workers >= -1, "workers", self.workers, "must be -1 (automatic) or more")
        for name in ("classes", "train_sets", "test_sets"):
            value = getattr(self, name)
            _require(len(value) > 0, name, value, "must not be empty")
            _require(len(set(value)) == len(value), name, value, "has an entry twice")

    def plain(self) -> "Recipe":
        """The settings without an experiment's class, which other processes cannot import."""
        return Recipe(**{field.name: getattr(self, field.name) for field in fields(Recipe)})

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain JSON values."""
        values = {field.name: getattr(self, field.name) for field in setting_fields(self)}
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in values.items()
        }


def setting_fields(recipe: Recipe | type[Recipe]) -> list[Field[Any]]:
    """The fields of a recipe that are settings, in their order."""
    return [field for field in fields(recipe) if field.metadata.get("setting", True)]


def current_settings(saved: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that an earlier version saved, their values as they are called now."""
    return {
        name: RENAMED.get((name, value), value) if isinstance(value, str) else value
        for name, value in saved.items()
    }


def _require(condition: bool, name: str, value: object, rule: str) -> None:
    if not condition:
        raise UserError(f"recipe field '{name}' = {value} {rule}")
