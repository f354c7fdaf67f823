"""The options of `yolox-ela train`, and what can be refused before torch is loaded."""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from yolox_ela.choices import (
    AUGMENTS,
    CACHES,
    DEFAULT_START,
    MOST_THREADS,
    START_NAMES,
    TRAINING_PRECISIONS,
)
from yolox_ela.commands.keywords import read_arguments
from yolox_ela.commands.option_checks import (
    require_data_options,
    require_experiment,
    require_output_folder,
    require_outputs,
    require_weights,
)
from yolox_ela.commands.options import (
    CHECKPOINT_NAMES,
    EXPERIMENT_NAMES,
    add_data_options,
    add_device,
    add_experiment,
    add_field_option,
    add_image_size,
    add_json,
    add_output_folder,
    add_overrides,
    add_record_options,
    command_parser,
    recipe_default,
)
from yolox_ela.commands.parser import AUTO, Parser, duration, whole, whole_or_auto
from yolox_ela.commands.resume_options import adopt_run
from yolox_ela.commands.stated import require_image_size, stated_recipe
from yolox_ela.commands.trial_options import add_trials, require_trial, with_trial
from yolox_ela.errors import UserError
from yolox_ela.exp_file import trains_other_network
from yolox_ela.named_recipes import RECIPES, SAMPLE_SETTINGS
from yolox_ela.overrides import override, pairs_to_dict
from yolox_ela.recipe import Recipe
from yolox_ela.run_settings import RunSettings
from yolox_ela.tables.record import require_record
from yolox_ela.train.tracker_names import DEFAULT_TRACKERS, TRACKER_NAMES, require_trackers

EXAMPLES = (
    "-f nano_ela_s",
    "-f nano_ela_s --sample",
    "-f nano_ela_s --recipe tuned",
    "-f exps/nano_ela_s.py --data ~/VOCdevkit -e 30 lr 0.005 seed 1",
)
LARGEST_SEED = 2**32 - 1  # of numpy

RecipeType = TypeVar("RecipeType", bound=RunSettings)


def parse(home: Path, keywords: Mapping[str, Any] | None = None) -> argparse.Namespace:
    """The options as typed, and `home`, the folder of runs/ and datasets/.

    Args:
        home: this folder.
        keywords: the options as keyword arguments; None reads the command line.

    Raises:
        UserError: an option or recipe field is wrong, or names what there is not.
    """
    args = read_arguments(build_parser(home), "train", keywords)
    args.home, args.started = home, time.monotonic()
    if args.experiment is None and not args.resume:
        raise UserError(
            f"{'/'.join(EXPERIMENT_NAMES)} is missing; {build_parser(home).prog} --help shows "
            "examples"
        )
    require_experiment(args.experiment)
    require_image_size(args)
    adopt_run(args)
    args.tracker = require_trackers(args.tracker)
    require_trial(args, pairs_to_dict(args.overrides))
    stated = stated_recipe(args.experiment)
    if stated is not None:
        configured(stated, args)
    if args.sample and (args.data or args.archives):
        raise UserError("--sample generates its own data; leave out --data and --archives")
    require_data_options(args)
    if args.data_name and not args.record:
        raise UserError("--data-name names the data in the record: add --record, or leave it out")
    require_weights(args.checkpoint, "none")
    require_output_folder("-o", args.output or home / "runs")
    require_outputs(args, "json")
    if args.record and trains_other_network(args.experiment):
        if args.record == home / "exps" / "results.csv":  # whose rows are of YOLOX
            args.record = home / "exps" / "hosts.csv"
    elif args.record:
        require_record(args.record)
    return args


def configured(recipe: RecipeType, args: argparse.Namespace) -> RecipeType:
    """The recipe or experiment with the changes of --recipe, --sample, --overfit, the fields on the
    command line and --quick, in this order; where a run is resumed by itself, with its settings.

    Raises:
        UserError: a field is unknown or has a bad value, or --sample and --recipe do not agree.
    """
    typed = pairs_to_dict(args.overrides)
    if wants_largest_batch(args):
        del typed["batch_size"]
    if args.settings is not None:
        kept = {name: value for name, value in args.settings.items() if name != "task"}
        recipe = override(override(recipe, kept), typed)
        recipe.validate()
        return recipe
    if isinstance(recipe, Recipe):
        recipe = override(recipe, RECIPES[args.recipe])
    if args.sample and isinstance(recipe, Recipe):
        if args.recipe != "paper" and not args.checkpoint:
            raise UserError(
                f"--sample starts from random weights, --recipe {args.recipe} from COCO's"
            )
        recipe = override(recipe, SAMPLE_SETTINGS)
    recipe = with_trial(recipe, typed)
    recipe.validate()
    return recipe


