"""What was found in one picture or frame."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from yolox_ela.errors import UserError
from yolox_ela.images.boxes import draw_boxes
from yolox_ela.system.fetch import disk_errors
from yolox_ela.system.files import as_path

JPEG_QUALITY = 92


@dataclass(frozen=True, eq=False)
class Result:
    """A picture and the objects found in it, best score first.

    Attributes:
        source: the path, address or number of a camera; for a picture in memory the picture itself.
        image: the picture, (H, W, 3) uint8 BGR.
        boxes: (D, 4) float32 x1, y1, x2, y2 in pixels of the picture.
        scores: (D,) float32 in 0-1.
        labels: (D,) int64 class indices.
        names: (D,) class names.
        frame: the number of the frame in its video, counted from 0; None for a picture.
        rate: frames per second of the video; 0 for a picture.
        seconds: the time that network and NMS took, for a batch the picture's share of it.
    """

    source: Any
    image: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    frame: int | None = None
    rate: float = 0.0
    seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.scores)

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        return f"Result({width}x{height}, {self.counts() or 'nothing'})"

    def counts(self) -> str:
        """How many objects of each class, in words, as in `2 dog, 1 cat`; empty for none."""
        return ", ".join(f"{count} {name}" for name, count in Counter(self.names).most_common())

    def plot(self) -> np.ndarray:
        """A copy of the picture, (H, W, 3) uint8 BGR, with the boxes, the best ones on top."""
        order = np.argsort(-self.scores, kind="stable")
        captions = [f"{self.names[i]} {self.scores[i]:.2f}" for i in order]
        return draw_boxes(self.image, self.boxes[order], self.labels[order].tolist(), captions)

    def save(self, path: str | Path) -> Path:
        """Write the picture with its boxes to a file, whose suffix says the format.

        Raises:
            UserError: OpenCV writes no such format, or the file cannot be written.
        """
        return save_picture(as_path(path, "path"), self.plot())

    def crops(self) -> Iterator[tuple[str, np.ndarray]]:
        """The class name of each object, and its part of the picture, (h, w, 3) uint8 BGR.

        Boxes are rounded outwards to whole pixels; those without any pixel are left out.
        """
        height, width = self.image.shape[:2]
        low = np.floor(self.boxes[:, :2]).astype(int).clip(0)
        high = np.ceil(self.boxes[:, 2:]).astype(int).clip(0, [width, height])
        for name, (x1, y1), (x2, y2) in zip(self.names, low.tolist(), high.tolist(), strict=True):
            if x2 > x1 and y2 > y1:
                yield name, self.image[y1:y2, x1:x2]

    def to_dicts(self) -> list[dict[str, Any]]:
        """Plain JSON values, one entry a box."""
        return [
            {
                "class": name,
                "score": round(float(score), 5),
                "box": [round(float(v), 2) for v in box],
            }
            for name, score, box in zip(self.names, self.scores, self.boxes, strict=True)
        ]


def save_picture(path: Path, image: np.ndarray) -> Path:
    """Write an (H, W, 3) uint8 BGR picture; OpenCV's own writer fails on some paths beyond ASCII.

    Raises:
        UserError: OpenCV writes no such format, or the file cannot be written.
    """
    try:
        done, encoded = cv2.imencode(path.suffix, image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    except cv2.error:
        done = False
    if not done:
        raise UserError(f"cannot write {path}: OpenCV writes no such format; name a .jpg or .png")
    try:
        with disk_errors(path.parent, path.name):
            path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; name another folder") from error
    return path
