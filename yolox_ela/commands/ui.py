"""`yolox-ela ui`: a page on this machine that shows what networks detect."""

import argparse

from yolox_ela.choices import DETECTOR
from yolox_ela.commands.explain import network_name
from yolox_ela.experiment import load_experiment
from yolox_ela.network.starts import start_file
from yolox_ela.predict import Detector
from yolox_ela.recipe import Recipe
from yolox_ela.report.style import printable
from yolox_ela.system.threads import limit_threads
from yolox_ela.ui.page import build_page
from yolox_ela.ui.server import address_of, is_loopback, listen, server, upload_folder


def main(args: argparse.Namespace) -> int:
    """Run the command until Ctrl-C; see `ui_options.parse`."""
    limit_threads()
    with listen(args.host, args.port) as listening, upload_folder():
        page = build_page(networks(args), args.conf)
        print(f"{address_of(listening)} (Ctrl-C ends it)", flush=True)
        server(page, only_loopback=is_loopback(listening)).run(sockets=[listening])
    return 0


def networks(args: argparse.Namespace) -> dict[str, Detector]:
    """The networks to choose from by the names that the page calls them, those of -c first."""
    exp = None if args.experiment is None else load_experiment(args.experiment)
    found: dict[str, Detector] = {}
    for weights in dict.fromkeys(args.checkpoint):
        name = printable(network_name(weights))
        found[printable(weights) if name in found else name] = Detector.from_checkpoint(
            start_file(weights, size=(exp or Recipe).size),
            exp,
            image_size=args.size,
            device=args.device,
            attention=args.attention,
        )
    if DETECTOR not in found:
        found[DETECTOR] = Detector.from_pretrained(image_size=args.size, device=args.device)
    return found
