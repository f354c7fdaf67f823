"""The network that `yolox-ela eval` runs: from weights, or from an exported file."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from loguru import logger

from yolox_ela.errors import UserError
from yolox_ela.experiment import BASELINE, Experiment, load_experiment, network_of
from yolox_ela.export.formats import is_exported
from yolox_ela.export.runtimes import open_exported, runner_of
from yolox_ela.input_size import InputSize
from yolox_ela.network.class_rows import COCO_CLASSES, pick_rows, row_names, same_classes
from yolox_ela.network.model import Yolox, build_yolox
from yolox_ela.network.runner import Runner
from yolox_ela.network.starts import DEFAULT, Start, start_file, start_of_file, start_of_run
from yolox_ela.network.weights import load_trained
from yolox_ela.overrides import override, pairs_to_dict
from yolox_ela.recipe import Recipe
from yolox_ela.trained import Trained, load_trained_file


def load_weights(args: argparse.Namespace) -> Trained:
    """The weights, and their experiment with the changes of the command line."""
    overrides = pairs_to_dict(args.overrides)
    if is_exported(args.checkpoint):
        return load_exported(args, overrides)
    named = args.experiment or (BASELINE if args.zero_shot else None)
    given = None if named is None else load_experiment(named)
    asked = override(given or Recipe(), {k: v for k, v in overrides.items() if k == "size"})
    asked.validate()
    args.checkpoint = path = start_file(args.checkpoint or DEFAULT, size=asked.size)
    trained = load_trained_file(path, given, adopt=not args.zero_shot)
    exp = override(trained.experiment, overrides)
    exp.validate()
    return replace(trained, experiment=exp)


def load_exported(args: argparse.Namespace, overrides: Mapping[str, str]) -> Trained:
    """An exported file as weights without tensors: its classes and its size are the experiment's.

    Raises:
        UserError: the file cannot be opened, or other classes are asked for.
    """
    path = Path(args.checkpoint)
    meta = open_exported(path, args.device).metadata
    recorded = {"classes": meta.names, "image_size": InputSize.of(meta.image_size).setting}
    exp = override(load_experiment(args.experiment or BASELINE), recorded)
    exp = override(exp, overrides)
    exp.validate()
    if exp.classes != meta.names:
        raise UserError(
            f"{path} has classes of its own ({', '.join(meta.names)}): leave classes out"
        )
    content = {"classes": meta.names, "value_range": meta.white}
    return Trained(path, content, {}, replace(exp, name=meta.experiment or path.stem))


def start_of(trained: Trained) -> Start:
    """Where weights are from, for results and records."""
    if "recipe" in trained.content:
        return start_of_run(trained.content, trained.path)
    if is_exported(trained.path):
        return Start(trained.path.name, "", str(trained.path))
    return start_of_file(trained.path, trained.state)


def build_network(args: argparse.Namespace, trained: Trained, exp: Experiment) -> Yolox | Runner:
    """The experiment's network with the weights, COCO's own for --zero-shot, or an exported one."""
    if is_exported(trained.path):
        return runner_of(open_exported(trained.path, args.device), image_size=exp.image_size)
    path, content, state = trained.path, trained.content, trained.state
    names = row_names(content, state, exp.classes, path)
    if args.zero_shot:
        require_untrained(content, names, path)
        model = build_yolox(len(exp.classes), size=exp.size)  # COCO's weights know no attention
        logger.info("zero-shot: {} without attention or further training", path)
    else:
        model = network_of(exp)
    load_trained(model, pick_rows(state, names, exp.classes, path), path)
    return model


def require_untrained(content: dict[str, Any], names: Sequence[str], path: Path) -> None:
    """Zero-shot scores are those of COCO's weights as they are released.

    Raises:
        UserError: these are others.
    """
    if "recipe" in content or not same_classes(names, COCO_CLASSES):
        raise UserError(
            f"--zero-shot evaluates COCO's weights, with {len(COCO_CLASSES)} classes and without "
            f"further training; {path} has {len(names)} classes"
            + (" and was trained by this package" if "recipe" in content else "")
        )
