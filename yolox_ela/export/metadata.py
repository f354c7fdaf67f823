"""What an exported file says of itself: names, input, outputs and where it is from."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from yolox_ela.choices import NMS_IOU, SCORE_THRESHOLD
from yolox_ela.errors import UserError
from yolox_ela.input_size import UNIT, is_image_size
from yolox_ela.saved_settings import require_names
from yolox_ela.schema import (
    AMOUNT,
    COUNT,
    SHARE,
    TEXT,
    Kind,
    choice,
    listed,
    mapped,
    record,
    require,
)

SECTION = "yolox_ela"  # the name of this part in files that have parts
INPUT, OUTPUT = "images", "output"
DETECTION_OUTPUTS = ("boxes", "scores", "labels", "images_of_boxes")
INPUT_TEXT = (
    "images: float32 (N, 3, H, W), channels blue, green, red, values 0 to 255, not normalised; the "
    "picture is resized with its ratio of width to height kept until it just fits, put at the top "
    "left, and the rest is filled with 114"
)
OUTPUT_TEXTS = {
    "raw": "output: float32 (N, A, 5 + classes): offset of the box's centre x, y from its cell and "
    "logarithm of width, height, in cells of strides 8, 16, 32 one after the other, each row by "
    "row; then objectness and class scores in 0-1",
    "decoded": "output: float32 (N, A, 5 + classes): centre x, centre y, width, height in pixels "
    "of the input, objectness and class scores in 0-1; a box's score is objectness x class score",
    "nms": "boxes: float32 (D, 4) x1, y1, x2, y2 in pixels of the input; scores: float32 (D,); "
    "labels: int64 (D,) class indices from 0; images_of_boxes: int64 (D,) position of each box's "
    "picture in the batch; ordered by picture and class, best score first",
}
SIZE = Kind(
    f"height and width, two multiples of {UNIT}",
    lambda value: isinstance(value, list) and len(value) == 2 and all(map(is_image_size, value)),
)
CONTENT = record(
    {
        "image_size": SIZE,
        "outputs": choice(OUTPUT_TEXTS),
        "batch": COUNT,
        "any_size": Kind("true or false", lambda value: isinstance(value, bool)),
        "white": listed(AMOUNT, 2),
        **dict.fromkeys(("score_threshold", "nms_iou"), SHARE),
        **dict.fromkeys(("experiment", "weights", "precision", "version"), TEXT),
    }
)


@dataclass(frozen=True)
class Metadata:
    """What an exported file says of itself.

    Attributes:
        names: the classes, in the order of the outputs.
        image_size: height and width of the input in pixels.
        outputs: one of `formats.OUTPUTS`.
        batch: number of images that the file takes at a time; 0 for any number.
        any_size: whether height and width can be any multiples of 32.
        score_threshold: the lowest score of a detection: for `nms` the file's own, otherwise the
            one that is suggested.
        nms_iou: the IoU above which NMS drops the weaker box: as `score_threshold`.
        experiment: the name of the experiment that the network is from.
        weights: the name of the file of weights.
        precision: fp32 or int8.
        white: the values that are white in pictures of more than 8 bits; see `ValueRange`.
        version: the version of this package that wrote the file.
    """

    names: tuple[str, ...]
    image_size: tuple[int, int]
    outputs: str = "decoded"
    batch: int = 1
    any_size: bool = False
    score_threshold: float = SCORE_THRESHOLD
    nms_iou: float = NMS_IOU
    experiment: str = ""
    weights: str = ""
    precision: str = "fp32"
    white: tuple[float, float] = (0.0, 0.0)
    version: str = ""

    def texts(self) -> dict[str, str]:
        """Every entry as JSON, and the conventions of input and outputs in words."""
        entries = {
            key: json.dumps(value, ensure_ascii=False) for key, value in asdict(self).items()
        }
        return {**entries, "input": INPUT_TEXT, "output": OUTPUT_TEXTS[self.outputs]}

    @classmethod
    def of_texts(cls, texts: Mapping[str, str], file: str) -> "Metadata":
        """The inverse of `texts`; `file` is named in messages.

        Raises:
            UserError: the file was written by another program, or is damaged.
        """
        remedy = "export it again from its weights"
        require(texts, mapped(TEXT), Path(file), remedy)
        missing = [field.name for field in fields(cls) if field.name not in texts]
        if missing:
            raise UserError(
                f"{file} does not say its {missing[0]}: it was not written by yolox-ela export; "
                f"{remedy}"
            )
        values: dict[str, Any] = {}
        for field in fields(cls):
            try:
                values[field.name] = json.loads(texts[field.name])
            except (ValueError, RecursionError) as error:
                raise UserError(f"{file} is damaged: its {field.name} cannot be read") from error
        require(values, CONTENT, Path(file), remedy)
        require_names(values["names"], Path(file), "'names'")
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**values)

    def with_batch(self, batch: int) -> "Metadata":
        """The same for another number of images at a time."""
        return replace(self, batch=batch)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the file's outputs."""
        return DETECTION_OUTPUTS if self.outputs == "nms" else (OUTPUT,)
