"""`yolox-ela export`: a trained network as a file for other programs, with proof."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from loguru import logger

from yolox_ela.choices import DETECTOR
from yolox_ela.commands.data_of_options import locate_data
from yolox_ela.commands.data_settings import fitted_to_data, open_as
from yolox_ela.commands.export_options import CALIBRATION
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.split import VocSplit
from yolox_ela.errors import UserError
from yolox_ela.evaluate.evaluator import EvalSettings, evaluate
from yolox_ela.experiment import Experiment, load_experiment
from yolox_ela.export.check import (
    check_batches,
    check_images,
    compare,
    letterboxed,
    require_accuracy,
    require_equal,
)
from yolox_ela.export.metadata import Metadata
from yolox_ela.export.network import ToExport, exported_network
from yolox_ela.export.runtimes import open_exported, runner_of
from yolox_ela.export.write import write_proven
from yolox_ela.images.read import IMAGE_SUFFIXES, read_image
from yolox_ela.input_size import InputSize
from yolox_ela.network.inference import PLAIN, predictor
from yolox_ela.network.runner import Runner, torch_runner
from yolox_ela.network.starts import start_file
from yolox_ela.overrides import override, pairs_to_dict
from yolox_ela.predict.load import Loaded, load_network
from yolox_ela.recipe import Recipe
from yolox_ela.system.environment import package_version
from yolox_ela.system.threads import limit_threads

CPU = torch.device("cpu")


def main(args: argparse.Namespace) -> int:
    """Run the command; see `export_options.parse`."""
    limit_threads()
    given = None if args.experiment is None else load_experiment(args.experiment)
    path = start_file(args.checkpoint or DETECTOR, size=(given or Recipe).size)
    loaded = load_network(path, given)
    exp = override(loaded.experiment, pairs_to_dict(args.overrides))
    exp.validate()
    data = None if args.data is None else Data.load(args, exp, loaded)
    size = InputSize.of(args.size or exp.image_size)
    meta = Metadata(
        names=loaded.experiment.classes,
        image_size=(size.height, size.width),
        outputs=args.outputs,
        batch=0 if args.dynamic_batch else args.batch,
        any_size=args.dynamic_size,
        score_threshold=args.conf,
        nms_iou=args.nms,
        experiment=exp.name,
        weights=path.name,
        precision="int8" if args.int8 else "fp32",
        white=(loaded.values.integers, loaded.values.floats),
        version=package_version("yolox_ela"),
    )
    pictures = _pictures(args, loaded, data) if args.check else ()
    job = ToExport(
        exported_network(loaded.model, meta, args.kind.name),
        meta,
        args.opset,
        () if data is None else data.calibration(args, meta),
    )
    if job.calibration:
        print(f"measuring the ranges of 8 bits on {len(job.calibration)} training images")
    proof = Proof(args, loaded, exp, meta, data, pictures)
    written = write_proven(job, args.kind, args.output, proof)
    sizes = ", ".join(f"{file} ({_size(file):.1f} MB)" for file in reversed(written))
    print(f"wrote {sizes}")
    if not args.check:
        logger.warning("{} has not been compared with the network (--no-check)", args.output)
    if not args.kind.tested:
        logger.warning("files of {} are not covered by this project's tests", args.kind.title)
    return 0


@dataclass(frozen=True)
class Data:
    """The images that --data names.

    Attributes:
        test: those that give the AP.
        train: those that calibrate; None unless --int8.
    """

    test: VocSplit
    train: VocSplit | None

    @classmethod
    def load(cls, args: argparse.Namespace, exp: Experiment, loaded: Loaded) -> "Data":
        """Read and verify the test images, and for --int8 the training images."""
        reader = open_as(exp, locate_data(args, exp.test_sets, args.home))
        exp = fitted_to_data(exp, reader, training=args.int8, classes=False)
        test = load_split(reader, exp.test_sets, exp.classes, loaded.values)
        if args.check_limit:
            test = test.subset(range(min(args.check_limit, len(test))))
        train = None
        if args.int8:
            train = load_split(reader, exp.train_sets, exp.classes, loaded.values)
        return cls(test, train)

    def calibration(self, args: argparse.Namespace, meta: Metadata) -> tuple[torch.Tensor, ...]:
        """Training images as inputs, evenly over the set; none unless --int8."""
        if self.train is None:
            return ()
        number = min(args.calibration or CALIBRATION, len(self.train))
        chosen = np.linspace(0, len(self.train) - 1, number).astype(int)
        pictures = (self.train.read(int(index)) for index in chosen)
        return tuple(letterboxed([one], meta.image_size).float().contiguous() for one in pictures)


@dataclass(frozen=True)
class Proof:
    """Compares a file with the network, and prints what it finds."""

    args: argparse.Namespace
    loaded: Loaded
    experiment: Experiment
    metadata: Metadata
    data: Data | None
    pictures: Sequence[np.ndarray]

    def __call__(self, file: Path) -> None:
        """Look at a file.

        Raises:
            UserError: it cannot be opened, or differs from the network by too much.
        """
        if not self.args.check:
            return
        opened = open_exported(file, "cpu" if self.args.kind.name != "tensorrt" else "auto")
        runner = runner_of(opened)
        if opened.metadata != self.metadata:
            raise UserError("the file does not say of itself what was written")
        found = compare(
            predictor(self.loaded.model.eval(), CPU, PLAIN),
            runner.run,
            check_batches(self.pictures, self.metadata),
            self.metadata,
        )
        print(f"largest differences between file and network: {found}")
        if not self.args.int8:
            require_equal(found, self.metadata)
        if self.data is not None:
            self.compare_accuracy(runner, self.data.test)

    def compare_accuracy(self, runner: Runner, test: VocSplit) -> None:
        """Print the AP of both, and refuse a loss that is too large."""
        meta = self.metadata
        inside = meta.outputs == "nms"
        settings = EvalSettings(
            runner.image_size,
            meta.score_threshold if inside else self.experiment.score_threshold,
            meta.nms_iou if inside else self.experiment.nms_iou,
        )
        network = torch_runner(
            self.loaded.model, meta.names, image_size=runner.image_size, device=CPU
        )
        scores = []
        for name, one in (("network", network), ("file", runner)):
            results, _ = evaluate(one, test, settings, device=CPU, batch_size=8, workers=0)
            scores.append(results[results["headline"]])
            shown = "no objects" if scores[-1] is None else f"{100 * scores[-1]:.2f}"
            print(f"{results['headline']} of the {name} on {len(test)} images: {shown}")
        require_accuracy(*scores, int8=self.args.int8)


def _pictures(args: argparse.Namespace, loaded: Loaded, data: Data | None) -> list[np.ndarray]:
    """The pictures to compare on."""
    folder = args.check_images
    if folder is not None:
        files = sorted(f for f in folder.iterdir() if f.suffix.lower() in IMAGE_SUFFIXES)
        if not files:
            raise UserError(f"--check-images {folder} has no images; name a folder that has some")
        return check_images([read_image(file, loaded.values) for file in files[:8]])
    if data is not None:
        return check_images([data.test.read(index) for index in range(min(8, len(data.test)))])
    return check_images()


def _size(path: Path) -> float:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6