def wants_largest_batch(args: argparse.Namespace) -> bool:
    """Whether `-b auto` asks for the largest batch that fits, which the GPU must tell."""
    return pairs_to_dict(args.overrides).get("batch_size") == AUTO


def build_parser(home: Path) -> Parser:
    """The command line of `train`."""
    parser = command_parser(
        "Train an experiment and evaluate it.", "-f NAME [options] [FIELD VALUE ...]", EXAMPLES
    )
    network = parser.add_argument_group("network and weights")
    add_experiment(network, required=False, default="with --resume, the run's own")
    network.add_argument(
        *CHECKPOINT_NAMES,
        metavar="WEIGHTS",
        help=f"weights to start from: a file, {', '.join(START_NAMES)}, or none for random ones "
        f"(default: {DEFAULT_START}; none with --sample)",
    )
    data = parser.add_argument_group("data")
    add_data_options(data)
    data.add_argument(
        "--sample",
        action="store_true",
        help="a short run from random weights on generated pictures (default: off)",
    )
    data.add_argument(
        "--cache",
        choices=CACHES,
        default="auto",
        help="keep decoded images in ram, or on disk for later runs (default: auto, in ram if "
        "they fit)",
    )
    data.add_argument(
        "--augment",
        choices=AUGMENTS,
        default="auto",
        help="render training samples on the cpu or on the device (default: auto, on a GPU whose "
        "memory holds the images)",
    )
    add_schedule(parser)
    add_trials(parser)
    machine = parser.add_argument_group("run on")
    add_device(machine)
    machine.add_argument(
        "-d",
        "--devices",
        type=whole(1),
        default=1,
        metavar="N",
        help="processes on this machine, on CUDA each with a GPU (default: 1)",
    )
    machine.add_argument(
        "--threads",
        type=whole(1, MOST_THREADS),
        metavar="N",
        help="threads of each process on a CPU (default: the fastest number in a trial before the "
        "run, or OMP_NUM_THREADS)",
    )
    machine.add_argument(
        "--compile",
        action="store_true",
        help="compile the network first, which takes minutes (default: off)",
    )
    machine.add_argument(
        "--deterministic",
        action="store_true",
        help="the same weights again on a GPU, too, and every step checked; slower (default: off)",
    )
    add_outputs(parser, home)
    add_overrides(parser)
    return parser


def add_schedule(parser: Parser) -> None:
    """The recipe, and its fields that have options."""
    schedule = parser.add_argument_group("schedule")
    schedule.add_argument(
        "--recipe",
        choices=RECIPES,
        default="paper",
        help="paper: as the experiment states it; tuned: 8 epochs from COCO's weights, chosen at "
        "320 px (default: paper)",
    )
    add_field_option(
        parser,
        schedule,
        "-b",
        "--batch-size",
        field="batch_size",
        type=whole_or_auto(1),
        metavar="N",
        help="images per step, over all processes; auto: as many as a CUDA GPU has memory for "
        f"(default: {recipe_default('batch_size')})",
    )
    for names, field, low, high, text in (
        (("-e", "--epochs"), "epochs", 1, None, "passes over the training images"),
        (("--seed",), "seed", 0, LARGEST_SEED, "seed of weights, order and augmentation"),
    ):
        add_field_option(
            parser,
            schedule,
            *names,
            field=field,
            type=whole(low, high),
            metavar="N",
            help=f"{text} (default: {recipe_default(field)})",
        )
    schedule.add_argument(
        "--time-limit",
        type=duration,
        metavar="TIME",
        help="stop within this time from now, as in 2h, 90s or 1h30m, with weights saved and "
        "evaluated; --resume continues (default: none)",
    )
    add_image_size(parser, schedule, recipe_default("image_size"))
    add_field_option(
        parser,
        schedule,
        "--precision",
        field="precision",
        choices=TRAINING_PRECISIONS,
        help=f"number format of backbone and neck (default: {recipe_default('precision')})",
    )


def add_outputs(parser: Parser, home: Path) -> None:
    """What a run writes, and where."""
    output = parser.add_argument_group("output")
    add_output_folder(output, "the run's folder (default: runs/NAME, or runs/NAME-2 and so on)")
    output.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in -o, or the newest one of -f; without -f the newest of all, with "
        "its own settings (default: off)",
    )
    add_json(output)
    output.add_argument(
        "--no-report", action="store_true", help="write no report.html at the end (default: off)"
    )
    output.add_argument(
        "--tracker",
        nargs="+",
        default=DEFAULT_TRACKERS,
        metavar="NAME",
        help=f"trackers that log the run: {', '.join(TRACKER_NAMES)}, as in tensorboard,wandb; or "
        f"none (default: {','.join(DEFAULT_TRACKERS)})",
    )
    add_record_options(output, home)
