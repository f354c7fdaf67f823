"""Measuring how the first steps of a training change its initial weights.

python studies/tuning/first_steps.py -f exps/nano_ela_s.py -c yolox_nano.pth --data DEV lr 0.02

Prints a row for each of some steps: the loss, the norm of its gradient, how far parts of the
network have moved, how far BatchNorm's statistics have drifted, how much attention passes on, and
what the network's head still answers to photographs of the test set.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from yolox_ela.augment.bank import open_images
from yolox_ela.augment.feed import HostFeed
from yolox_ela.augment.multiscale import input_size, network_input
from yolox_ela.commands.entry import run
from yolox_ela.commands.options import add_overrides, tool_parser
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.split import VocSplit
from yolox_ela.experiment import Experiment, load_experiment
from yolox_ela.images.letterbox import letterbox
from yolox_ela.input_size import ImageSize
from yolox_ela.network.model import Yolox
from yolox_ela.overrides import override, pairs_to_dict
from yolox_ela.system.text_table import text_table
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.class_weights import class_weights
from yolox_ela.train.schedule import learning_rate
from yolox_ela.train.start import load_start
from yolox_ela.train.step import TrainStep

SHOWN = (0, 1, 2, 5, 10, 20, 40, 60, 80, 100)  # steps done
PHOTOGRAPHS = 32  # that the head is asked about
PARTS = {
    "backbone": "backbone.backbone.",
    "neck": "backbone.",
    "class branch": "head.cls_",
    "head": "head.",
}
COLUMNS = ["step", "lr", "loss", "gradient", *PARTS, "BN var", "passes", "objectness", "best score"]


def main() -> int:
    """Train for a hundred steps and print a table of the changes."""
    args = parse_arguments()
    exp = override(load_experiment(args.experiment), pairs_to_dict(args.overrides))
    exp.validate()
    train = load_split(args.data, exp.train_sets, exp.classes)
    probe = probe_batch(load_split(args.data, exp.test_sets, exp.classes), exp.image_size)
    network = exp.build_model()
    load_start(exp, network, args.checkpoint)
    accelerator = build_accelerator(args.device, exp.precision)
    step = TrainStep(network, exp, accelerator, class_weights=class_weights(exp, train))
    start = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    feed = HostFeed(
        train, exp, accelerator.device, open_images(train, exp.image_size, "off", Path())
    )
    total = len(train) // exp.batch_size * exp.epochs
    rows = []
    steps = tqdm(step_rows(step, feed, exp, total), total=SHOWN[-1] + 1, unit="step", disable=None)
    for done, lr, loss, gradient in steps:
        if done in SHOWN:
            cells = [lr, loss, gradient, *moved(network, start).values()]
            cells += [variance_ratio(network, start), *answers(network, probe)]
            rows.append([done, *(f"{cell:.4g}" for cell in cells)])
        if done == SHOWN[-1]:
            break
    print(text_table(COLUMNS, rows, align="r" * len(COLUMNS)))
    return 0


def parse_arguments() -> argparse.Namespace:
    """The command line; data and weights are not downloaded here."""
    parser = tool_parser(__doc__.splitlines()[0])
    parser.add_argument("-c", "--checkpoint", type=Path, required=True, help="COCO's weights")
    parser.add_argument("--data", type=Path, required=True, help="VOCdevkit-layout folder")
    add_overrides(parser)
    return parser.parse_args()


def step_rows(
    step: TrainStep, feed: HostFeed, exp: Experiment, total: int
) -> Iterator[tuple[int, float, float, float]]:
    """Before any step and after each: steps done, its learning rate, loss, gradient's norm."""
    nan = float("nan")
    yield 0, nan, nan, nan
    for i, batch in enumerate(feed.loader(start=0, rank=0, world=1)):
        lr = learning_rate(i, total, exp)
        size = input_size(i, exp)
        losses = step(*network_input(*feed.samples(batch), size), lr, use_l1=False)
        gradients = [p.grad for p in step.network.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)  # as clipped, if it is
        yield i + 1, lr, float(losses["total_loss"].detach()), float(norm)


def probe_batch(split: VocSplit, size: ImageSize) -> Tensor:
    """(N, 3, H, W) float, the first photographs of a split as evaluation sees them."""
    count = min(PHOTOGRAPHS, len(split))
    boxed = [letterbox(split.read(index), size)[0] for index in range(count)]
    return torch.stack([torch.from_numpy(b).permute(2, 0, 1) for b in boxed]).float()


def moved(network: Yolox, start: dict[str, Tensor]) -> dict[str, float]:
    """For each part, the norm of the change of its weights, divided by the norm of the start."""
    ways: dict[str, list[float]] = {part: [0.0, 0.0] for part in PARTS}
    for name, parameter in network.named_parameters():
        if name.startswith("backbone.attention."):
            continue
        part = next(part for part, prefix in PARTS.items() if name.startswith(prefix))
        ways[part][0] += float((parameter.detach() - start[name]).square().sum())
        ways[part][1] += float(start[name].square().sum())
    return {part: (way / length) ** 0.5 for part, (way, length) in ways.items()}


def variance_ratio(network: Yolox, start: dict[str, Tensor]) -> float:
    """The running variance of BatchNorm divided by that of the start, median over channels."""
    ratios = [
        tensor / start[name].clamp_min(1e-6)
        for name, tensor in network.state_dict().items()
        if name.endswith("running_var")
    ]
    return float(torch.cat(ratios).median())


@torch.no_grad()
def answers(network: Yolox, images: Tensor) -> tuple[float, float, float]:
    """What attention passes on, the mean objectness, and the best score of a photograph.

    The first is the mean over sites of the sum of |output| over that of |input|, 1 without
    attention; the others are means over photographs, in 0-1, of the weights as trained.
    """
    training = {module: module.training for module in network.modules()}
    network.eval()
    with passed_on(network) as shares:
        output = network(images.to(next(network.parameters()).device))
    for module, mode in training.items():
        module.training = mode
    scores = output[..., 4] * output[..., 5:].amax(dim=2)
    share = sum(shares) / len(shares) if shares else 1.0
    return share, float(output[..., 4].mean()), float(scores.amax(dim=1).mean())


@contextmanager
def passed_on(network: Yolox) -> Iterator[list[float]]:
    """Collects for each attention module that runs the share of its input that it passes on."""
    shares: list[float] = []

    def watch(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        shares.append(float(output.abs().sum() / inputs[0].abs().sum()))

    handles = [m.register_forward_hook(watch) for m in network.backbone.attention.values()]
    try:
        yield shares
    finally:
        for handle in handles:
            handle.remove()


if __name__ == "__main__":
    run(main)
