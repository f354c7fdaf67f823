"""TorchScript files, for programs in C++ with libtorch and for Python without this package."""

import json
import warnings
from pathlib import Path

import torch
from torch import Tensor

from yolox_ela.export.metadata import SECTION, Metadata
from yolox_ela.export.network import ToExport
from yolox_ela.export.opened import Opened
from yolox_ela.system.checksums import require_checksums
from yolox_ela.system.device import select_device

EXTRA = f"{SECTION}.json"  # the metadata's name inside the file


def write(job: ToExport, path: Path) -> None:
    """Write a TorchScript file, with the metadata as an extra file inside."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # that torch.export is newer; and of tracing
        traced = torch.jit.trace(job.network, (job.example(),), check_trace=False)
        torch.jit.save(traced, path, _extra_files={EXTRA: json.dumps(job.metadata.texts())})


def open_file(path: Path, device: str) -> Opened:
    """Open a TorchScript file. Only open files that you trust: they are programs.

    Raises:
        UserError: the file has no metadata.
    """
    on = select_device(device)
    require_checksums(path)
    extra = {EXTRA: ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.load(path, map_location=on, _extra_files=extra)
    meta = Metadata.of_texts(json.loads(extra[EXTRA] or "{}"), str(path))

    @torch.inference_mode()
    def run(images: Tensor) -> tuple[Tensor, ...]:
        return (module(images.to(on)).cpu(),)

    return Opened(meta, run)
