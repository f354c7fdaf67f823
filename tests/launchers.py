"""The commands of docs/reliability.md that start several processes, each on a generated sample.

    python tests/launchers.py

Runs each of them word for word with settings of a tiny training behind it, and `-d 2`; all must
train the same weights, bit by bit.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

PROJECT = Path(__file__).resolve().parents[1]
SETTINGS = ["--device", "cpu", "-c", "none", "--no-report", "-b", "4", "-e", "2", "--threads", "1"]
SETTINGS += ["image_size", "64", "eval_interval", "2", "lr", "0.001", "workers", "0"]


def main() -> int:
    """The number of commands that trained other weights than the first."""
    from yolox_ela.datasets.sample import generate_sample

    text = (PROJECT / "docs" / "reliability.md").read_text()
    pattern = r"^((?:torchrun|accelerate launch) .*--(?:nproc_per_node|num_processes) 2 .*)$"
    commands = [found.split() for found in re.findall(pattern, text, re.MULTILINE)]
    assert len(commands) == 2, "the page names torchrun and accelerate launch"
    commands.append([*commands[0][commands[0].index("tools/train.py") :], "-d", "2"])
    commands[-1].insert(0, sys.executable)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    wrong, first = 0, {}
    with tempfile.TemporaryDirectory() as place:
        data = generate_sample(Path(place) / "data", train_images=8, test_images=8)
        for number, command in enumerate(commands):
            folder = Path(place) / str(number)
            words = [*command, "--data", str(data), "-o", str(folder), *SETTINGS]
            done = subprocess.run(
                words, cwd=PROJECT, env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            weights = torch.load(folder / "last.pth", weights_only=True)["model"]
            first = first or weights
            same = all(torch.equal(tensor, first[name]) for name, tensor in weights.items())
            print(f"{' '.join(command)}: {'the same' if same else 'OTHER'} weights", flush=True)
            wrong += not same
    return wrong


if __name__ == "__main__":
    sys.exit(main())
