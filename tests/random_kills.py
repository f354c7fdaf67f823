"""Kill trainings at random moments, and compare them with one that nobody killed.

    python tests/random_kills.py [KILLS] [FOLDER]

A process that has loaded everything makes a small data set, trains on it once without being
disturbed, and then forks trainings of the same run, each of which it kills by SIGKILL after a
random time, until so many are killed; the last one is left alone. The weights, the averages, the
optimizer's memory and the history must be equal bit by bit.
"""

import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch
from loguru import logger

from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.sample import generate_sample
from yolox_ela.errors import UserError
from yolox_ela.experiment import Experiment
from yolox_ela.network.weights import read_checkpoint
from yolox_ela.overrides import override
from yolox_ela.system.claim import claim_folder
from yolox_ela.system.run_names import START_FILES
from yolox_ela.tasks.detection import Detection
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.engine import Training
from yolox_ela.train.run_folder import RunFolder

SETTINGS = {
    "name": "killed", "image_size": 64, "batch_size": 4, "epochs": 6, "eval_interval": 3,
    "workers": 0, "lr": 0.01, "final_fraction": 0.33,
}  # fmt: skip
TIMES = {"train_seconds", "wait_seconds", "total_seconds", "images_per_second", "eval_seconds",
         "data_wait_share", "memory_gib"}  # fmt: skip
# The optimizer's settings are not its memory: each step sets them, from the recipe and its number.
IGNORED = TIMES | {"param_groups"}


def train(path, recipe, splits):
    """Begin a run in this folder, or go on with the one that is there."""
    with claim_folder(path, "it is still held", START_FILES):
        folder = RunFolder(path)
        resume = folder.state.is_file()
        folder.check(resume=resume)
        torch.manual_seed(0)
        accelerator = build_accelerator("cpu", "fp32")
        task = Detection(recipe, *splits, accelerator)
        training = Training(recipe, recipe.build_model(), task, folder, accelerator, trackers=())
        if resume:
            training.resume()
        training.run()


def forked(path, recipe, splits, seconds):
    """Train in a process that is killed after so many seconds; whether it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            train(path, recipe, splits)
            os._exit(0)
        except UserError as error:
            print("error:", error, flush=True)
        os._exit(1)
    if seconds is not None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return require_sound_end(status)
            time.sleep(0.005)
        os.kill(child, signal.SIGKILL)
    return require_sound_end(os.waitpid(child, 0)[1])


def require_sound_end(status):
    """Whether a process ended by itself; anything but success or our signal ends the program."""
    if os.WIFSIGNALED(status):
        return False
    if os.WEXITSTATUS(status):
        sys.exit("a training that was resumed after a kill has failed")
    return True


def differences(one, other, name=""):
    """The entries in which two states differ, but for those of `IGNORED`."""
    if isinstance(one, torch.Tensor):
        return [] if torch.equal(one, other) else [name]
    if isinstance(one, dict) and isinstance(other, dict):
        keys = (one.keys() | other.keys()) - IGNORED
        return [
            d for key in keys for d in differences(one.get(key), other.get(key), f"{name}.{key}")
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = zip(one, other, strict=True)
        return [d for i, (a, b) in enumerate(pairs) for d in differences(a, b, f"{name}[{i}]")]
    return [] if one == other else [name]


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    place = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp())
    logger.remove()
    torch.set_num_threads(1)
    data = generate_sample(place / "data", train_images=8, test_images=8)
    recipe = override(Experiment(), SETTINGS)
    splits = [load_split(data, [f"2007/{name}"], recipe.classes) for name in ("trainval", "test")]
    started = time.monotonic()
    forked(place / "whole", recipe, splits, None)
    whole = time.monotonic() - started
    print(f"undisturbed: {whole:.1f} s", flush=True)
    chance, killed, completed, saved = random.Random(0), 0, 0, set()
    while killed < kills:
        path = place / f"killed-{completed}"
        if forked(path, recipe, splits, chance.uniform(0, whole / 3)):
            completed += 1
            continue
        killed += 1
        if (path / "state.pth").is_file():
            saved.add((completed, read_checkpoint(path / "state.pth")["progress"]["step"]))
    last = place / f"killed-{completed}"
    forked(last, recipe, splits, None)
    expected = read_checkpoint(place / "whole" / "state.pth")
    wrong = []
    for number in range(completed + 1):
        path = place / f"killed-{number}"
        wrong += differences(read_checkpoint(path / "state.pth"), expected, path.name)
        wrong += [str(left) for left in path.rglob("*.tmp")]
    print(f"{killed} kills over {completed + 1} runs, at {len(saved)} different saved steps")
    print(f"differences: {', '.join(wrong) or 'none'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
