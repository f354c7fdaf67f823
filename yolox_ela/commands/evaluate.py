"""`yolox-ela eval`: evaluate weights on a set of images."""

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loguru import logger

from yolox_ela.commands import evaluate_host
from yolox_ela.commands.data_of_options import data_name, locate_data
from yolox_ela.commands.data_of_weights import compare_with_run, data_of_weights
from yolox_ela.commands.data_settings import fitted_to_data, open_as
from yolox_ela.commands.evaluate_network import build_network, load_weights, start_of
from yolox_ela.commands.evaluated import Evaluated, hold, keep_results, report_folder
from yolox_ela.commands.host_options import names_other_network
from yolox_ela.commands.json_results import SCREEN, write_result
from yolox_ela.datasets.load import load_pictures, load_split
from yolox_ela.datasets.readers.reader import Reader
from yolox_ela.datasets.split import VocSplit, read_id_list
from yolox_ela.errors import UserError
from yolox_ela.evaluate.comp4 import require_comp4, write_comp4
from yolox_ela.evaluate.detections import Detections, to_coco_results
from yolox_ela.evaluate.evaluator import EvalSettings, detect_split, evaluate
from yolox_ela.evaluate.results_text import results_text
from yolox_ela.evaluate.saved import SavedEvaluation, save_evaluation
from yolox_ela.evaluate.scores import METRICS
from yolox_ela.experiment import Experiment
from yolox_ela.images.values import ValueRange
from yolox_ela.network.inference import Inference
from yolox_ela.network.runner import Runner
from yolox_ela.network.starts import Start
from yolox_ela.overrides import override
from yolox_ela.report.single import RunMaterial, write_single_report
from yolox_ela.system.device import select_device
from yolox_ela.system.threads import limit_threads
from yolox_ela.tables.entry import (
    Origin,
    checkpoint_origin,
    require_scores,
    run_row,
    zero_shot_origin,
)
from yolox_ela.tables.record import append_row


def main(args: argparse.Namespace) -> int:
    """Run the command; see `evaluate_options.parse`."""

    def show(results: dict[str, Any]) -> None:
        if args.json != SCREEN:
            print(results_text(results))

    with ExitStack() as held:  # the report's folder is released at the end, also after an error
        run(args, held, show)
    return 0


def run(
    args: argparse.Namespace, held: ExitStack, show: Callable[[dict[str, Any]], None] | None = None
) -> Evaluated:
    """Evaluate; the folder of a report is entered into `held`.

    Args:
        args: see `evaluate_options.parse`.
        held: released at the end.
        show: receives the scores before any file is written.
    """
    if names_other_network(args):
        return evaluate_host.run(args, held, show)
    report = report_folder(args)
    trained = load_weights(args)
    content = trained.content
    device = select_device(args.device)
    limit_threads()
    data_is_named = bool(args.data or args.archives)
    if not data_is_named:
        args.data = data_of_weights(args.checkpoint, content, args.home)
    data = locate_data(args, trained.experiment.test_sets, args.home)
    reader = open_as(trained.experiment, data)
    exp = with_split(trained.experiment, args.split, reader)
    # Weights have their own classes, but for COCO's and those that name none.
    own_classes = not args.zero_shot and "classes" in content
    exp = fitted_to_data(exp, reader, training=False, classes=not own_classes)
    model = build_network(args, trained, exp)
    start = start_of(trained)
    origin = find_origin(args, exp, content, start) if args.record else None
    values = ValueRange.recorded(content)
    unannotated = load_pictures(reader, exp.test_sets, exp.classes, values)
    split = unannotated or load_split(
        reader,
        exp.test_sets,
        exp.classes,
        values,
        ignore_others=exp.other_classes == "ignore",
    )
    compare_with_run(content, exp, split, data, args.checkpoint, named=data_is_named)
    if args.ids:
        split = split.subset_of_ids(read_id_list(args.ids, split.ids))
    if unannotated is not None:
        require_detections_only(args, exp)
    elif args.record:
        require_scores(split)
    if args.save_comp4:
        require_comp4(split, comp4_name(exp))
    settings = EvalSettings.of(exp)
    inference = Inference(
        fuse=not args.plain,
        precision=args.precision,
        compile=args.compile,
        rectangular=args.rectangular,
    )
    options: dict[str, Any] = {
        "device": device,
        "batch_size": exp.batch_size,
        "workers": exp.workers,
        "inference": inference,
    }
    runs = model if isinstance(model, Runner) else model.to(device)
    if unannotated is not None:
        detections = detect_split(runs, split, settings, **options)
        save_detections(args, exp, detections, split)
        logger.info(
            "{} detections in {} images are in {}; nothing is scored, since {} has no annotations",
            len(detections),
            len(split),
            " and ".join(str(path) for path in (args.save_detections, args.save_comp4) if path),
            " + ".join(exp.test_sets),
        )
        return Evaluated(split, METRICS, split.headline)
    if report is not None:
        hold(report, held)
    results, detections = evaluate(runs, split, settings, **options)
    results["settings"] |= {
        "experiment": exp.name,
        "zero_shot": args.zero_shot,
        "checkpoint": str(args.checkpoint),
        "start": start.name,
        "start_sha256": start.sha256,
        "sets": list(exp.test_sets),
        "ids": str(args.ids) if args.ids else None,
        "device": str(device),
        "inference": asdict(inference),
    }
    if show is not None:
        show(results)
    if args.json:
        write_result(results, args.json)
    save_detections(args, exp, detections, split)
    if origin is not None:
        row = run_row(exp, origin, results, data=data_name(args), device=device, ids=args.ids)
        append_row(args.record, row)
        logger.info("recorded in {}", args.record)
    page: Path | None = None
    if report is not None:
        keep_results(report, args, device, exp.name, start, results)
        evaluation = SavedEvaluation(detections, split, results)
        save_evaluation(report.evaluation, evaluation)
        title = f"{exp.name}, zero-shot" if args.zero_shot else exp.name
        material = RunMaterial(model=None if isinstance(model, Runner) else model)
        page = write_single_report(report.path, title, report.facts(), evaluation, material)
        logger.info("report: {}", page)
    return Evaluated(split, METRICS, split.headline, results, page)


