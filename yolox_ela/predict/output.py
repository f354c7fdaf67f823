"""The folder that predictions are written to: pictures, videos, tables, labels, crops."""

import csv
import json
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from yolox_ela.errors import UserError
from yolox_ela.predict.labels import write_voc, write_yolo
from yolox_ela.predict.result import Result, save_picture
from yolox_ela.predict.sources import Video, name_of
from yolox_ela.predict.video import SUFFIX, VideoWriter
from yolox_ela.system.fetch import disk_errors
from yolox_ela.system.files import write_atomically

LISTS = {"json": "detections.json", "coco": "detections_coco.json", "csv": "detections.csv"}
COLUMNS = ("source", "frame", "class", "score", "x1", "y1", "x2", "y2", "width", "height")


class OutputFolder:
    """Writes results as they come, and lists of them at the end.

    Files are named after their sources, and numbered where names repeat; no source is overwritten.

    Args:
        folder: an existing folder; None if nothing is written.
        kinds: what to write, some of `PREDICT_OUTPUTS`.
        classes: names of the network's classes.
        sources: all sources, none of which may be overwritten.
    """

    def __init__(
        self,
        folder: Path | None,
        kinds: Collection[str],
        classes: tuple[str, ...],
        sources: Iterable[Any] = (),
    ) -> None:
        self.folder, self.classes = folder or Path(), classes
        self.kinds = frozenset(kinds if folder is not None else ())
        self.entries: dict[Any, dict[str, Any]] = {}
        self._coco: list[dict[str, Any]] = []
        self._rows: list[list[Any]] = []
        self._names: dict[Any, str] = {}
        self._inputs = {Path(s).resolve() for s in sources if isinstance(s, (str, Path))}
        self._video: tuple[Any, VideoWriter] | None = None
        self._crops: dict[str, int] = {}

    @property
    def has_pictures(self) -> bool:
        """Whether pictures with boxes are written."""
        return "pictures" in self.kinds

    def add(self, result: Result, plot: np.ndarray) -> None:
        """Write what there is to write of a result.

        Args:
            result: the result; those of a video in the order of its frames.
            plot: the picture with boxes; not used unless `has_pictures`.

        Raises:
            UserError: the disk is full, or the folder cannot be written.
        """
        name = self._name(result.source)
        if self._video is not None and self._video[0] != result.source:
            self._end_video()
        with self._writing():
            if self.has_pictures:
                self._add_picture(name, result, plot)
            if result.frame is not None:
                name = f"{name}_{result.frame:06}"
            if "crops" in self.kinds:
                self._add_crops(name, result)
            if "yolo" in self.kinds:
                write_yolo(self._folder("labels") / f"{name}.txt", result)
            if "voc" in self.kinds:
                write_voc(self._folder("Annotations") / f"{name}.xml", result, self.classes)
        self._list(name, result)

    def failed(self, source: Any, error: UserError) -> None:
        """Note a source that could not be read, or not to its end."""
        self._entry(source)["error"] = str(error)

    def close(self) -> None:
        """Finish a video and write the lists.

        Raises:
            UserError: the disk is full, or a video was not written completely.
        """
        self._end_video()
        with self._writing():
            if "json" in self.kinds:
                self._write("json", json.dumps(self.listed(), indent=2))
            if "coco" in self.kinds:
                self._write("coco", json.dumps(self._coco))
            if "csv" in self.kinds:
                with (self.folder / LISTS["csv"]).open("w", newline="", encoding="utf-8") as file:
                    csv.writer(file).writerows([COLUMNS, *self._rows])
            if "yolo" in self.kinds:
                text = "".join(f"{name}\n" for name in self.classes)
                (self.folder / "classes.txt").write_text(text, encoding="utf-8")

    def listed(self) -> list[dict[str, Any]]:
        """An entry for each source in their order, with its detections or its error."""
        return list(self.entries.values())

    def _name(self, source: Any) -> str:
        if source not in self._names:
            stem = name_of(source, len(self._names))
            name, number = stem, 2
            taken = set(self._names.values())
            while name in taken or self._hits_input(name):
                name, number = f"{stem}_{number}", number + 1
            self._names[source] = name
        return self._names[source]

    def _hits_input(self, name: str) -> bool:
        ends = (".jpg", SUFFIX)
        return any((self.folder / f"{name}{end}").resolve() in self._inputs for end in ends)

    def _add_picture(self, name: str, result: Result, plot: np.ndarray) -> None:
        entry = self._entry(result.source)
        if result.frame is None:
            entry["picture"] = f"{name}.jpg"
            save_picture(self.folder / entry["picture"], plot)
            return
        if self._video is None:
            entry["picture"] = f"{name}{SUFFIX}"
            self._video = (result.source, VideoWriter(self.folder / entry["picture"], result.rate))
        while self._video[1].frames <= result.frame:  # more than one for dropped frames
            self._video[1].add(plot)

    def _add_crops(self, name: str, result: Result) -> None:
        for number, (label, crop) in enumerate(result.crops(), 1):
            folder = self._folder("crops") / (re.sub(r'[<>:"/\\|?*\0-\x1f]', "_", label) or "_")
            folder.mkdir(exist_ok=True)
            save_picture(folder / f"{name}_{number}.jpg", crop)

    def _list(self, name: str, result: Result) -> None:
        height, width = result.image.shape[:2]
        found = result.to_dicts()
        entry = self._entry(result.source)
        entry |= {"width": width, "height": height}
        if result.frame is None:
            entry["detections"] = found
        else:
            entry.setdefault("frames", []).append({"frame": result.frame, "detections": found})
        if not self.kinds & {"coco", "csv"}:
            return
        frame = "" if result.frame is None else result.frame
        for one, label in zip(found, result.labels.tolist(), strict=True):
            x1, y1, x2, y2 = one["box"]
            row = [str(result.source), frame, one["class"], one["score"], *one["box"]]
            self._rows.append([*row, width, height])
            self._coco.append(
                {
                    "image_id": name,
                    "category_id": label + 1,
                    "category_name": one["class"],
                    "bbox": [x1, y1, round(x2 - x1, 2), round(y2 - y1, 2)],
                    "score": one["score"],
                }
            )

    def _entry(self, source: Any) -> dict[str, Any]:
        return self.entries.setdefault(source, {"image": str(source)})

    def _folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def _write(self, kind: str, text: str) -> None:
        path = self.folder / LISTS[kind]
        write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))

    def _end_video(self) -> None:
        video, self._video = self._video, None
        if video is not None:
            video[1].close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with disk_errors(self.folder, "predictions"):
            yield


def sources_of(items: Iterable[Any]) -> list[Any]:
    """The sources of items, as results name them."""
    return [item.source if isinstance(item, Video) else item for item in items]
