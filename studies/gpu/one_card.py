"""`yolox-ela` under torchrun where several processes share one GPU, which NCCL refuses: by gloo."""

import os
import sys

from accelerate.state import PartialState

from yolox_ela.commands.entry import main

if __name__ == "__main__":
    cpu = os.environ["ACCELERATE_TORCH_DEVICE"] == "cpu"
    PartialState(cpu=cpu, backend="gloo")  # accelerate keeps it for the whole program
    sys.exit(main())
