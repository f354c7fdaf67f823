"""The data that the options name, or VOC in datasets/ if they name none."""

import argparse
from pathlib import Path

from yolox_ela.datasets.download import prepare_voc
from yolox_ela.datasets.names import parse_set


def data_name(args: argparse.Namespace) -> str:
    """What results call the data: --data-name, else VOC if datasets/ is used, else its folder."""
    if args.data_name:
        return args.data_name
    return "VOC" if args.data is None else args.data.resolve().name or "data"


def locate_data(args: argparse.Namespace, sets: tuple[str, ...], project: Path) -> Path:
    """The folder to read VOC from: --data as given, or datasets/, filled if need be.

    Raises:
        UserError: VOC can neither be found nor downloaded.
    """
    if args.data is not None:
        return args.data
    return prepare_voc(project / "datasets", [*map(parse_set, sets)], archives=args.archives)
