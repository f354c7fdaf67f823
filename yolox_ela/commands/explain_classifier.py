"""`yolox-ela explain` for a classifier: Grad-CAM with and without attention side by side."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torchvision.transforms.v2 import functional as vf

from yolox_ela.choices import WITHOUT_ATTENTION
from yolox_ela.commands.explain_options import NO_NETWORK
from yolox_ela.commands.explained import finish, name_in_messages, require_picture, skipped
from yolox_ela.commands.host_options import own_weights, refuse_options
from yolox_ela.commands.json_results import SCREEN
from yolox_ela.commands.sources import output_folder
from yolox_ela.errors import UserError
from yolox_ela.explain.classifier import (
    ClassMap,
    class_map,
    last_block,
    maps_section,
    with_constants,
)
from yolox_ela.images.values import ValueRange
from yolox_ela.overrides import did_you_mean
from yolox_ela.predict.pictures import as_bgr
from yolox_ela.predict.sources import Item
from yolox_ela.report.page import write_report
from yolox_ela.system.device import select_device
from yolox_ela.tasks.classification import BORDER, Classification
from yolox_ela.tasks.host_task import normalised
from yolox_ela.tasks.host_trained import TrainedHost, load_trained_host

# Options that are about detections.
OTHERS = ("detection", "max", "conf", "nms", "size", "method", "attention")


def main(args: argparse.Namespace, pages: Callable[[Path], Mapping[Item, Path]]) -> int:
    """Run the command; see `explain_options.parse`.

    Args:
        args: the options.
        pages: gives each picture the folder of its page, inside of another one.
    """
    trained = load_trained_host(own_weights(args), args.experiment)
    require_options(args, trained.experiment.name)
    exp, networks = networks_of(args, trained)
    label = chosen_label(args.classes or (), exp.classes)
    first = next(iter(networks.values()))
    place = args.place[0] if "place" in args.given else last_block(first)
    values = ValueRange.recorded(trained.content)
    entries: list[dict[str, Any]] = []
    with ExitStack() as held:  # the folder is released at the end, also after an error
        folder = output_folder(args.output, args.home, "explain", held)
        for item, target in pages(folder).items():
            try:
                image = seen_by(as_bgr(require_picture(item), values), exp)
            except UserError as error:
                entries.append(skipped(item, error))
                continue
            name = name_in_messages(item)
            section = maps_section(image, maps_of(image, networks, place, label), exp.classes)
            facts = {"picture": name, "place": place, "weights": args.checkpoint}
            page = write_report(target, name.rpartition("/")[2], facts, [section])
            found = section.numbers[0]
            said = f"{name}: {found['class']} {found['softmax']:.2f}: {page}"
            print(said, file=sys.stderr if args.json == SCREEN else sys.stdout)
            entries.append({"image": name, "page": str(page), "maps": section.numbers})
        return finish(args, entries)


def require_options(args: argparse.Namespace, experiment: str) -> None:
    """Raise UserError for options that mean nothing here."""
    refuse_options(args, experiment, OTHERS)
    if "place" in args.given and len(args.place) > 1:
        raise UserError("--place takes one module of a classifier")


def networks_of(
    args: argparse.Namespace, trained: TrainedHost
) -> tuple[Classification, dict[str, nn.Module]]:
    """The experiment, its network, and those beside it by the names that pages call them."""
    exp, network = built(trained)
    attends = hasattr(network, "attention")
    networks = {"with attention" if attends else exp.name: network}
    for given in args.beside or ([WITHOUT_ATTENTION] if attends else []):
        if given == WITHOUT_ATTENTION and attends:
            networks["without attention"] = with_constants(network)
        elif given != NO_NETWORK:
            named = args.beside_experiment or args.experiment
            other, beside = built(load_trained_host(Path(given), named))
            if other.classes != exp.classes:
                raise UserError(f"{given} has other classes than {args.checkpoint}")
            networks[f"{Path(given).parent.name} (beside)"] = beside
    device = select_device(args.device)
    return exp, {name: model.to(device) for name, model in networks.items()}


def maps_of(
    image: np.ndarray, networks: dict[str, nn.Module], place: str, label: int | None
) -> list[ClassMap]:
    """The map of each network, all of one class: by default the likeliest of the first network."""
    maps: list[ClassMap] = []
    for name, network in networks.items():
        device = next(network.parameters()).device
        tensor = normalised(torch.from_numpy(image).permute(2, 0, 1))[None].to(device)
        maps.append(class_map(network, tensor, place, label, name))
        label = maps[0].label
    return maps


def built(trained: TrainedHost) -> tuple[Classification, nn.Module]:
    """A classifier's experiment, and its network.

    Raises:
        UserError: it is no classifier, or its classes are not known.
    """
    exp = trained.experiment
    if not isinstance(exp, Classification):
        raise UserError(f"{exp.name} trains no classifier, which alone can be explained here")
    if not exp.classes:
        raise UserError(
            f"{trained.path} names no classes: give the weights of a run, as runs/NAME/best.pth"
        )
    return exp, trained.network(exp)


def chosen_label(names: Sequence[str], classes: tuple[str, ...]) -> int | None:
    """The number of the class to explain; None for the likeliest."""
    if not names:
        return None
    if len(names) > 1 or names[0] not in classes:
        raise UserError(
            f"--classes takes one class here, and {', '.join(names)} is none; "
            f"{did_you_mean(names[0], classes) or ', '.join(classes[:10])}"
        )
    return classes.index(names[0])


def seen_by(picture: np.ndarray, exp: Classification) -> np.ndarray:
    """(H, W, 3) uint8 RGB: the middle of a photograph (H, W, 3) BGR, as it is evaluated."""
    pixels = torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1)
    side = exp.image_size
    image = vf.center_crop(vf.resize(pixels, [round(BORDER * side)], antialias=True), [side, side])
    return image.permute(1, 2, 0).numpy()
