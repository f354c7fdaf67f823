"""CoreML files, converted from torch.export's program. They run on macOS only.

Conversion was tried on Linux with coremltools 9.0; the files have never been run.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from yolox_ela.errors import UserError
from yolox_ela.export.metadata import INPUT, OUTPUT, Metadata
from yolox_ela.export.network import ToExport
from yolox_ela.export.opened import Opened
from yolox_ela.export.torch_export_file import program_of


def write(job: ToExport, path: Path) -> None:
    """Write a folder NAME.mlpackage, with the metadata as CoreML's user-defined metadata."""
    import coremltools

    model = coremltools.convert(
        program_of(job).run_decompositions({}),
        inputs=[coremltools.TensorType(name=INPUT, shape=job.example().shape)],
        outputs=[coremltools.TensorType(name=OUTPUT)],
        convert_to="mlprogram",
        compute_precision=coremltools.precision.FLOAT32,
        minimum_deployment_target=coremltools.target.iOS16,
    )
    model.user_defined_metadata.update(job.metadata.texts())
    model.save(str(path))


def open_file(path: Path, device: str) -> Opened:
    """Open a CoreML file, on the device that macOS chooses.

    Raises:
        UserError: the file is damaged, or this is not macOS.
    """
    import coremltools

    if sys.platform != "darwin":
        raise UserError(
            f"CoreML files run on macOS only: {path.name} cannot be checked here (export with "
            "--no-check, and compare it on macOS before you use it)"
        )
    try:
        model = coremltools.models.MLModel(str(path))
    except Exception as error:  # of several kinds, by the platform
        raise UserError(f"{path} is no CoreML file, or is damaged: {error}") from error
    meta = Metadata.of_texts(dict(model.user_defined_metadata), str(path))

    def run(images: Tensor) -> tuple[Tensor, ...]:
        answer = model.predict({INPUT: images.numpy()})
        return (torch.from_numpy(np.asarray(answer[OUTPUT], np.float32)),)

    return Opened(meta, run)
