"""`yolox-ela eval`: evaluate weights on a set of images."""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loguru import logger

from yolox_ela.commands.data_of_weights import data_of_weights, require_test_images_of_run
from yolox_ela.commands.options import SCREEN, data_name, locate_data, write_result
from yolox_ela.datasets.split import load_pictures, load_split, read_id_list
from yolox_ela.errors import UserError
from yolox_ela.evaluate.detections import to_coco_results
from yolox_ela.evaluate.evaluator import EvalSettings, detect_split, evaluate
from yolox_ela.evaluate.results_text import format_results
from yolox_ela.evaluate.saved import SavedEvaluation, save_evaluation
from yolox_ela.experiment import BASELINE, Experiment, load_experiment
from yolox_ela.images.values import ValueRange
from yolox_ela.network.class_rows import COCO_CLASSES, pick_rows, row_names, same_classes
from yolox_ela.network.inference import Inference
from yolox_ela.network.model import Yolox, build_yolox
from yolox_ela.network.starts import DEFAULT, Start, start_file, start_of_file, start_of_run
from yolox_ela.network.weights import load_trained
from yolox_ela.overrides import override, pairs_to_dict
from yolox_ela.recipe import Recipe
from yolox_ela.report.single import RunMaterial, write_single_report
from yolox_ela.system.claim import claim_folder, require_unclaimed
from yolox_ela.system.device import select_device
from yolox_ela.system.environment import describe_environment
from yolox_ela.system.threads import limit_threads
from yolox_ela.tables.entry import (
    Origin,
    checkpoint_origin,
    require_scores,
    run_row,
    zero_shot_origin,
)
from yolox_ela.tables.record import append_row
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.trained import load_trained_file

HELD_REMEDY = "name another folder with --report"


def main(args: argparse.Namespace) -> int:
    """Run the command; see `evaluate_options.parse`."""
    with ExitStack() as held:  # the report's folder is released at the end, also after an error
        return run(args, held)


def run(args: argparse.Namespace, held: ExitStack) -> int:
    """Evaluate; the folder of a report is entered into `held`."""
    report = RunFolder(args.report) if args.report else None
    if report is not None:
        require_unclaimed(report.path, HELD_REMEDY)
        report.check_report()
    exp, model, content, start = load_network(args)
    origin = find_origin(args, exp, content, start) if args.record else None
    device = select_device(args.device)
    limit_threads()
    data_is_named = bool(args.data or args.archives)
    if not data_is_named:
        args.data = data_of_weights(args.checkpoint, content, args.home)
    data = locate_data(args, exp.test_sets, args.home)
    values = ValueRange.recorded(content)
    unannotated = load_pictures(data, exp.test_sets, exp.classes, values)
    split = unannotated or load_split(data, exp.test_sets, exp.classes, values)
    if not data_is_named:
        require_test_images_of_run(content, exp, split, data, args.checkpoint)
    if args.ids:
        split = split.subset_of_ids(read_id_list(args.ids, split))
    if unannotated is not None:
        require_detections_only(args, exp)
    elif args.record:
        require_scores(split)
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
    if unannotated is not None:
        detections = detect_split(model.to(device), split, settings, **options)
        write_result(to_coco_results(detections, split), args.save_detections)
        logger.info(
            "{} detections in {} images are in {}; nothing is scored, since {} has no annotations",
            len(detections),
            len(split),
            args.save_detections,
            " + ".join(exp.test_sets),
        )
        return 0
    if report is not None:
        held.enter_context(claim_folder(report.path, HELD_REMEDY))
        report.check_report()  # a training may have begun there meanwhile
    results, detections = evaluate(model.to(device), split, settings, **options)
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
    if args.json != SCREEN:
        print(format_results(results))
    if args.json:
        write_result(results, args.json)
    if args.save_detections:
        write_result(to_coco_results(detections, split), args.save_detections)
    if origin is not None:
        row = run_row(exp, origin, results, data=data_name(args), device=device, ids=args.ids)
        append_row(args.record, row)
        logger.info("recorded in {}", args.record)
    if report is not None:
        report.append_environment(
            describe_environment(device, 1)
            | {"data": data_name(args), "weights": f"{args.checkpoint} in {exp.name}"}
            | {"start": start.name, "start_sha256": start.sha256}
        )
        report.write_json(report.results.name, results)
        evaluation = SavedEvaluation(detections, split, results)
        save_evaluation(report.evaluation, evaluation)
        title = f"{exp.name}, zero-shot" if args.zero_shot else exp.name
        material = RunMaterial(model=model)
        page = write_single_report(report.path, title, report.facts(), evaluation, material)
        logger.info("report: {}", page)
    return 0


def require_detections_only(args: argparse.Namespace, exp: Experiment) -> None:
    """Raise UserError unless --save-detections is all that is asked of sets without annotations."""
    asked = [name for name in ("json", "record", "report") if getattr(args, name)]
    if asked or not args.save_detections:
        excess = f", and leave out --{' --'.join(asked)}" if asked else ""
        raise UserError(
            f"{' + '.join(exp.test_sets)} has no annotations (there is no XML of its images' names "
            "in Annotations), so that nothing can be scored: give --save-detections FILE to write "
            f"what is detected{excess}"
        )


def load_network(args: argparse.Namespace) -> tuple[Experiment, Yolox, dict[str, Any], Start]:
    """The experiment with all settings applied, its network, the checkpoint's content and start."""
    overrides = pairs_to_dict(args.overrides)
    named = args.experiment or (BASELINE if args.zero_shot else None)
    given = None if named is None else load_experiment(named)
    asked = override(given or Recipe(), {k: v for k, v in overrides.items() if k == "size"})
    asked.validate()
    args.checkpoint = path = start_file(args.checkpoint or DEFAULT, size=asked.size)
    trained = load_trained_file(path, given, adopt=not args.zero_shot)
    exp, content, state = trained.experiment, trained.content, trained.state
    flags = {}
    if args.split:
        year = exp.test_sets[0].split("/")[0]
        flags["test_sets"] = (args.split if "/" in args.split else f"{year}/{args.split}",)
    exp = override(override(exp, flags), overrides)
    exp.validate()
    names = row_names(content, state, exp.classes, path)
    if args.zero_shot:
        require_untrained(content, names, path)
        model = build_yolox(len(exp.classes), size=exp.size)  # COCO's weights know no attention
        logger.info("zero-shot: {} without attention or training on VOC", path)
    else:
        model = exp.build_model()
    load_trained(model, pick_rows(state, names, exp.classes, path), path)
    return (
        exp,
        model,
        content,
        start_of_run(content, path) if "recipe" in content else start_of_file(path, state),
    )


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
