"""`yolox-ela explain`: a page for each picture on where its detections come from."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from yolox_ela.choices import DETECTOR, WITHOUT_ATTENTION, WITHOUT_POSITIONS
from yolox_ela.commands import explain_classifier
from yolox_ela.commands.explain_options import CHANGED, NO_NETWORK
from yolox_ela.commands.explained import finish, name_in_messages, require_picture, skipped
from yolox_ela.commands.host_options import names_other_network
from yolox_ela.commands.json_results import SCREEN
from yolox_ela.commands.sources import named_items, output_folder, require_outside
from yolox_ela.errors import UserError
from yolox_ela.experiment import Experiment, load_experiment
from yolox_ela.explain.explanation import Explanation, explain, require_request
from yolox_ela.explain.networks import without_attention
from yolox_ela.explain.numbers import detection_numbers, gate_numbers
from yolox_ela.explain.page import write_page
from yolox_ela.input_size import InputSize
from yolox_ela.network.starts import start_file
from yolox_ela.predict import Detector
from yolox_ela.predict.sources import Item, Video, name_of
from yolox_ela.recipe import Recipe
from yolox_ela.system.device import select_device
from yolox_ela.system.threads import limit_threads


def main(args: argparse.Namespace) -> int:
    """Run the command; see `explain_options.parse`."""
    items = named_items(args.sources)
    require_outside(args.output, args.sources)
    limit_threads()
    if names_other_network(args):
        return explain_classifier.main(args, lambda folder: page_folders(items, folder))
    networks = detectors(args)
    require_request(list(networks.values()), args.classes or (), args.place, args.method)
    with ExitStack() as held:  # the folder is released at the end, also after an error
        folder = output_folder(args.output, args.home, "explain", held)
        entries = [
            explain_picture(item, page, networks, args)
            for item, page in page_folders(items, folder).items()
        ]
        return finish(args, entries)


def explain_picture(
    item: Item, folder: Path, networks: Mapping[str, Detector], args: argparse.Namespace
) -> dict[str, Any]:
    """Write the page of a picture; its numbers, or the reason why there is none."""
    detector, *beside = networks.values()
    name = name_in_messages(item)
    try:
        explanation = explain(
            detector,
            require_picture(item),
            beside=beside,
            numbers=args.detection,
            classes=args.classes or (),
            most=args.max,
            places=args.place,
            method=args.method,
        )
    except UserError as error:
        return skipped(item, error)
    title = name.rpartition("/")[2]
    page = write_page(folder, title, facts(explanation, networks), explanation, list(networks))
    found = explanation.detections
    listed = ", ".join(f"{n} {s:.2f}" for n, s in zip(found.names, found.scores, strict=True))
    print(f"{name}: {listed}: {page}", file=sys.stderr if args.json == SCREEN else sys.stdout)
    views = dict(zip(networks, explanation.views, strict=True))
    return {
        "image": name,
        "page": str(page),
        "detections": detection_numbers(explanation, views),
        "gates": gate_numbers(views),
    }


def facts(explanation: Explanation, networks: Mapping[str, Detector]) -> dict[str, Any]:
    """What stands at the top of a page."""
    height, width = explanation.image.shape[:2]
    settings = next(iter(networks.values())).settings
    return {
        "picture": f"{width} x {height} px",
        "networks": list(networks),
        "input": f"{InputSize.of(settings.image_size)} px",
        "method": explanation.method,
        "score threshold": settings.score_threshold,
        "NMS IoU": settings.nms_iou,
    }


def detectors(args: argparse.Namespace) -> dict[str, Detector]:
    """The network to explain and those beside it, by the names that pages call them."""
    exp = None if args.experiment is None else load_experiment(args.experiment)
    detector = load(args, args.checkpoint or DETECTOR, exp, attention=args.attention)
    networks = {network_name(args.checkpoint or DETECTOR): detector}
    beside = args.beside
    if beside is None:
        beside = CHANGED if detector.model.backbone.site_keys else (NO_NETWORK,)
    other = None if args.beside_experiment is None else load_experiment(args.beside_experiment)
    for given in beside:
        if given in CHANGED:
            words = {WITHOUT_POSITIONS: "without positions", WITHOUT_ATTENTION: "without attention"}
            keep = given == WITHOUT_POSITIONS
            networks[words[given]] = without_attention(detector, keep_channels=keep)
        elif given != NO_NETWORK:
            name = network_name(given)
            name = f"{name} (beside)" if name in networks else name
            networks[name] = load(args, given, other)
    return networks


def load(
    args: argparse.Namespace, weights: str, exp: Experiment | None, *, attention: str = ""
) -> Detector:
    """A network by its weights, on the device that computes."""
    detector = Detector.from_checkpoint(
        start_file(weights, size=(exp or Recipe).size),
        exp,
        image_size=args.size,
        score_threshold=args.conf,
        nms_iou=args.nms,
        device=args.device,
        attention=attention,
    )
    detector.model.to(select_device(args.device))
    return detector


def network_name(weights: str) -> str:
    """How a page calls a network: a file by its folder, which is that of its run, and its name."""
    return "/".join(Path(weights).parts[-2:])


def page_folders(items: Sequence[Item], folder: Path) -> dict[Item, Path]:
    """The folder of each picture's page, named after it and numbered where names repeat."""
    folders: dict[Item, Path] = {}
    for item in items:
        stem = name_of(item.source if isinstance(item, Video) else item)
        target, number = folder / stem, 2
        while target in folders.values():
            target, number = folder / f"{stem}_{number}", number + 1
        folders[item] = target
    return folders
