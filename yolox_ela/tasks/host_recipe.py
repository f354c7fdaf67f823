"""The settings that trainings of the paper's other networks have in common, each stated once.

The defaults are those of most of the recipes in the paper's section 4; `exps/hosts/` has what each
network's says. A setting states its default, its rule and, below it, its meaning.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import nn

from yolox_ela.attention_text import NONE, parse_attention
from yolox_ela.choices import TRAINING_PRECISIONS
from yolox_ela.datasets.trial_images import evenly_spread
from yolox_ela.errors import UserError
from yolox_ela.field_rules import Rule, above, at_least, between, one_of
from yolox_ela.freezing import frozen_modules
from yolox_ela.images.values import ValueRange
from yolox_ela.named_attention import attention_of, network_of
from yolox_ela.recipe_rules import ATTENTION, FOLDER_NAME, MODULES
from yolox_ela.run_settings import NOT_A_SETTING, TENTH, RunSettings
from yolox_ela.system.randomness import isolated_generators

Recipe = TypeVar("Recipe", bound="HostRecipe")

DROPS = Rule(
    "shares of the run between 0 and 1, ascending",
    lambda drops: list(drops) == sorted(drops) and all(0 < drop < 1 for drop in drops),
)
NETWORK = Rule(
    "a function that builds the network, or FILE.py:NAME",
    lambda network: callable(network) or (isinstance(network, str) and ".py:" in network),
)
CLASSES = Rule(
    "texts, all different and none of them blank",
    lambda names: len(set(names)) == len(names) and all(name.strip() for name in names),
)


@dataclass
class HostRecipe(RunSettings):
    """Settings of a training of another network than YOLOX, and of its evaluation."""

    task: ClassVar[str] = ""  # what is trained, in a run's files
    heads: ClassVar[tuple[str, ...]] = ()  # modules that pretrained backbones do not have
    overfit_settings: ClassVar[Mapping[str, Any]] = {
        "epochs": 200,
        "eval_interval": 20,
        "flip_prob": 0.0,
    }
    nesterov = False
    decays_all = True

    name: Annotated[str, FOLDER_NAME] = ""
    """Name of the run's folder; if it is not given, that of the experiment's file."""
    package_name: str = field(default="", repr=False, compare=False, metadata=NOT_A_SETTING)
    """Name under which the package itself has this experiment; empty for anybody else's."""

    # Network
    network: Annotated[Callable[..., nn.Module] | str | None, NETWORK] = None
    """What builds the network: a function of `yolox_ela.hosts` or one like it, which is called with
    the attention, `num_classes` and `identity_start`; or its name in a file, FILE.py:NAME."""
    attention: Annotated[Callable[[int], Any] | str | None, ATTENTION] = None
    """The attention module, as in the recipe of YOLOX."""
    attention_start: Annotated[str, one_of("paper", "identity")] = "paper"
    """How attention modules start: as the paper has them, or as the `identity`, for pretrained
    weights."""

    # Data
    classes: Annotated[tuple[str, ...], CLASSES] = ()
    """Class names, in the order of the network's outputs; by default those of the data."""
    workers: Annotated[int, between(-1, 1024)] = -1
    """Loader processes of each training process; -1 takes half of its cores, 8 at most."""
    image_size: Annotated[int, between(32, 8192)] = 224
    """Side of the square that the network is trained on, in pixels."""
    flip_prob: Annotated[float, between(0, 1)] = 0.5
    """Probability that a training image is mirrored left to right."""
    overfit: Annotated[int, at_least(0)] = 0
    """As a check of a set-up: train and evaluate on the first so many training images, unaltered;
    0 is a real training. Given on the command line, it also changes `overfit_settings`."""
    quick: bool = False
    """To see whether a training runs: use a tenth of all images. Given on the command line, it also
    divides the epochs by ten."""

    # Schedule
    epochs: Annotated[int, between(1, 100_000)] = 90
    """Passes over the training images."""
    batch_size: Annotated[int, at_least(1)] = 256
    """Images per step, over all processes together."""
    lr: Annotated[float, above(0)] = 0.1
    """Initial learning rate; not scaled with `batch_size`."""
    schedule: Annotated[str, one_of("steps", "cosine", "poly")] = "steps"
    """How the learning rate falls: to a tenth at each of `drops`, along a cosine to 0, or with the
    power 0.9 of the share of the run that is left."""
    drops: Annotated[tuple[float, ...], DROPS] = (1 / 3, 2 / 3)
    """When `steps` falls, as shares of the run."""
    warmup_steps: Annotated[int, at_least(0)] = 0
    """Number of first steps over which the learning rate rises from 0."""
    seed: Annotated[int, between(0, 2**64 - 1)] = 0
    """Seed of initial weights, image order and augmentation."""

    # Optimizer
    optimizer: Annotated[str, one_of("sgd", "adamw")] = "sgd"
    """`sgd` without Nesterov's form of momentum, or `adamw`, which needs a small `lr`."""
    momentum: Annotated[float, at_least(0, below=1)] = 0.9
    """Momentum of SGD, first beta of AdamW."""
    weight_decay: Annotated[float, at_least(0)] = 1e-4
    """Weight decay of all parameters."""
    lr_factor_new: Annotated[float, at_least(0)] = 1.0
    """Share of the learning rate for attention and for what a pretrained backbone does not have."""
    lr_factor_pretrained: Annotated[float, at_least(0)] = 1.0
    """Share of the learning rate for the backbone."""
    freeze: Annotated[tuple[str, ...], MODULES] = ()
    """Modules that are not trained, by name or pattern; `none` for none."""
    batchnorm_momentum: Annotated[float, between(0, 1)] = 0.1
    """Share of the newest batch in BatchNorm's running statistics."""
    freeze_batchnorm: bool = False
    """Keep BatchNorm's running statistics as they start, and normalise by them."""
    sync_batchnorm: bool = False
    """With several processes on CUDA: normalise by the whole batch."""
    grad_clip: Annotated[float, at_least(0)] = 0.0
    """Largest norm of the gradient; 0 switches clipping off."""
    ema_decay: Annotated[float, at_least(0, below=1)] = 0.0
    """Decay of the averaged weights per step, which are evaluated and kept; 0 keeps the trained
    ones, as the paper does."""
    ema_ramp: Annotated[float, above(0)] = 2000.0
    """Steps over which the decay rises."""
    precision: Annotated[str, one_of(*TRAINING_PRECISIONS)] = "fp32"
    """Number format of the network (autocast)."""

    # Evaluation
    eval_interval: Annotated[int, at_least(1)] = 1
    """Epochs between evaluations; the last epoch is always evaluated."""
    patience: Annotated[int, at_least(0)] = 0
    """Epochs without a better score after which the run ends; 0 trains all epochs."""
    evaluate_raw: bool = False
    """Also evaluate the weights as trained, beside their average."""

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain JSON values; functions of Python are empty texts."""
        network = self.network if isinstance(self.network, str) else ""
        return {**super().to_dict(), "network": str(network), "task": self.task}

    def network_suffix(self) -> str:
        """`-attention=ca,reduction=16` where a text says it; `-overfit=16`, `-quick` for trials."""
        text = self.attention_text()
        attention = f"-attention={parse_attention(text).short}" if text else ""
        trial = f"-overfit={self.overfit}" if self.overfit else "-quick" if self.quick else ""
        return attention + trial

    def plain(self: Recipe) -> Recipe:
        """The settings without functions of a user's file, which loader processes cannot import."""
        return replace(self, network=None, attention=None)

    def is_new(self, parameter: str) -> bool:
        """Whether a parameter belongs to attention or to a head."""
        return parameter.startswith("attention.") or parameter.split(".")[0] in self.heads

    def build_model(self) -> nn.Module:
        """Build the network with random weights, which depend on `seed` alone.

        Raises:
            UserError: the network or its attention cannot be built, or `freeze` names a module that
                the network does not have.
        """
        if self.network is None:
            raise UserError(f"{self.name} names no network: give network=..., as in its examples")
        attention: Any = self.attention
        if isinstance(attention, str):
            attention = attention_of(attention)
            if parse_attention(str(self.attention)).name == NONE:
                attention = None
        build: Any = network_of(self.network) if isinstance(self.network, str) else self.network
        with isolated_generators(self.seed):
            torch.manual_seed(self.seed)
            try:
                model = build(
                    attention,
                    num_classes=self.num_outputs,
                    identity_start=self.attention_start == "identity",
                )
            except UserError:
                raise
            except Exception as error:  # a user's network or module may fail in any way
                raise UserError(
                    f"the network of {self.name} cannot be built: {type(error).__name__}: {error}"
                ) from error
        if not isinstance(model, nn.Module):
            raise UserError(f"the network of {self.name} is no torch module: {type(model)}")
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.momentum = self.batchnorm_momentum
        frozen_modules(model, self.freeze)  # refuses names that no module has
        return model

    def load(self, data: Path) -> tuple[Any, Any]:
        """The images to train and to evaluate on.

        Args:
            data: where they are.

        Raises:
            UserError: they are not fit for training.
        """
        raise NotImplementedError

    def load_test(self, data: Path, values: ValueRange) -> Any:
        """The images to evaluate on alone, as `load` gives them.

        Args:
            data: where they are; images to train on need not be there.
            values: white in images of more than 8 bits, where the network was trained.

        Raises:
            UserError: they are not fit for evaluation.
        """
        raise NotImplementedError

    def trial_images(self, train: Any, test: Any) -> tuple[Any, Any]:
        """What a trial trains and evaluates on, of what `load` gave; all without a trial."""
        if self.overfit:
            train = test = self.first(train, self.overfit)
        return (self.tenth(train), self.tenth(test)) if self.quick else (train, test)

    def first(self, samples: Any, count: int) -> Any:
        """The first images of a set."""
        return samples.first(count)

    def tenth(self, samples: Any) -> Any:
        """A tenth of the images of a set, evenly spread."""
        return samples.subset(evenly_spread(np.arange(len(samples)), -(-len(samples) // TENTH)))

    def task_of(self, *arguments: Any) -> Any:
        """The task, a `HostTask`; the arguments are those of its constructor."""
        raise NotImplementedError

    @property
    def num_outputs(self) -> int:
        """Number of classes of the network."""
        return len(self.classes)
