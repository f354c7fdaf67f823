"""The training recipe: every setting that decides a result, stated once.

The defaults are the paper's (arXiv 2403.01123, section 4.3); where it says "refer to YOLOX" they
are YOLOX's for its Nano model. An experiment is this recipe plus an attention module.

A setting states its default, its rule (see `field_rules`) and, below it, its meaning.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, get_type_hints

from yolox_ela.choices import TRAINING_PRECISIONS
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.errors import UserError
from yolox_ela.field_rules import above, at_least, between, complaint, one_of, rules_of
from yolox_ela.input_size import ImageSize, one_form
from yolox_ela.recipe_rules import (
    ATTENTION,
    CLASS_WEIGHTS,
    DIFFERENT,
    EVALUATE_START,
    FOLDER_NAME,
    IMAGE_SIZE,
    MODULES,
    NETWORK_SITES,
    SETS,
    SIZE,
    ZOOM,
)
from yolox_ela.run_settings import RunSettings, setting_fields
from yolox_ela.schema import shown
from yolox_ela.sizes import SITES, in_network_order

MOST_ADAMW_LR = 0.01  # the largest `lr` that AdamW is given


@dataclass
class Recipe(RunSettings):
    """Settings of a training run and of the evaluation that belongs to it."""

    # With --overfit, each epoch shows the same images unaltered, and nothing of the start is kept.
    # Averaging stays, since after as few steps as these it hardly lags behind.
    overfit_settings: ClassVar[Mapping[str, Any]] = {
        "epochs": 200,
        "mosaic_prob": 0.0,
        "flip_prob": 0.0,
        "hsv_prob": 0.0,
        "multiscale": 0.0,
        "start_share": 0.0,
        "eval_interval": 20,
        "evaluate_start": "never",
    }
    quick_settings: ClassVar[Mapping[str, Any]] = {"evaluate_start": "never"}

    name: Annotated[str, FOLDER_NAME] = "recipe"
    """Name of the run's folder and of its rows in tables."""

    # Model
    size: Annotated[str, SIZE] = "nano"
    """Size of YOLOX, with upstream's depth, width and kind of convolution."""
    attention: Annotated[Callable[[int], Any] | str | None, ATTENTION] = None
    """The attention module: what builds it from a number of channels (a class, a function or a
    `functools.partial` with options), or a text: a name of `yolox_ela.attention` or FILE.py:NAME,
    with options behind it as in `ca:reduction=16`, or `none`. A site for which it builds no module
    stays as it is."""
    sites: Annotated[tuple[str, ...], NETWORK_SITES] = tuple(SITES)
    """Where attention acts, in any order."""
    share_sites: bool = False
    """Use one attention module for all sites of the same width, instead of one for each site."""
    attention_start: Annotated[str, one_of("paper", "identity")] = "paper"
    """How attention modules start: `paper`, as the paper has them, or `identity`: an untrained
    module returns its input exactly, with gates of 2 * sigmoid(0); see `attention/gated.py`."""
    class_head_start: Annotated[str, one_of("random", "by_name", renamed={"coco": "by_name"})] = (
        "random"
    )
    """How class predictors start: `random`, or `by_name`: a class that the starting weights have
    too starts from its row there, the others at random. Weights of the same classes, in whatever
    order, keep all their rows either way."""

    # Data
    classes: Annotated[tuple[str, ...], DIFFERENT] = VOC_CLASSES
    """Class names, in the order of the network's outputs. VOC's are the default: other data give
    their own classes."""
    other_classes: Annotated[str, one_of("refuse", "ignore")] = "refuse"
    """`refuse` data with objects of classes that are not named, or `ignore` these objects."""
    train_sets: Annotated[tuple[str, ...], SETS] = ("2007/trainval",)
    """Sets to train on: `year/split` in a VOCdevkit (`VOC<year>/ImageSets/Main/<split>.txt`), the
    names of their sets in other data. Where none are named, data without the default sets give
    their own."""
    test_sets: Annotated[tuple[str, ...], SETS] = ("2007/test",)
    """Sets to evaluate on, named as `train_sets`."""
    xml_counts_from: Annotated[int, between(0, 1)] = 1
    """Number of the first column and row of pixels in VOC's XML: 1 as VOC has it, or 0 as some
    tools write it. The other formats say it themselves."""
    val_fraction: Annotated[float, at_least(0, below=1)] = 0.0
    """Share of the images that is set aside for evaluation, where the data are a single set; `0.2`
    gives its sets `train` and `val`, divided as `dataset split --shares 0.8,0.2` would."""
    overfit: Annotated[int, at_least(0)] = 0
    """As a check of a set-up: train and evaluate on this many images, the first with objects of the
    sets to train on; 0 is a real training. Given on the command line, `--overfit` says what else it
    changes."""
    quick: bool = False
    """To see whether a training runs: use a tenth of all images. Given on the command line,
    `--quick` says what else it changes."""
    workers: Annotated[int, between(-1, 1024)] = -1
    """Loader processes of each training process; -1 takes half of its cores, 8 at most. Has no
    effect on results."""

    # Schedule
    epochs: Annotated[int, between(1, 100_000)] = 72
    """Passes over the training images."""
    batch_size: Annotated[int, at_least(1)] = 16
    """Images per step, over all processes together."""
    lr: Annotated[float, above(0)] = 0.02
    """Initial learning rate for a batch of 16; scaled linearly with `batch_size`."""
    min_lr_ratio: Annotated[float, between(0, 1)] = 0.05
    """Learning rate at the end of the cosine, as a share of the initial one."""
    warmup_fraction: Annotated[float, between(0, 1)] = 5 / 300
    """Share of all steps with a quadratic warm-up from 0 (YOLOX: 5 of 300 epochs)."""
    warmup_steps: Annotated[int, at_least(0)] = 0
    """Number of warm-up steps; 0 takes `warmup_fraction` instead."""
    final_fraction: Annotated[float, between(0, 1)] = 15 / 300
    """Share of the epochs, rounded up, that end the run without mosaic, with an L1 loss on boxes
    and at the lowest learning rate (YOLOX: 15 of 300 epochs)."""
    seed: Annotated[int, between(0, 2**64 - 1)] = 0
    """Seed of initial weights, image order, augmentation and input sizes."""

    # Optimizer
    optimizer: Annotated[str, one_of("sgd", "adamw")] = "sgd"
    """`sgd` with Nesterov momentum, or `adamw`, which needs a learning rate of its own: `lr` is
    0.01 at most with it, 0.001 for instance. Its weight decay, too, is another: of each weight a
    step takes the share `weight_decay` times the learning rate."""
    lr_factor_new: Annotated[float, at_least(0)] = 1.0
    """Share of the learning rate for new parameters: attention, and class predictors if they
    start at random."""
    lr_factor_pretrained: Annotated[float, at_least(0)] = 1.0
    """Share of the learning rate for all other parameters."""
    freeze: Annotated[tuple[str, ...], MODULES] = ()
    """Modules that are not trained, by name or pattern, with all inside them: `backbone.backbone`,
    or `backbone.backbone.stem,backbone.backbone.dark*`; `none` for none. Their weights get neither
    gradients nor decay, and their BatchNorm layers keep their statistics and normalise by them."""
    freeze_backbone_steps: Annotated[int, at_least(0)] = 0
    """Number of initial steps with a frozen backbone (its attention is trained, and the statistics
    of its BatchNorm layers are updated)."""
    batchnorm_momentum: Annotated[float, between(0, 1)] = 0.03
    """Share of the newest batch in BatchNorm's running statistics."""
    freeze_batchnorm: bool = False
    """Keep BatchNorm's running statistics as they start, and normalise by them."""
    sync_batchnorm: bool = False
    """With several processes on CUDA: normalise by the whole batch instead of by each process's
    share (PyTorch's SyncBatchNorm)."""
    momentum: Annotated[float, at_least(0, below=1)] = 0.937
    """Nesterov momentum of SGD; the first beta of AdamW, whose second one is 0.999."""
    weight_decay: Annotated[float, at_least(0)] = 5e-4
    """Weight decay of convolution and linear weights; other parameters have none."""
    class_weights: Annotated[str, CLASS_WEIGHTS] = "none"
    """Weights of the classification loss by the class of the object that an anchor is assigned to:
    `none`, `balanced` (inversely proportional to the number of training objects, with a mean of 1
    over the objects), or weights by name, as in `boat:2,person:0.5`, and 1 for other classes."""
    grad_clip: Annotated[float, at_least(0)] = 0.0
    """Largest norm of the gradient; 0 switches clipping off."""
    ema_decay: Annotated[float, at_least(0, below=1)] = 0.9998
    """Decay of the averaged weights per step; see `start_share` for what evaluation uses."""
    ema_ramp: Annotated[float, above(0)] = 2000.0
    """Steps over which the decay rises: decay * (1 - exp(-step / ramp))."""
    start_share: Annotated[float, between(0, 1)] = 0.0
    """Share of the starting weights in the weights that are evaluated and kept, the rest being the
    averaged ones (WiSE-FT, arXiv 2109.01903, section 3). Of use where the start detects already."""
    precision: Annotated[str, one_of(*TRAINING_PRECISIONS)] = "fp32"
    """Number format in backbone and neck (autocast); boxes and losses stay fp32."""

    # Augmentation
    image_size: Annotated[ImageSize, IMAGE_SIZE] = 640
    """Size of the network's input in pixels: the side of a square, or the height and the width, as
    in `480,640`."""
    multiscale: Annotated[float, between(0, 1)] = 0.25
    """Largest change of the input's height in training, as a share of it; a size is sampled every
    10 steps, in units of 32 pixels (YOLOX: 160 of 640). The width keeps its ratio to the height."""
    mosaic_prob: Annotated[float, between(0, 1)] = 0.5
    """Probability that a training sample is a mosaic of four images."""
    mosaic_scale: Annotated[tuple[float, float], ZOOM] = (0.5, 1.5)
    """Smallest and largest zoom of a mosaic."""
    degrees: Annotated[float, between(0, 180)] = 10.0
    """Largest rotation of a mosaic in degrees, in either direction."""
    translate: Annotated[float, between(0, 1)] = 0.1
    """Largest shift of a mosaic as a share of the input's width and height."""
    shear: Annotated[float, at_least(0, below=90)] = 2.0
    """Largest shear of a mosaic in degrees."""
    hsv_prob: Annotated[float, between(0, 1)] = 1.0
    """Probability of a random shift of hue, saturation and value."""
    flip_prob: Annotated[float, between(0, 1)] = 0.5
    """Probability that a sample is mirrored left to right."""

    # Evaluation
    eval_interval: Annotated[int, at_least(1)] = 10
    """Epochs between evaluations; the last epoch is always evaluated."""
    patience: Annotated[int, at_least(0)] = 0
    """Epochs without a better AP (the AP by which the data are judged) after which the run ends, at
    the next evaluation; 0 trains all epochs. The epochs left out include those without mosaic."""
    evaluate_start: Annotated[str, EVALUATE_START] = "auto"
    """Also evaluate the weights that training starts from, as epoch 0, and compare the run with
    them at its end: `auto` where they detect all classes already (each keeps its class predictor,
    and attention that is new starts as the identity), `always` or `never`."""
    evaluate_raw: bool = False
    """Also evaluate the weights as trained, beside their average, at every evaluation."""
    score_threshold: Annotated[float, between(0, 1)] = 0.01
    """Detections with a lower score are dropped before NMS."""
    nms_iou: Annotated[float, between(0, 1)] = 0.65
    """Of detections of one class that overlap by more than this IoU, NMS keeps the best."""

    def __post_init__(self) -> None:
        """Give an input size its one form, so that equal sizes are equal settings."""
        self.image_size = one_form(self.image_size)

    @property
    def peak_lr(self) -> float:
        """Learning rate after warm-up for this batch size."""
        return self.lr * self.batch_size / 16

    @property
    def final_epochs(self) -> int:
        """Number of epochs at the end without mosaic and with the L1 loss; never all of them."""
        return min(math.ceil(self.epochs * self.final_fraction - 1e-9), self.epochs - 1)

    def validate(self) -> None:
        """Raise UserError, naming the setting and its rule, for a value that cannot work."""
        # The recipe's own rules stay in force where an experiment's class annotates a setting anew.
        hints = _annotations(type(self)) | _annotations(Recipe)
        for setting in setting_fields(self):
            value = getattr(self, setting.name)
            if said := complaint(value, hints[setting.name]):
                raise UserError(f"recipe field '{setting.name}' = {shown(value)} {said}")
        self._require_agreement()

    def _require_agreement(self) -> None:
        """Raise UserError for settings that cannot work together."""
        if self.warmup_fraction + self.final_fraction >= 1:
            raise UserError(
                f"recipe field 'warmup_fraction' = {self.warmup_fraction} and 'final_fraction' = "
                f"{self.final_fraction} must leave steps between them: their sum must be less "
                "than 1"
            )
        if self.optimizer == "adamw" and self.lr > MOST_ADAMW_LR:
            raise UserError(
                f"recipe field 'lr' = {self.lr} is a rate for SGD: with 'optimizer' = 'adamw' each "
                "step moves a weight by about the learning rate, so it must be at most "
                f"{MOST_ADAMW_LR}; give another one, as in: lr 0.001"
            )
        if self.lr_factor_new == self.lr_factor_pretrained == 0:
            raise UserError(
                "recipe fields 'lr_factor_new' and 'lr_factor_pretrained' are both 0, so nothing "
                "would be trained: one of them must be greater than 0"
            )

    def names(self, field: str) -> bool:
        """Whether sets or classes were named: what is given is another object than the default."""
        return getattr(self, field) is not getattr(Recipe, field)

    def plain(self) -> "Recipe":
        """The settings without an experiment's class, which other processes cannot import."""
        values = {field.name: getattr(self, field.name) for field in fields(Recipe)}
        return Recipe(**values | {"attention": self.attention_text() or None})

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain JSON values; `attention` is empty where it is no text."""
        return super().to_dict() | {"sites": list(in_network_order(self.sites))}

    def is_new(self, parameter: str) -> bool:
        """Whether a parameter belongs to attention, or to a class predictor that starts at random.

        Args:
            parameter: its name in the network.
        """
        random_classes = self.class_head_start == "random"
        return parameter.startswith("backbone.attention.") or (
            random_classes and parameter.startswith("head.cls_preds.")
        )

    def is_backbone(self, parameter: str) -> bool:
        """Whether a parameter of this name comes before the network's neck."""
        return parameter.startswith("backbone.backbone.")


def current_settings(saved: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that an earlier version saved, their values as they are called now."""
    current = dict(saved)
    for name, kind in _annotations(Recipe).items():
        for rule in rules_of(kind):
            value = current.get(name)
            if isinstance(value, (str, bool)) and value in rule.renamed:
                current[name] = rule.renamed[value]
    return current


def _annotations(kind: type[Recipe]) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)
