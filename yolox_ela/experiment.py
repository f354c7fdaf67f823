"""An experiment: the recipe plus the attention module that it studies."""

import importlib.util
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from yolox_ela.errors import UserError
from yolox_ela.network.model import YoloxNano, build_yolox_nano
from yolox_ela.overrides import override
from yolox_ela.recipe import Recipe
from yolox_ela.system.randomness import isolated_generators

# `train.py --recipe`: what changes the paper's recipe, which experiments have. `tuned` was chosen
# by the measurements in studies/tuning, at 320 px, on images of its own.
RECIPES: dict[str, dict[str, Any]] = {
    "paper": {},
    "tuned": {
        "class_head_start": "by_name",
        "attention_start": "identity",
        "start_share": 0.25,
        "epochs": 8,
        "lr": 0.001,
        "grad_clip": 10.0,
        "warmup_steps": 200,
        "final_fraction": 0.25,
        "ema_decay": 0.998,
        "ema_ramp": 100.0,
        "multiscale": 0.2,
        "eval_interval": 1,
    },
}

# `train.py --sample`: the same run, small enough for two CPU cores and starting from random
# weights. Pictures are small and flat, so the augmentation is milder than the paper's.
SAMPLE_SETTINGS = {
    "image_size": 160,
    "epochs": 75,
    "multiscale": 0.0,
    "mosaic_prob": 0.1,
    "hsv_prob": 0.5,
    "eval_interval": 10,
}


@dataclass
class VocNano(Recipe):
    """YOLOX-Nano on Pascal VOC; without an override of `attention`, the baseline."""

    name: str = "nano"

    def attention(self, channels: int) -> nn.Module | None:
        """The module for a site with this many channels; None leaves the site as it is."""
        return None

    def build_model(self) -> YoloxNano:
        """The network with random weights, the same for the same `seed`."""
        with isolated_generators(self.seed):
            torch.manual_seed(self.seed)
            model = build_yolox_nano(
                len(self.classes), self.attention, share_sites=self.share_sites
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
        return model


def load_experiment(path: str | Path) -> VocNano:
    """The experiment that a file defines as its class `Exp`.

    Raises:
        UserError: no such file, it fails to run, or it has no dataclass `Exp(VocNano)`.
    """
    path = Path(path)
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*.py")) if path.parent.is_dir() else []
        there = f"; {path.parent} has {', '.join(near)}" if near else ""
        raise UserError(f"no experiment file at {path}{there}")
    module_name = f"yolox_ela_experiment_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is not a Python file; an experiment ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look their module up by name
    with _blame(path):
        spec.loader.exec_module(module)
    exp = getattr(module, "Exp", None)
    if not (isinstance(exp, type) and issubclass(exp, VocNano)):
        raise UserError(f"{path} must define a class Exp(VocNano)")
    if "__dataclass_fields__" not in vars(exp):
        raise UserError(f"{path}: decorate Exp with @dataclass, or its fields would be ignored")
    annotated = inspect.get_annotations(exp)
    for field in fields(VocNano):
        if field.name in vars(exp) and field.name not in annotated:
            raise UserError(
                f"{path}: give '{field.name}' a type, as in `{field.name}: {field.type} = ...`, "
                "or it would be ignored"
            )
    with _blame(path):
        return exp()


def adopt_checkpoint(experiment: VocNano, content: dict[str, Any]) -> VocNano:
    """The experiment with what a run's checkpoint records of its network: classes, input size, and
    what its attention started as, which decides how far its gates reach.
    """
    recorded = {"classes": tuple(content["classes"])} if "classes" in content else {}
    if "recipe" in content:
        recorded["image_size"] = content["recipe"]["image_size"]
        recorded["attention_start"] = content["recipe"].get("attention_start", "paper")
    return override(experiment, recorded)


@contextmanager
def _blame(path: Path) -> Iterator[None]:
    """An experiment is the user's code and may fail in any way: name its file."""
    try:
        yield
    except Exception as error:
        raise UserError(f"{path} fails to run: {type(error).__name__}: {error}") from error
