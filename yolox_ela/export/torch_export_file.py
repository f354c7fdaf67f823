"""Files of torch.export, torch's own format for graphs, from which CoreML's are made, too."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from yolox_ela.errors import UserError
from yolox_ela.export.metadata import SECTION, Metadata
from yolox_ela.export.network import ToExport
from yolox_ela.export.opened import Opened
from yolox_ela.system.checksums import require_checksums
from yolox_ela.system.device import select_device

LEAST_SIDE = (
    64  # of an open size: torch.export treats a map that is one cell wide as a case of its own
)
EXTRA = f"{SECTION}.json"  # the metadata's name inside the file


def program_of(job: ToExport) -> ExportedProgram:
    """The network as torch.export records it."""
    free: dict[int, Any] = {}
    if job.metadata.batch == 0:
        free[0] = Dim("batch", min=1)
    if job.metadata.any_size:
        least = LEAST_SIDE // 32
        free |= {2: 32 * Dim("rows", min=least), 3: 32 * Dim("columns", min=least)}
    with torch.no_grad():
        return torch.export.export(job.network, (job.example(),), dynamic_shapes=(free,))


def write(job: ToExport, path: Path) -> None:
    """Write a file of torch.export, with the metadata as an extra file inside."""
    texts = {EXTRA: json.dumps(job.metadata.texts())}
    torch.export.save(program_of(job), path, extra_files=texts)


def open_file(path: Path, device: str) -> Opened:
    """Open a file of torch.export. Only open files that you trust: they are programs.

    Raises:
        UserError: the file has no metadata.
    """
    on = select_device(device)
    require_checksums(path)
    extra = {EXTRA: ""}
    program = torch.export.load(path, extra_files=extra)
    meta = Metadata.of_texts(json.loads(extra[EXTRA] or "{}"), str(path))
    if on.type != "cpu":
        from torch.export.passes import move_to_device_pass

        program = move_to_device_pass(program, on)
    module = program.module()

    @torch.inference_mode()
    def run(images: Tensor) -> tuple[Tensor, ...]:
        if meta.any_size and min(images.shape[2:]) < LEAST_SIDE:
            raise UserError(f"{path} takes images of at least {LEAST_SIDE} pixels a side")
        return (module(images.to(on)).cpu(),)

    return Opened(meta, run)
