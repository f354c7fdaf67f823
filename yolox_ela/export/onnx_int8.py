"""Static quantization of an ONNX file to 8 bits by onnxruntime."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from torch import Tensor

from yolox_ela.export.metadata import INPUT

# Boxes of hundreds of pixels and scores below 1 stand in one tensor at the end, which no 8 bits
# hold: what decodes them stays in floating point, and so do the gates of the attention.
QUANTIZED = ("Conv",)


def quantize(path: Path, calibration: Sequence[Tensor]) -> None:
    """Quantize the convolutions of a file in place, each channel's weights by itself.

    Args:
        path: the file; it is replaced.
        calibration: images (1, 3, H, W) that decide the ranges of the activations.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Images(CalibrationDataReader):
        """Gives one image after the other, then None."""

        def __init__(self) -> None:
            self.images: Iterator[Tensor] = iter(calibration)

        def get_next(self) -> dict | None:
            image = next(self.images, None)
            return None if image is None else {INPUT: image.numpy()}

    prepared = path.with_name(f"prepared_{path.name}")
    logging.disable(logging.WARNING)  # of onnxruntime, which reports its own defaults
    try:
        quant_pre_process(path, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            path,
            Images(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTIZED),
            per_channel=True,
        )
    finally:
        logging.disable(logging.NOTSET)
        prepared.unlink(missing_ok=True)
