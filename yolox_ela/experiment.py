"""An experiment: the recipe plus the attention module that it studies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import torch
from torch import nn

from yolox_ela.attention_text import parse_attention
from yolox_ela.errors import UserError, code_of_others
from yolox_ela.exp_file import (
    blame,
    find_experiment,
    is_own_experiment,
    require_effect,
    run_file,
)
from yolox_ela.experiment_class import apply_body, ensure_dataclass
from yolox_ela.freezing import frozen_modules
from yolox_ela.input_size import InputSize
from yolox_ela.named_attention import attention_of
from yolox_ela.network.dry_run import require_working, source_of
from yolox_ela.network.model import Yolox, build_yolox
from yolox_ela.recipe import Recipe
from yolox_ela.run_settings import NOT_A_SETTING, RunSettings, setting_fields
from yolox_ela.system.randomness import isolated_generators

BASELINE = "nano"  # the experiment without attention
# Settings that enter the name where they are overridden: the network's, and those of a trial.
NETWORK = ("size", "attention", "sites")
NAMED = (*NETWORK, "overfit", "quick")


@dataclass
class Experiment(Recipe):
    """A recipe and an attention module; without one, the baseline.

    An experiment's file says `exp = Experiment(attention=ela_s)`, with any fields of the recipe
    beside the module, or defines a class `Exp(Experiment)` whose body sets the fields. Such a class
    may define `attention` as a method, `attention(self, channels)`, which reads fields of its own.
    """

    name: str = ""
    """Name of the run's folder and of its rows in tables; if empty, its file's name."""
    defined: Mapping[str, Any] | None = field(
        default=None, repr=False, compare=False, metadata=NOT_A_SETTING
    )
    """The settings as the experiment's file states them, before the command line overrides any."""
    package_name: str = field(default="", repr=False, compare=False, metadata=NOT_A_SETTING)
    """Name under which the package itself has this experiment; empty for anybody else's."""

    _attention_method: ClassVar[Callable[..., nn.Module | None] | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make everything that the body of the class sets take effect; see `apply_body`."""
        super().__init_subclass__(**kwargs)
        apply_body(cls, Experiment)

    def __new__(cls, *args: Any, **kwargs: Any) -> "Experiment":
        """Decorate a class that lacks @dataclass when its first instance is made."""
        ensure_dataclass(cls)
        return super().__new__(cls)

    @property
    def has_attention(self) -> bool:
        """Whether the experiment says what its attention is."""
        return self.attention is not None or self._attention_method is not None

    def build_attention(self, channels: int) -> nn.Module | None:
        """Build the attention module of a site with this many channels; None leaves it without.

        Raises:
            UserError: `attention` cannot be called, fails, or returns no module.
        """
        build = self._builder()
        if build is None:
            return None
        if isinstance(build, nn.Module) or not callable(build):
            raise UserError(
                f"attention of {self.name or 'the experiment'} is {_shown(build)}: give what "
                "builds a module from a number of channels, as in attention=ela_s"
            )
        label = f"attention of {self.name or 'the experiment'}"
        with code_of_others(
            lambda said: (
                f"{label} fails for {channels} channels: {said}"
                f"{source_of(None, build)}; choose other options of the module, or other sites"
            )
        ):
            module = build(channels)
        if not (module is None or isinstance(module, nn.Module)):
            raise UserError(
                f"{label} returns {_shown(module)} for {channels} channels, which is no torch "
                f"module{source_of(None, build)}"
            )
        return module

    def _builder(self) -> Callable[..., Any] | None:
        """What builds the module of a site, as the experiment or a text says."""
        if isinstance(self.attention, str):
            return attention_of(self.attention)
        return self._attention_method if self.attention is None else self.attention

    def build_model(self) -> Yolox:
        """Build the network with random weights, which depend on `seed` alone.

        Raises:
            UserError: a module of attention cannot be built or does not work, or `freeze` names a
                module that the network does not have.
        """
        builder = self._builder()
        with isolated_generators(self.seed):
            torch.manual_seed(self.seed)
            model = build_yolox(
                len(self.classes),
                self.build_attention,
                size=self.size,
                sites=self.sites,
                share_sites=self.share_sites,
            )
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = self.batchnorm_momentum
        if self.attention_start == "identity":
            for site, module in model.backbone.attention.items():
                if not hasattr(module, "start_as_identity"):
                    raise UserError(
                        f"{type(module).__name__} at {site} cannot start as the identity: give it "
                        "a method start_as_identity, or use attention_start paper"
                    )
                module.start_as_identity()
        require_working(model.backbone, self.smallest_input, builder)
        frozen_modules(model, self.freeze)  # refuses names that no module has
        return model

    @property
    def smallest_input(self) -> InputSize:
        """The smallest input that training may have."""
        size = InputSize.of(self.image_size)
        return size.changed(size.changes(self.multiscale)[0])

    def network_suffix(self) -> str:
        """`-size=s-attention=ca,reduction=16-sites=dark5`: what differs from the file's network;
        and `-overfit=16` or `-quick` for a trial.
        """
        mine, defined = self.to_dict(), self.as_defined()
        changed = {name: mine[name] for name in NAMED if mine[name] not in ("", defined[name])}
        if "attention" in changed:
            changed["attention"] = parse_attention(changed["attention"]).short
        if "sites" in changed:
            changed["sites"] = ",".join(changed["sites"])
        return "".join(
            f"-{name}" if value is True else f"-{name}={value}" for name, value in changed.items()
        )

    def as_defined(self) -> dict[str, Any]:
        """The settings as plain JSON values, as the experiment's file or its class states them."""
        return type(self)().to_dict() if self.defined is None else dict(self.defined)


def network_of(exp: Experiment) -> Yolox:
    """The network that an experiment builds, whose `build_model` may be the user's.

    Raises:
        UserError: it cannot be built, or is something else than a YOLOX network.
    """
    if type(exp).build_model is Experiment.build_model:
        return exp.build_model()
    label = f"build_model of {exp.name or 'the experiment'}"
    with code_of_others(lambda said: f"{label} fails: {said}"):
        model = exp.build_model()
    if not isinstance(model, Yolox):
        raise UserError(f"{label} returns {_shown(model)}: return a YOLOX network of this package")
    return model


def load_experiment(path: str | Path) -> Experiment:
    """The experiment that a file defines, as `exp` or as a class `Exp`.

    Args:
        path: the file, or the name of one of the package's own experiments, as in `nano_ela_s`.

    Raises:
        UserError: there is no such file, it fails to run, it defines no experiment, or it sets
            something that would have no effect.
    """
    path = find_experiment(path)
    return _experiment_in(path, run_file(path))


def load_trainable(path: str | Path) -> RunSettings:
    """What a file defines to be trained: an experiment, or a recipe of another network as `exp`.

    Args:
        path: the file, or the name of one of the package's own, as in `resnet18_ela_s`.

    Raises:
        UserError: as for `load_experiment`.
    """
    path = find_experiment(path)
    module = run_file(path)
    exp = getattr(module, "exp", None)
    if not isinstance(exp, RunSettings) or isinstance(exp, Recipe):
        return _experiment_in(path, module)
    with blame(path):
        require_effect(exp, type(exp), module)
        own = path.stem if is_own_experiment(path) else ""
        exp = replace(exp, name=exp.name or path.stem, package_name=own)
        exp.validate()
        return exp


def _experiment_in(path: Path, module: ModuleType) -> Experiment:
    """The experiment that the file has defined."""
    with blame(path):
        exp = _defined_in(vars(module))
        require_effect(exp, Experiment, module)
        changes: dict[str, Any] = {} if exp.name else {"name": path.stem}
        for setting in setting_fields(exp):
            value = getattr(exp, setting.name)
            if isinstance(value, list):  # as one may write a tuple
                changes[setting.name] = tuple(value)
        exp = replace(exp, **changes)
        exp.validate()
        name = path.stem if is_own_experiment(path) else ""
        return replace(exp, defined=exp.to_dict(), package_name=name)


def _defined_in(names: Mapping[str, Any]) -> Experiment:
    """The one experiment among a module's names."""
    exp, kind = names.get("exp"), names.get("Exp")
    if exp is None and isinstance(kind, type) and issubclass(kind, Experiment):
        return kind()
    if isinstance(exp, Experiment) and (kind is None or type(exp) is kind):
        return exp
    if isinstance(exp, RunSettings) and not isinstance(exp, Recipe):
        raise UserError(
            "this trains another network than YOLOX; only `yolox-ela train`, `eval` and `explain` "
            "take it"
        )
    found = {name: _shown(names[name]) for name in ("exp", "Exp") if name in names}
    raise UserError(
        "an experiment's file defines exp = Experiment(...), or a class Exp(Experiment); this one "
        f"has {' and '.join(f'{name}, {value}' for name, value in found.items()) or 'neither'}"
    )


def _shown(value: object) -> str:
    """A value in words: a class or a function by its name, any other value by its type."""
    name = getattr(value, "__name__", None)
    return (
        f"the {type(value).__name__} {name}" if name else f"a value of type {type(value).__name__}"
    )
