"""What the page answers: the objects in a picture, and the gates of the attention."""

import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from yolox_ela.errors import UserError
from yolox_ela.explain.gate_figure import plot_gates
from yolox_ela.explain.gate_text import gate_note, gate_reading
from yolox_ela.explain.page import GATES_TEXT
from yolox_ela.images.read import image_size, read_image
from yolox_ela.images.values import ValueRange
from yolox_ela.predict import Detector
from yolox_ela.report.gate_values import gate_statistics, photograph_gates
from yolox_ela.report.style import to_png

MOST_PIXELS = 100_000_000  # a small file can hold a picture that fills the memory


class Found(NamedTuple):
    """The objects in a picture.

    Attributes:
        plot: (H, W, 3) uint8 RGB, the picture with its boxes.
        entry: plain JSON values: the picture's name and size, and its detections.
    """

    plot: np.ndarray
    entry: dict[str, Any]


class Gates(NamedTuple):
    """The gates of the attention on a picture.

    Attributes:
        figure: the gates along the picture's edges, at each site; None if there are none.
        text: what can be read from them, or why there are none.
    """

    figure: Image.Image | None
    text: str


def detect(detector: Detector, path: Path, threshold: float) -> Found:
    """The objects that score at least `threshold`, 0-1, in the picture at `path`.

    Raises:
        UserError: the picture cannot be read, or the network takes no such threshold.
    """
    picture = read_picture(path, detector.runner.values)
    result = Detector(detector.runner, score_threshold=threshold)(picture)
    height, width = picture.shape[:2]
    entry = {"image": path.name, "width": width, "height": height}
    return Found(
        np.ascontiguousarray(result.plot()[:, :, ::-1]),
        {**entry, "detections": result.to_dicts()},
    )


def gates(detector: Detector, path: Path) -> Gates:
    """The gates of a detector's attention on the picture at `path`.

    Raises:
        UserError: the picture cannot be read, or the network is not run by torch.
    """
    model = detector.model
    picture = read_picture(path, detector.runner.values)
    found = photograph_gates(model, picture, detector.settings.image_size)
    reading = gate_reading(gate_statistics([found]))
    texts = [reading[:1].upper() + reading[1:], gate_note(model), GATES_TEXT if found else ""]
    figure = Image.open(io.BytesIO(to_png(plot_gates(picture, found)))) if found else None
    return Gates(figure, "\n\n".join(filter(None, texts)))


def read_picture(path: Path, values: ValueRange) -> np.ndarray:
    """A picture by the rules of `read_image`, of at most `MOST_PIXELS`.

    Args:
        path: the file; messages have its name without the folder that uploads are kept in.
        values: see `read_image`.

    Raises:
        UserError: it cannot be read, or is too large.
    """
    try:
        width, height = image_size(path)
        if width * height > MOST_PIXELS:
            raise UserError(
                f"{path} has {width} x {height} pixels: make it smaller, at most "
                f"{MOST_PIXELS // 10**6} million pixels are read"
            )
        return read_image(path, values)
    except UserError as error:
        raise UserError(str(error).replace(str(path), path.name)) from error
