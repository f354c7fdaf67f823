"""Evaluate weights on a VOC set.

python tools/eval.py -f exps/nano_ela_s.py -c runs/nano_ela_s/best.pth
python tools/eval.py -f exps/nano.py --zero-shot
"""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loguru import logger

from yolox_ela.commands.options import (
    add_data_options,
    add_overrides,
    add_record_options,
    data_name,
    locate_data,
    tool_parser,
    write_result,
)
from yolox_ela.datasets.load import load_pictures, load_split
from yolox_ela.datasets.split import VocSplit, read_id_list
from yolox_ela.errors import UserError
from yolox_ela.evaluate.comp4 import require_comp4, write_comp4
from yolox_ela.evaluate.detections import Detections, to_coco_results
from yolox_ela.evaluate.evaluator import EvalSettings, detect_split, evaluate
from yolox_ela.evaluate.results_text import format_results
from yolox_ela.evaluate.saved import SavedEvaluation, save_evaluation
from yolox_ela.experiment import Experiment, adopt_checkpoint, load_experiment
from yolox_ela.images.values import ValueRange
from yolox_ela.network.class_rows import COCO_CLASSES, pick_rows, row_names, same_classes
from yolox_ela.network.inference import PRECISIONS, Inference
from yolox_ela.network.model import YoloxNano, build_yolox_nano
from yolox_ela.network.starts import DEFAULT, STARTS, Start, start_file, start_of_file, start_of_run
from yolox_ela.network.weights import load_trained, read_checkpoint, state_dict_of
from yolox_ela.overrides import override, pairs_to_dict
from yolox_ela.report.single import RunMaterial, write_single_report
from yolox_ela.system.claim import claim_folder, require_unclaimed
from yolox_ela.system.device import select_device
from yolox_ela.system.environment import describe_environment
from yolox_ela.system.files import require_writable
from yolox_ela.tables.entry import (
    Origin,
    checkpoint_origin,
    require_scores,
    run_row,
    zero_shot_origin,
)
from yolox_ela.tables.record import append_row, require_record
from yolox_ela.train.run_folder import RunFolder

HELD_REMEDY = "name another folder with --report"


def main(home: Path) -> int:
    """Run the command; `home` holds runs/ and datasets/."""
    with ExitStack() as held:  # the report's folder, until the end, however it comes
        return run(parse_arguments(home), held)


def run(args: argparse.Namespace, held: ExitStack) -> int:
    """Evaluate; the folder of a report is entered into `held`."""
    for output in filter(None, (args.json, args.save_detections)):
        require_writable(output)
    report = RunFolder(args.report) if args.report else None
    if report is not None:
        require_unclaimed(report.path, HELD_REMEDY)
        report.check_report()
    if args.record:
        if args.precision != "fp32" or args.rectangular:
            raise UserError("--record keeps scores of fp32 and square inputs, which compare")
        require_record(args.record)
    exp, model, content, start = load_network(args)
    origin = find_origin(args, exp, content, start) if args.record else None
    device = select_device(args.device)
    data = locate_data(args, exp.test_sets, args.home)
    values = ValueRange.recorded(content)
    unannotated = load_pictures(data, exp.test_sets, exp.classes, values)
    split = unannotated or load_split(data, exp.test_sets, exp.classes, values)
    if args.ids:
        split = split.subset_of_ids(read_id_list(args.ids, split))
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
    if unannotated is not None:
        detections = detect_split(model.to(device), split, settings, **options)
        save_detections(args, exp, detections, split)
        logger.info(
            "{} detections in {} images are in {}; nothing is scored, since {} has no annotations",
            len(detections),
            len(split),
            " and ".join(str(path) for path in (args.save_detections, args.save_comp4) if path),
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
    print(format_results(results))
    if args.json:
        write_result(results, args.json)
    save_detections(args, exp, detections, split)
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


def parse_arguments(home: Path) -> argparse.Namespace:
    """The options as typed, and `home`."""
    parser = tool_parser(__doc__.splitlines()[0])
    parser.add_argument(
        "-c",
        "--checkpoint",
        type=Path,
        help=f"weights: a file, or {', '.join(STARTS)}, the default of --zero-shot being {DEFAULT}",
    )
    parser.add_argument("-b", "--batch-size", type=int, help="images at a time")
    parser.add_argument("--split", help="split of the test set's year, or year/split")
    parser.add_argument("--ids", type=Path, metavar="FILE", help="only the image ids listed here")
    parser.add_argument(
        "--zero-shot", action="store_true", help="COCO weights, 80 classes mapped by name"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here")
    parser.add_argument(
        "--save-detections", type=Path, metavar="FILE", help="write COCO results format here"
    )
    parser.add_argument(
        "--save-comp4",
        type=Path,
        metavar="DIR",
        help="write comp4_det_SET_CLASS.txt, as the VOC challenge takes them, here",
    )
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="write report.html and what it is made from here"
    )
    add_inference_options(parser)
    add_data_options(parser)
    add_record_options(parser, home)
    add_overrides(parser)
    parser.set_defaults(home=home)
    return parser.parse_intermixed_args()


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


def add_inference_options(parser: argparse.ArgumentParser) -> None:
    """How the network is run."""
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32")
    parser.add_argument("--compile", action="store_true", help="through torch.compile")
    parser.add_argument(
        "--rectangular", action="store_true", help="batches of similar shapes with less padding"
    )
    parser.add_argument(
        "--plain", action="store_true", help="without BatchNorm folded into the convolutions"
    )


def load_network(args: argparse.Namespace) -> tuple[Experiment, YoloxNano, dict[str, Any], Start]:
    """The experiment with all settings applied, its network, the checkpoint's content and start."""
    exp = load_experiment(args.experiment)
    flags = {"batch_size": args.batch_size} if args.batch_size else {}
    if args.split:
        year = exp.test_sets[0].split("/")[0]
        flags["test_sets"] = (args.split if "/" in args.split else f"{year}/{args.split}",)
    overrides = pairs_to_dict(args.overrides)
    if args.checkpoint is None and not args.zero_shot:
        raise UserError("name the weights to evaluate with -c, or use --zero-shot")
    args.checkpoint = path = start_file(args.checkpoint or DEFAULT)
    content = read_checkpoint(path)
    state = state_dict_of(content, path)
    if not args.zero_shot:
        exp = adopt_checkpoint(exp, content)
    exp = override(override(exp, flags), overrides)
    exp.validate()
    names = row_names(content, state, exp.classes, path)
    if args.zero_shot:
        require_untrained(content, names, path)
        model = build_yolox_nano(len(exp.classes))  # COCO's weights know no attention
        logger.info("zero-shot: {} without attention or training on VOC", path)
    else:
        model = exp.build_model()
    load_trained(model, pick_rows(state, names, exp.classes, path), path)
    trained = "recipe" in content
    return (
        exp,
        model,
        content,
        start_of_run(content, path) if trained else start_of_file(path, state),
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
