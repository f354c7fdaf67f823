"""`yolox-ela predict`: detect objects in pictures; save copies with boxes, and a list as JSON."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from yolox_ela.choices import DETECTOR
from yolox_ela.commands.options import SCREEN, write_result
from yolox_ela.errors import UserError
from yolox_ela.experiment import load_experiment
from yolox_ela.images.read import IMAGE_SUFFIXES
from yolox_ela.network.starts import start_file
from yolox_ela.predict import Detector, ImageLike
from yolox_ela.recipe import Recipe
from yolox_ela.system.claim import claim_folder, claim_new_folder
from yolox_ela.system.threads import limit_threads

LISTED = 20  # detections of a picture that a line names


def main(args: argparse.Namespace) -> int:
    """Run the command; see `predict_options.parse`."""
    with ExitStack() as held:  # the folder is released at the end, also after an error
        return run(args, held)


def run(args: argparse.Namespace, held: ExitStack) -> int:
    """Detect; the output folder is entered into `held`."""
    limit_threads()
    exp = None if args.experiment is None else load_experiment(args.experiment)
    detector = Detector.from_checkpoint(
        start_file(args.checkpoint or DETECTOR, size=(exp or Recipe).size),
        exp,
        image_size=args.size,
        score_threshold=args.conf,
        nms_iou=args.nms,
        device=args.device,
        attention=args.attention,
    )
    paths = list(dict.fromkeys(find_images(args.paths)))  # each once
    if not paths:
        raise UserError(f"no images in {', '.join(map(str, args.paths))}")
    if args.output is None:
        claim = claim_new_folder(args.home / "runs", "predict")
    else:
        claim = claim_folder(args.output, "name another folder with -o")
    folder = held.enter_context(claim).path
    targets: dict[Any, Path] = dict(zip(paths, output_paths(paths, folder), strict=True))
    entries: dict[Any, dict[str, Any]] = {}
    screen = sys.stderr if args.json == SCREEN else sys.stdout  # which is then for JSON alone

    def skip(path: ImageLike, error: UserError) -> None:
        entries[path] = {"image": str(path), "error": str(error)}
        print(f"skipped: {error}", file=sys.stderr)

    for path, image, found in detector.stream(paths, on_error=skip):
        save_picture(targets[path], found.drawn_on(image))
        entries[path] = {
            "image": str(path),
            "picture": targets[path].name,
            "width": image.shape[1],
            "height": image.shape[0],
            "detections": found.to_dicts(),
        }
        listed = [f"{d['class']} {d['score']:.2f}" for d in found.to_dicts()]
        more = [f"and {len(listed) - LISTED} more"] if len(listed) > LISTED else []
        print(f"{path}: {', '.join([*listed[:LISTED], *more]) or 'nothing'}", file=screen)
    failures = sum("error" in entry for entry in entries.values())
    listed_all = [entries[path] for path in paths]
    for file in filter(None, (folder / "detections.json", args.json)):
        write_result(listed_all, file)
    read = len(paths) - failures
    pictures = "1 picture" if read == 1 else f"{read} pictures"
    print(f"{pictures} and detections.json in {folder}", file=screen)
    if failures:
        print(f"{failures} of {len(paths)} files could not be read", file=sys.stderr)
    return 1 if failures else 0


def find_images(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the files as named and the images directly inside the folders; report what is left out.

    Names that begin with a dot are the system's own, such as macOS's `._photo.jpg`.
    """
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        files = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
        images = [p for p in files if p.suffix.lower() in IMAGE_SUFFIXES]
        yield from images
        if others := sorted({p.suffix.lower() or p.name for p in files} - set(IMAGE_SUFFIXES)):
            print(
                f"{path}: {len(files) - len(images)} files are left out ({', '.join(others)}); "
                f"pictures end in {', '.join(IMAGE_SUFFIXES)}",
                file=sys.stderr,
            )


def output_paths(paths: Sequence[Path], folder: Path) -> list[Path]:
    """The file to write for each input: numbered where names repeat, and never an input itself."""
    inputs = {path.resolve() for path in paths}
    targets: list[Path] = []
    for path in paths:
        target, number = folder / f"{path.stem}.jpg", 2
        while target in targets or target.resolve() in inputs:
            target, number = folder / f"{path.stem}_{number}.jpg", number + 1
        targets.append(target)
    return targets


def save_picture(path: Path, image: np.ndarray) -> None:
    """Write a JPEG file; OpenCV's own writer fails on some paths with letters beyond ASCII."""
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    path.write_bytes(encoded.tobytes())
