"""Whether every network can be exported: attention x size x input x opset, each compared.

    python -m studies.export_grid                # ONNX, all attention modules and sizes
    python -m studies.export_grid --format openvino --size nano

One line a case: the largest differences between file and network, or why it was refused. The
networks have random weights with lively outputs; see `lively_network`.
"""

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from yolox_ela.errors import UserError
from yolox_ela.export.check import (
    Differences,
    check_batches,
    check_images,
    compare,
    letterboxed,
    require_equal,
)
from yolox_ela.export.formats import FORMATS, OPSETS
from yolox_ela.export.metadata import Metadata
from yolox_ela.export.network import ToExport, exported_network
from yolox_ela.export.runtimes import Predictions, open_exported
from yolox_ela.export.write import write_proven
from yolox_ela.named_attention import attention_of
from yolox_ela.network.inference import PLAIN, predictor
from yolox_ela.network.model import Yolox, build_yolox

ATTENTION = (
    "ela_t",
    "ela_b",
    "ela_s",
    "ela_l",
    "ca",
    "cagroupnorm",
    "se",
    "cbam",
    "eca",
    "sa",
    "none",
)
SIZES = ("nano", "tiny", "s")
LEAST_VARIANCE = 0.1  # less would only magnify the rounding of numbers
INPUTS = ((96, 96), (64, 128))
NAMES = ("cat", 'dog "Rex"', "Zebra, ä")


def lively_network(
    attention: Sequence[str], build: Callable[..., Yolox] = build_yolox, **options: str
) -> Yolox:
    """A network whose outputs depend on everything in it: statistics of BatchNorm from a forward
    pass, gates that are not near one half, scores that are not all the prior's 1%.

    Args:
        attention: names of modules, which the sites get in turn.
        build: builds the network from a number of classes and what builds its attention.
        **options: of `build`, such as the size.
    """
    builders = itertools.cycle([attention_of(name) for name in attention])
    torch.manual_seed(1)
    model = build(len(NAMES), lambda channels: next(builders)(channels), **options)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the statistics of one batch
    with torch.no_grad():
        for parameter in model.backbone.attention.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
        model.train()
        images = letterboxed(check_images(), (128, 128)).float()
        for level, features in enumerate(model.backbone(images)):
            model.head._predict(level, features)
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_var.clamp_(min=LEAST_VARIANCE)
        for of_level in (*model.head.obj_preds, *model.head.cls_preds):
            of_level.bias.zero_()
            of_level.weight.mul_(5)
        for of_level in model.head.reg_preds:
            of_level.weight.mul_(0.2)
    return model.eval()


def run_case(
    model: Yolox, meta: Metadata, path: Path, *, kind: str = "onnx", opset: int = 17
) -> Differences:
    """Export a network and compare the file with it.

    Raises:
        UserError: it cannot be exported, or differs.
    """
    found: list[Differences] = []

    def prove(file: Path) -> None:
        opened = open_exported(file, "cpu")
        if opened.metadata != meta:
            raise UserError("the metadata differ")
        network = predictor(model, torch.device("cpu"), PLAIN)
        batches = check_batches(check_images()[:4], meta)
        found.append(compare(network, Predictions(opened), batches, meta))
        require_equal(found[0], meta)

    job = ToExport(exported_network(model, meta, kind), meta, opset)
    write_proven(job, FORMATS[kind], path, prove)
    return found[0]


def main() -> int:
    """Run the grid; 1 if a case fails."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--format", choices=list(FORMATS), default="onnx")
    parser.add_argument("--attention", nargs="+", default=ATTENTION)
    parser.add_argument("--size", nargs="+", default=SIZES)
    args = parser.parse_args()
    suffix, failed = FORMATS[args.format].suffix, 0
    cycle = itertools.cycle(OPSETS)
    outputs = itertools.cycle(FORMATS[args.format].outputs)
    print("attention size input opset outputs open | before NMS px, score | detections px, score")
    with tempfile.TemporaryDirectory() as folder:
        for attention, size in itertools.product(args.attention, args.size):
            model = lively_network([attention], size=size)
            for image_size, free in itertools.product(INPUTS, (False, True)):
                meta = Metadata(
                    NAMES, image_size, next(outputs), 0 if free else 1, free, score_threshold=0.25
                )
                opset = next(cycle)
                start = time.perf_counter()
                try:
                    found = str(
                        run_case(
                            model, meta, Path(folder) / f"m{suffix}", kind=args.format, opset=opset
                        )
                    )
                except UserError as error:
                    found, failed = f"REFUSED: {error}", failed + 1
                seconds = time.perf_counter() - start
                shape = "x".join(map(str, image_size))
                freedom = "open" if free else "fixed"
                print(
                    f"{attention} {size} {shape} {opset} {meta.outputs} {freedom} | {found} "
                    f"({seconds:.0f} s)",
                    flush=True,
                )
    print(f"{failed} refused")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
