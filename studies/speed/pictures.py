"""The pictures that training and inference are measured on."""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from yolox_ela.datasets.layout import find_voc_folder
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.names import parse_set
from yolox_ela.datasets.sample import generate_sample
from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError
from yolox_ela.recipe import Recipe


@dataclass(frozen=True)
class Pictures:
    """A set of annotated images, for us and for upstream.

    Attributes:
        root: the folder that holds VOC<year>.
        split: the images and objects read from there.
        text: description for the head of a table.
    """

    root: Path
    split: VocSplit
    text: str


def add_picture_options(parser: argparse.ArgumentParser) -> None:
    """Add the options --data and --set."""
    parser.add_argument(
        "--data", type=Path, help="VOCdevkit-layout folder; default: the generated sample"
    )
    parser.add_argument(
        "--set", default="2007/trainval", metavar="YEAR/SPLIT", help="default: 2007/trainval"
    )


@contextmanager
def pictures(args: argparse.Namespace) -> Iterator[Pictures]:
    """The images that the options name; a generated sample is deleted afterwards.

    Raises:
        UserError: there is no such folder or set.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = args.data or generate_sample(Path(folder))
        if not root.is_dir():
            raise UserError(f"--data {root} is not a folder")
        split = load_split(root, [args.set], Recipe().classes)
        kind = f"photographs of {args.set}" if args.data else "generated pictures (small)"
        year, _ = parse_set(args.set)
        yield Pictures(find_voc_folder(root, year).parent, split, f"{len(split)} {kind}")
