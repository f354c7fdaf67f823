"""Whether a long run keeps memory, handles, processes and shared memory flat.

    python tests/endurance.py [EPOCHS] [FOLDER]

20 epochs of 100 steps on tiny images, each with an evaluation, a save and a loader process; a row
of numbers per epoch, and the growth between the fifth epoch and the last.
"""

import sys
import tempfile
import time
from pathlib import Path

import psutil
import torch
from loguru import logger

from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.sample import generate_sample
from yolox_ela.experiment import Experiment
from yolox_ela.overrides import override
from yolox_ela.tasks.detection import Detection
from yolox_ela.train.accelerator import build_accelerator
from yolox_ela.train.engine import Training
from yolox_ela.train.run_folder import RunFolder

SETTINGS = {
    "name": "endurance", "image_size": 64, "batch_size": 2, "eval_interval": 1, "workers": 1,
    "lr": 0.001, "final_fraction": 0.2, "multiscale": 0.0,
}  # fmt: skip
IMAGES, SETTLED = 200, 5  # images of an epoch, and the epoch from which on nothing may grow


class Measured(Training):
    """Notes at each epoch's end what the process and its children hold."""

    def _end_epoch(self):
        results = super()._end_epoch()
        own = psutil.Process()
        family = [own, *own.children(recursive=True)]
        shared = sum(path.stat().st_size for path in Path("/dev/shm").glob("torch_*"))
        row = {
            "step": self.progress.step,
            "memory of the process, MiB": own.memory_info().rss / 2**20,
            "memory of its children, MiB": sum(p.memory_info().rss for p in family[1:]) / 2**20,
            "handles": own.num_fds(),
            "threads": own.num_threads(),
            "processes": len(family),
            "shared memory, MiB": shared / 2**20,
        }
        self.rows = [*getattr(self, "rows", []), row]
        print(", ".join(f"{name} {value:.0f}" for name, value in row.items()), flush=True)
        return results


def main() -> int:
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    place = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp())
    logger.remove()
    torch.set_num_threads(1)
    data = generate_sample(place / "data", train_images=IMAGES, test_images=8)
    recipe = override(Experiment(), {**SETTINGS, "epochs": epochs})
    splits = [load_split(data, [f"2007/{name}"], recipe.classes) for name in ("trainval", "test")]
    folder = RunFolder(place / "run")
    folder.path.mkdir()
    accelerator = build_accelerator("cpu", "fp32")
    task = Detection(recipe, *splits, accelerator)
    training = Measured(recipe, recipe.build_model(), task, folder, accelerator)
    started = time.monotonic()
    training.run()
    settled, last = training.rows[min(SETTLED, epochs) - 1], training.rows[-1]
    print(f"{last['step']} steps, {epochs} evaluations, {time.monotonic() - started:.0f} s")
    for name, value in last.items():
        print(f"{name}: {settled[name]:.1f} to {value:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
