"""What the runs of a study start from, checked before any of them: settings, data, weights."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loguru import logger

from yolox_ela.commands import train_options
from yolox_ela.commands.data_settings import fitted_to_data, open_as
from yolox_ela.commands.evaluate_network import require_untrained
from yolox_ela.commands.train_inputs import load_splits, starting_weights, training_data
from yolox_ela.errors import UserError
from yolox_ela.experiment import BASELINE, Experiment, load_experiment, network_of
from yolox_ela.network.class_rows import pick_rows, row_names
from yolox_ela.network.starts import start_file
from yolox_ela.network.weights import read_checkpoint, state_dict_of
from yolox_ela.overrides import override
from yolox_ela.study.plan import Group, Run, groups_of, trainings
from yolox_ela.study.study_file import RANDOM_START
from yolox_ela.study.study_parts import Study, located
from yolox_ela.tables.complexity import Complexity, count_complexity


@dataclass(frozen=True)
class Prepared:
    """A method of a group as its trainings will find it.

    Attributes:
        args: the options of the command `train`, checked.
        experiment: the experiment with all settings, the seed's aside.
    """

    args: argparse.Namespace
    experiment: Experiment


PreparedMethods = dict[tuple[Group, str], Prepared]
"""By group and name of the method."""


def prepare(args: argparse.Namespace) -> PreparedMethods:
    """Every method in every group, its settings checked and its network built.

    Raises:
        UserError: a setting, an experiment or an attention module cannot work; names the method.
    """
    study: Study = args.study
    prepared: PreparedMethods = {}
    for run in trainings(study, quick=args.quick):
        if run.seed != study.seeds[0]:
            continue
        keywords: dict[str, Any] = run.keywords(study.path)
        if run.group.data.name in args.data:
            keywords["data"] = args.data[run.group.data.name]
        with blamed(study, run):
            options = train_options.parse(args.home, keywords)
            exp = train_options.configured(load_experiment(options.experiment), options)
            network_of(exp)
        prepared[run.group, run.method] = Prepared(options, exp)
    return prepared


def check_inputs(args: argparse.Namespace, prepared: PreparedMethods) -> None:
    """Find data and weights, downloaded if need be, and load the images once.

    Afterwards `args.data` has a path for all data.

    Raises:
        UserError: data or weights are missing, or cannot be trained or scored on.
    """
    study: Study = args.study
    for (group, method), one in prepared.items():
        with blamed(study, f"{method} ({group.data.name}, {group.recipe.name})"):
            starting_weights(one.args, one.experiment.size)
            data = training_data(one.args, one.experiment)
            args.data[group.data.name] = data.resolve()
            if method != study.baseline:
                continue
            one.args.record = None if args.quick else Path("results.csv")  # asks for scores
            reader = open_as(one.experiment, data)
            exp = fitted_to_data(one.experiment, reader, training=True)
            load_splits(one.args, exp, reader)


def zero_shot_groups(args: argparse.Namespace, prepared: PreparedMethods) -> list[Group]:
    """The groups whose classes the start detects without any training: COCO's weights, and classes
    of COCO.
    """
    study: Study = args.study
    if study.start == RANDOM_START:
        return []
    groups = []
    for group in groups_of(study):
        exp = prepared[group, study.baseline].experiment
        exp = fitted_to_data(exp, open_as(exp, args.data[group.data.name]), training=True)
        path = start_file(located(study.start, study.path), size=exp.size)
        content = read_checkpoint(path)
        state = state_dict_of(content, path)
        try:
            names = row_names(content, state, exp.classes, path)
            require_untrained(content, names, path)
            pick_rows(state, names, exp.classes, path)
        except UserError as error:
            logger.info("no zero-shot row for {}: {}", group.data.name, error)
            continue
        groups.append(group)
    return groups


def costs_of(
    study: Study, group: Group, runs: Sequence[Run], prepared: PreparedMethods
) -> dict[str, Complexity]:
    """What the network of each method costs, and of the weights that stand beside."""
    base = prepared[group, study.baseline].experiment
    beside = {one.name: located(one.exp, study.path) for one in study.beside}
    costs = {}
    for method in dict.fromkeys(run.method for run in runs):
        if (group, method) in prepared:
            exp = prepared[group, method].experiment
        else:  # COCO's weights have no attention, and the baseline's size
            exp = load_experiment(beside.get(method, BASELINE))
            exp = override(exp, {} if method in beside else {"size": base.size})
        costs[method] = count_complexity(network_of(exp), base.image_size)
    return costs


@contextmanager
def blamed(study: Study, run: Run | str) -> Iterator[None]:
    """Name the study's file and the method in an error."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{study.path}, {run}: {error}") from error
