"""Short trainings on real photographs that note their weights after each step."""

import os
import signal
from pathlib import Path

import torch
from accelerate.utils import gather_object
from shallow import shallow_yolox

from yolox_ela.attention import ela_s
from yolox_ela.datasets.load import load_split
from yolox_ela.errors import UserError
from yolox_ela.experiment import Experiment
from yolox_ela.network.model import build_yolox
from yolox_ela.overrides import override
from yolox_ela.tasks.detection import Detection
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.engine import Training
from yolox_ela.train.run_folder import RunFolder

IMAGES = 16  # photographs to train on, and as many to evaluate on: two steps an epoch
BASE = {
    "image_size": 96,
    "batch_size": 8,
    "epochs": 2,
    "final_fraction": 0.5,
    "multiscale": 0.34,
    "mosaic_prob": 0.5,
    "eval_interval": 2,
    "workers": 0,
    "lr": 1e-3,
    "warmup_fraction": 0.2,
    "grad_clip": 10.0,
    "ema_ramp": 5.0,
}
STEPS, STOP = 4, 3  # of a run, and after which one is stopped: in the middle of an epoch


class Dropout(torch.nn.Dropout2d):
    """A module for every site that uses random numbers."""

    def __init__(self, channels):
        super().__init__(0.1)


# Network, attention, and settings of its own, by the name of the run.
RUNS = {
    "frozen": (shallow_yolox, ela_s, {"freeze_batchnorm": True}),
    "random": (shallow_yolox, Dropout, {}),
    "moving": (build_yolox, None, {"momentum": 0.0, "evaluate_start": "always"}),
}


class Recorded(Training):
    """Notes weights and averages after each step; asks itself to stop after step `stop_after`."""

    stop_after = 0

    def _train_step(self, batch):
        row = super()._train_step(batch)
        self.notes = getattr(self, "notes", {})
        self.notes[self.progress.step] = {
            "network": {name: t.clone() for name, t in self.network.state_dict().items()},
            "ema": {name: t.clone() for name, t in self.ema.model.state_dict().items()},
        }
        if self.progress.step == self.stop_after:
            os.kill(os.getpid(), signal.SIGTERM)
        return row


def recipe_of(name):
    return override(Experiment(), {**BASE, **RUNS[name][2]})


def load_splits(data):
    classes = Experiment().classes
    splits = [load_split(Path(data), [f"2007/{name}"], classes) for name in ("trainval", "test")]
    return tuple(split.subset(range(IMAGES)) for split in splits)


def begin(path, name, splits, weights, *, resume=False, stop_after=0):
    """The training `name`, from the same weights each time, or the rest of one.

    `weights` are the baseline's; attention keeps its random start, and a shallow network leaves out
    those of layers that it lacks.
    """
    folder = RunFolder(path)
    accelerator = build_accelerator("cpu", "fp32")
    if accelerator.is_main_process:
        folder.path.mkdir(parents=True, exist_ok=True)
    accelerator.wait_for_everyone()
    torch.manual_seed(0)
    build, attention, _ = RUNS[name]
    network = build(20, attention)
    network.load_state_dict(weights, strict=False)
    task = Detection(recipe_of(name), *splits, accelerator)
    training = Recorded(recipe_of(name), network, task, folder, accelerator, trackers=())
    training.stop_after = stop_after
    if resume:
        training.resume()
    return training


def run(*arguments, **options):
    """Its notes by step, its rows of the history, and whether it ended."""
    training = begin(*arguments, **options)
    results = training.run()
    return {
        "notes": training.notes,
        "history": training.progress.history,
        "ended": results is not None,
    }


def spoiled(*arguments):
    """What each process says of a weight that is not finite."""
    training = begin(*arguments)
    with torch.no_grad():
        training.network.backbone.C3_p4.conv1.conv.weight.fill_(torch.nan)
    try:
        training.run()
    except UserError as error:
        return gather_object([f"{type(error).__name__}: {error}"])


def run_all(splits, weights, folder):
    """The work of each of two processes, whose notes are written into the folder."""
    main_process = os.environ["RANK"] == "0"
    noted = {name: run(folder / name, name, splits, weights) for name in ("random", "moving")}
    for name in ("frozen", "random"):
        stopped = run(folder / f"{name}_stopped", name, splits, weights, stop_after=STOP)
        assert not stopped.pop("ended")
        noted[f"{name}_stopped"] = stopped
    noted["resumed"] = run(folder / "random_stopped", "random", splits, weights, resume=True)
    noted["spoiled"] = spoiled(folder / "spoiled", "frozen", splits, weights)
    if main_process:
        torch.save(noted, folder / "noted.pth")
