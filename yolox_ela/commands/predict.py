"""`yolox-ela predict`: detect objects in pictures and videos, and save what was found."""

import argparse
import sys
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from yolox_ela.choices import DETECTOR
from yolox_ela.commands.exit_codes import EXIT_INTERRUPTED
from yolox_ela.commands.json_results import SCREEN, write_result
from yolox_ela.commands.predict_progress import Progress, screen_of
from yolox_ela.commands.sources import named_items, output_folder, require_outside
from yolox_ela.errors import UserError
from yolox_ela.experiment import load_experiment
from yolox_ela.network.starts import start_file
from yolox_ela.predict import Detector
from yolox_ela.predict.output import LISTS, OutputFolder, sources_of
from yolox_ela.predict.sources import Item
from yolox_ela.predict.window import Window
from yolox_ela.recipe import Recipe
from yolox_ela.system.threads import limit_threads


def main(args: argparse.Namespace) -> int:
    """Run the command; see `predict_options.parse`."""
    with ExitStack() as held:  # the folder is released at the end, also after an error
        return run(args, held)


def run(args: argparse.Namespace, held: ExitStack) -> int:
    """Detect; the output folder is entered into `held`."""
    items = named_items(args.sources, live=args.live)
    require_outside(args.output, args.sources)
    window = Window() if args.show else None
    limit_threads()
    detector = _detector(args)
    folder = output_folder(args.output, args.home, "predict", held) if args.save else None
    output = OutputFolder(folder, args.save, detector.classes, sources_of(items))
    screen = screen_of(quiet=args.quiet, json_on_screen=args.json == SCREEN)
    progress = Progress(len(items), screen)
    try:
        interrupted = _detect(detector, items, output, progress, window)
    finally:
        if window is not None:
            window.close()
        output.close()
    progress.end_video()
    if args.json:
        write_result(output.listed(), args.json)
    if screen is not None:
        written = "" if folder is None else _written(args.save, folder)
        print(f"{progress.summary()}{written}", file=screen)
    failures = sum("error" in entry for entry in output.listed())
    if failures:
        print(f"{failures} of {len(items)} files could not be read", file=sys.stderr)
    return EXIT_INTERRUPTED if interrupted else 1 if failures else 0


def _detect(
    detector: Detector,
    items: Sequence[Item],
    output: OutputFolder,
    progress: Progress,
    window: Window | None,
) -> bool:
    """Take all results; whether Ctrl-C has ended it before."""

    def skip(source: Any, error: UserError) -> None:
        output.failed(source, error)
        progress.failed()
        print(f"skipped: {error}", file=sys.stderr)

    try:
        for result in detector.stream(items, on_error=skip):
            plot = result.plot() if window is not None or output.has_pictures else result.image
            output.add(result, plot)
            progress.add(result)
            if window is not None and not window.show(plot, wait=result.frame is None):
                break
    except KeyboardInterrupt:
        print("interrupted: what was found until now is saved", file=sys.stderr)
        return True
    return False


def _detector(args: argparse.Namespace) -> Detector:
    exp = None if args.experiment is None else load_experiment(args.experiment)
    return Detector.from_checkpoint(
        start_file(args.checkpoint or DETECTOR, size=(exp or Recipe).size),
        exp,
        image_size=args.size,
        device=args.device,
        attention=args.attention,
        score_threshold=args.conf,
        nms_iou=args.nms,
        only=args.classes,
        max_detections=args.max,
    )


def _written(kinds: Collection[str], folder: Path) -> str:
    """What was written and where, as the end of a sentence."""
    words = {**LISTS, "yolo": "labels", "voc": "Annotations"}
    return f"; {', '.join(words.get(kind, kind) for kind in kinds)} in {folder}" if kinds else ""