def save_detections(
    args: argparse.Namespace, exp: Experiment, detections: Detections, split: VocSplit
) -> None:
    """Write the detections in the formats that were asked for."""
    if args.save_detections:
        write_result(to_coco_results(detections, split), args.save_detections)
    if args.save_comp4:
        write_comp4(detections, split, args.save_comp4, comp4_name(exp))


def comp4_name(exp: Experiment) -> str:
    """The set in the names of comp4 files.

    Raises:
        UserError: there are several sets.
    """
    if len(exp.test_sets) > 1:
        raise UserError(
            f"--save-comp4 writes the files of one set, not of {' + '.join(exp.test_sets)}: name "
            f"one, as in: test_sets {exp.test_sets[0]}"
        )
    return exp.test_sets[0].rpartition("/")[2]


def require_detections_only(args: argparse.Namespace, exp: Experiment) -> None:
    """Raise UserError unless detections are all that is asked of sets without annotations."""
    asked = [name for name in ("json", "record", "report") if getattr(args, name)]
    if asked or not (args.save_detections or args.save_comp4):
        excess = f", and leave out --{' --'.join(asked)}" if asked else ""
        raise UserError(
            f"{' + '.join(exp.test_sets)} has no annotations (there is no XML of its images' names "
            "in Annotations), so that nothing can be scored: give --save-detections FILE "
            f"or --save-comp4 DIR to write what is detected{excess}"
        )


def with_split(exp: Experiment, split: str | None, reader: Reader) -> Experiment:
    """The experiment with the set that --split names: in a VOCdevkit, of the test set's year."""
    if split is None:
        return exp
    year = exp.test_sets[0].partition("/")[0]
    of_year = "/" not in split and split not in reader.sets() and "/" in exp.test_sets[0]
    return override(exp, {"test_sets": (f"{year}/{split}" if of_year else split,)})


def find_origin(
    args: argparse.Namespace, exp: Experiment, content: dict[str, Any], start: Start
) -> Origin:
    """How the weights came to be, for the record."""
    if args.zero_shot:
        return zero_shot_origin(exp, start)
    origin = checkpoint_origin(content, exp, args.checkpoint, start)
    if origin.epochs is None:
        logger.warning(
            "{} does not say how it was trained: no seed, epochs, sets or settings are recorded",
            args.checkpoint,
        )
    return origin
