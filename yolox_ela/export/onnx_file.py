"""ONNX files: written by torch's tracing exporter, run by onnxruntime.

The tracing exporter takes seconds where the one that stands on torch.export takes a minute; it
writes opset 17 as well, and leaves batch and size of the input open where they are to be.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from yolox_ela.errors import UserError
from yolox_ela.export.metadata import INPUT, OUTPUT, Metadata
from yolox_ela.export.network import ToExport
from yolox_ela.export.onnx_nms import append_nms
from yolox_ela.export.opened import Opened

TRACED_OPSET = 20  # the newest that the tracing exporter writes
IR_OF_OPSET_21 = 10  # the file version that came with it


def write(job: ToExport, path: Path) -> None:
    """Write an ONNX file.

    Raises:
        UserError: the opset cannot be written.
    """
    import onnx

    meta = job.metadata
    free: dict[str, dict[int, str]] = {INPUT: {}, OUTPUT: {}}
    if meta.batch == 0:
        free[INPUT][0] = free[OUTPUT][0] = "batch"
    if meta.any_size:
        free[INPUT] |= {2: "height", 3: "width"}
        free[OUTPUT][1] = "anchors"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # that this exporter is the old one; see above
        torch.onnx.export(
            job.network,
            (job.example(),),
            path,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes=free,
            opset_version=min(job.opset, TRACED_OPSET),
            dynamo=False,
        )
    if meta.precision == "int8":
        from yolox_ela.export.onnx_int8 import quantize

        quantize(path, job.calibration)
    model = onnx.load(path)
    if job.opset > TRACED_OPSET:
        model = onnx.version_converter.convert_version(model, job.opset)
        model.ir_version = max(model.ir_version, IR_OF_OPSET_21)
    if meta.outputs == "nms":
        append_nms(model, len(meta.names), meta.score_threshold, meta.nms_iou)
    written = {each.domain: each.version for each in model.opset_import}[""]
    if written != job.opset:
        raise UserError(f"opset {job.opset} became {written} in the export: choose another opset")
    onnx.helper.set_model_props(model, meta.texts())
    onnx.checker.check_model(model)
    onnx.save(model, path)


def open_file(path: Path, device: str) -> Opened:
    """Open an ONNX file; CUDA is used if onnxruntime has it.

    Raises:
        UserError: it has no metadata, or onnxruntime lacks the device.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=_providers(device))
    meta = Metadata.of_texts(session.get_modelmeta().custom_metadata_map, str(path))

    def run(images: Tensor) -> tuple[Tensor, ...]:
        answers: list[Any] = session.run(list(meta.output_names), {INPUT: images.numpy()})
        return tuple(torch.from_numpy(np.asarray(answer)) for answer in answers)

    return Opened(meta, run)


def _providers(device: str) -> list[str]:
    import onnxruntime

    kind = device.partition(":")[0]
    there = onnxruntime.get_available_providers()
    if kind == "auto":
        return [name for name in ("CUDAExecutionProvider",) if name in there] + [
            "CPUExecutionProvider"
        ]
    if kind == "cpu":
        return ["CPUExecutionProvider"]
    if kind == "cuda" and "CUDAExecutionProvider" in there:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]
    raise UserError(
        f"this onnxruntime cannot run on {device} (it has {', '.join(there)}): use --device cpu"
        + (", or pip install onnxruntime-gpu" if kind == "cuda" else "")
    )
