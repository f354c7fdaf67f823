"""Static quantization of an ONNX file to 8 bits by onnxruntime."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from torch import Tensor

from yolox_ela.export.metadata import INPUT
from yolox_ela.export.network import is_kept_in_float
from yolox_ela.export.quiet import quiet

# Boxes of hundreds of pixels and scores below 1 stand in one tensor at the end, which no 8 bits
# hold: what decodes them stays in floating point, and so do the gates of the attention.
QUANTIZED = ("Conv",)
# Of what enters a convolution, this share in percent lies within the range that 8 bits divide: the
# largest values are so rare and so large that all others would fall on a few of the 256 steps.
PERCENTILE = 99.99


def quantize(path: Path, calibration: Sequence[Tensor]) -> None:
    """Quantize the convolutions of a file in place, each channel's weights by itself.

    Args:
        path: the file; it is replaced.
        calibration: images (1, 3, H, W) that decide the ranges of the activations.
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Images(CalibrationDataReader):
        """Gives one image after the other, then None."""

        images: Iterator[Tensor] = iter(())

        def __len__(self) -> int:
            return len(calibration)

        def set_range(self, start_index: int, end_index: int) -> None:
            self.images = iter(calibration[start_index:end_index])

        def get_next(self) -> dict | None:
            image = next(self.images, None)
            return None if image is None else {INPUT: image.numpy()}

    prepared = path.with_name(f"prepared_{path.name}")
    try:
        with quiet():
            quant_pre_process(path, prepared, skip_symbolic_shape=True)
            nodes = onnx.load(prepared, load_external_data=False).graph.node
            quantize_static(
                prepared,
                path,
                Images(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(QUANTIZED),
                per_channel=True,
                # Both without sign: without VNNI instructions, products of an unsigned and a signed
                # number are added in 16 bits, which are too few unless the weights have 7 bits.
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QUInt8,
                calibrate_method=CalibrationMethod.Percentile,
                nodes_to_exclude=[node.name for node in nodes if is_kept_in_float(node.name)],
                extra_options={
                    "WeightSymmetric": True,  # onnxruntime has one zero for all channels
                    "OpTypesToExcludeOutputQuantization": list(QUANTIZED),  # SiLU gets all bits
                    "CalibPercentile": PERCENTILE,
                    "CalibStridedMinMax": 1,  # what one image gives is counted before the next
                },
            )
    finally:
        prepared.unlink(missing_ok=True)
