"""Detect objects in pictures: draws boxes with names and scores, and lists them as JSON.

python tools/demo.py -f exps/nano_ela_s.py -c runs/nano_ela_s/best.pth photo.jpg folder/
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from yolox_ela.commands.options import tool_parser, write_result
from yolox_ela.errors import UserError
from yolox_ela.images.read import IMAGE_SUFFIXES
from yolox_ela.network.starts import start_file
from yolox_ela.predict import Detector, ImageLike
from yolox_ela.system.claim import claim_folder
from yolox_ela.system.threads import limit_threads


def main(home: Path) -> int:
    """Run the command; `home` holds runs/ and datasets/."""
    with ExitStack() as held:  # the output's folder, until the end, however it comes
        return run(parse_arguments(home), held)


def run(args: argparse.Namespace, held: ExitStack) -> int:
    """Detect; the output folder is entered into `held`."""
    limit_threads()
    detector = Detector.from_checkpoint(
        start_file(args.checkpoint),
        args.experiment,
        image_size=args.size,
        score_threshold=args.conf,
        nms_iou=args.nms,
        device=args.device,
    )
    paths = list(dict.fromkeys(find_images(args.paths)))  # each once
    if not paths:
        raise UserError(f"no images in {', '.join(map(str, args.paths))}")
    held.enter_context(claim_folder(args.output, "name another folder with -o"))
    targets: dict[Any, Path] = dict(zip(paths, output_paths(paths, args.output), strict=True))
    entries: dict[Any, dict[str, Any]] = {}

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
        listed = ", ".join(f"{d['class']} {d['score']:.2f}" for d in found.to_dicts())
        print(f"{path}: {listed or 'nothing'}")
    failures = sum("error" in entry for entry in entries.values())
    write_result([entries[path] for path in paths], args.output / "detections.json")
    print(f"{len(paths) - failures} pictures and detections.json in {args.output}")
    if failures:
        print(f"{failures} of {len(paths)} files could not be read", file=sys.stderr)
    return 1 if failures else 0


def parse_arguments(home: Path) -> argparse.Namespace:
    """The options as typed, and `home`."""
    parser = tool_parser(__doc__.splitlines()[0])
    parser.add_argument("-c", "--checkpoint", required=True, help="trained weights")
    parser.add_argument("paths", type=Path, nargs="+", help="images, or folders of images")
    parser.add_argument("-o", "--output", type=Path, default=home / "runs" / "demo")
    parser.add_argument("--conf", type=float, default=0.3, help="least score to show")
    parser.add_argument("--nms", type=float, default=0.45, help="overlap that NMS allows")
    parser.add_argument("--size", type=int, help="network input; default as trained")
    parser.set_defaults(home=home)
    return parser.parse_args()


def find_images(paths: Sequence[Path]) -> Iterator[Path]:
    """The files as named, and the images directly inside the folders; says what it leaves out.

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
    """A picture's file for each input: numbered where names are the same, never an input."""
    inputs = {path.resolve() for path in paths}
    targets: list[Path] = []
    for path in paths:
        target, number = folder / f"{path.stem}.jpg", 2
        while target in targets or target.resolve() in inputs:
            target, number = folder / f"{path.stem}_{number}.jpg", number + 1
        targets.append(target)
    return targets


def save_picture(path: Path, image: np.ndarray) -> None:
    """Write a JPEG, also where the path has other than ASCII letters."""
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    path.write_bytes(encoded.tobytes())
