"""OpenVINO files: converted from ONNX; the weights lie in a .bin file beside the .xml."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from yolox_ela.errors import UserError
from yolox_ela.export import onnx_file
from yolox_ela.export.metadata import INPUT, SECTION, Metadata
from yolox_ela.export.network import ToExport, is_kept_in_float
from yolox_ela.export.opened import Opened
from yolox_ela.export.quiet import quiet

QUANTIZED = ("Convolution", "GroupConvolution")


def write(job: ToExport, path: Path) -> None:
    """Write NAME.xml and NAME.bin, with the metadata as rt_info."""
    import openvino

    source = path.with_suffix(".onnx")
    onnx_file.write(replace(job, metadata=replace(job.metadata, precision="fp32")), source)
    model = openvino.convert_model(source)
    if job.metadata.precision == "int8":
        with quiet():
            model = _quantized(model, job)
    for key, text in job.metadata.texts().items():
        model.set_rt_info(text, [SECTION, key])
    # By default the weights would be rounded to 16 bits.
    openvino.save_model(model, path, compress_to_fp16=False)
    source.unlink()


def open_file(path: Path, device: str) -> Opened:
    """Open an OpenVINO file, on the CPU.

    Raises:
        UserError: the file has no metadata or no weights beside it, or another device is asked for.
    """
    import openvino

    if device.partition(":")[0] not in ("auto", "cpu"):
        raise UserError(f"OpenVINO files run on the CPU here, not on {device}: use --device cpu")
    if not path.with_suffix(".bin").is_file():
        raise UserError(f"{path} has its weights in {path.with_suffix('.bin')}, which is missing")
    core = openvino.Core()
    model = core.read_model(path)
    texts: dict[str, str] = {}
    if model.has_rt_info([SECTION]):
        texts = dict(model.get_rt_info([SECTION]).value)
    meta = Metadata.of_texts(texts, str(path))
    # Some processors would otherwise compute in 16 bits.
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    compiled = core.compile_model(model, "CPU", options)

    def run(images: Tensor) -> tuple[Tensor, ...]:
        answers: Any = compiled({INPUT: images.numpy()})
        return tuple(torch.from_numpy(answers[name].copy()) for name in meta.output_names)

    return Opened(meta, run)


def _quantized(model: Any, job: ToExport) -> Any:
    """The model with its convolutions in 8 bits, ranges as in the calibration images."""
    import nncf

    images = nncf.Dataset(job.calibration, lambda image: {INPUT: image.numpy()})
    as_they_are = [
        node.get_friendly_name()
        for node in model.get_ops()
        if node.get_type_name() not in QUANTIZED or is_kept_in_float(node.get_friendly_name())
    ]
    return nncf.quantize(
        model,
        images,
        preset=nncf.QuantizationPreset.MIXED,  # SiLU's values are not symmetric
        subset_size=len(job.calibration),
        ignored_scope=nncf.IgnoredScope(names=as_they_are, validate=False),
        # Weights of 7 bits, since OpenVINO adds products in 16 bits where VNNI instructions lack.
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            overflow_fix=nncf.OverflowFix.ENABLE
        ),
    )
