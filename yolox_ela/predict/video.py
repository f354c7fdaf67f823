"""Reading and writing videos by OpenCV."""

import math
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from yolox_ela.errors import UserError

TIMEOUT = 15_000  # milliseconds that a server may take to open a video or to send a frame
PATIENCE = 2.0  # seconds to wait for a frame that is being read when a live source is left
RATE = 25.0  # frames per second of a video or camera that does not say
CODEC = "mp4v"  # MPEG-4, which OpenCV writes on every system; it has no H.264 encoder everywhere
SUFFIX = ".mp4"
SILENT = 0  # the level at which OpenCV logs nothing


class Frames:
    """The frames of a video or camera, upright, as a context and an iterator.

    Args:
        source: a path, an address, or the number of a camera.

    Attributes:
        rate: frames per second.
        count: the number of frames as the file states it; 0 where it is not known.

    Raises:
        UserError: it is missing or does not open.
    """

    def __init__(self, source: str | Path | int) -> None:
        self.source = source
        if isinstance(source, Path) and not source.is_file():
            raise UserError(f"cannot open video {source}: there is no such file")
        _silence()
        if isinstance(source, int):
            self._capture = cv2.VideoCapture(source)
        else:
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, TIMEOUT]
            limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, TIMEOUT]
            self._capture = cv2.VideoCapture(str(source), cv2.CAP_FFMPEG, limits)
        if not self._capture.isOpened():
            raise UserError(_not_opened(source))
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if math.isfinite(rate) and 0 < rate <= 1000 else RATE
        self.count = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def __enter__(self) -> "Frames":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._capture.release()

    def __iter__(self) -> Iterator[np.ndarray]:
        """Each frame, (H, W, 3) uint8 BGR.

        Raises:
            UserError: not even the first frame can be decoded, or frames are missing at the end.
        """
        number = 0
        while (frame := self._next()) is not None:
            yield frame
            number += 1
        if number == 0:
            raise UserError(f"cannot decode video {self.source}: no frame can be read from it")
        if self.count - number > max(self.rate, self.count / 20):  # some formats state it roughly
            raise UserError(
                f"video {self.source} ends after {number} of {self.count} frames: it is damaged"
            )

    def _next(self) -> np.ndarray | None:
        read, frame = self._capture.read()
        if not read:
            return None
        return frame if frame.ndim == 3 else cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR)


class NewestFrames:
    """The newest frame whenever one is asked for; those that come meanwhile are dropped.

    A thread reads all the time, so that what is seen does not lag behind a camera. A file is read
    at its own rate.

    Args:
        source: a path, an address, or the number of a camera.

    Attributes:
        rate: frames per second of the source.

    Raises:
        UserError: it does not open.
    """

    def __init__(self, source: str | Path | int) -> None:
        self._frames = Frames(source)
        self.rate = self._frames.rate
        self._pace = 1 / self.rate if isinstance(source, Path) else 0.0
        self._newest: tuple[int, np.ndarray] | None = None
        self._error: UserError | None = None
        self._ended, self._changed = False, threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> "NewestFrames":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended = True
        self._thread.join(PATIENCE)

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        """The newest frame with its number, each once, until the source ends or is lost."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._newest is not None or self._ended)
                newest, self._newest = self._newest, None
            if newest is None:
                break
            yield newest
        if self._error is not None:
            raise self._error

    def _read(self) -> None:
        start = time.monotonic()
        try:
            with self._frames as frames:
                for number, frame in enumerate(frames):
                    if self._pace:
                        time.sleep(max(0.0, start + number * self._pace - time.monotonic()))
                    with self._changed:
                        self._newest = (number, frame)
                        self._changed.notify()
                    if self._ended:
                        return
            if not self._pace:
                raise UserError(
                    f"{_title(frames.source)} has ended, or was lost, after {number + 1} frames"
                )
        except UserError as error:
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()


@dataclass
class VideoWriter:
    """An MP4 file that frames are added to; see `close`.

    Args:
        path: the file.
        rate: frames per second.
    """

    path: Path
    rate: float
    frames: int = 0
    _writer: cv2.VideoWriter | None = None
    _size: tuple[int, int] = (0, 0)

    def add(self, frame: np.ndarray) -> None:
        """Append an (H, W, 3) uint8 BGR frame; one of another size is scaled to that of the first.

        The format needs even sides: an odd one gets one more row or column like its last.

        Raises:
            UserError: the file cannot be written.
        """
        if self._writer is None:
            height, width = frame.shape[:2]
            self._size = (width + width % 2, height + height % 2)
            _silence()
            code = cv2.VideoWriter.fourcc(*CODEC)
            self._writer = cv2.VideoWriter(
                str(self.path), cv2.CAP_FFMPEG, code, self.rate, self._size
            )
            if not self._writer.isOpened():
                raise UserError(f"cannot write video {self.path}: OpenCV does not open it")
        self._writer.write(self._fitted(frame))
        self.frames += 1

    def _fitted(self, frame: np.ndarray) -> np.ndarray:
        right, below = self._size[0] - frame.shape[1], self._size[1] - frame.shape[0]
        if (right, below) == (0, 0):
            return frame
        if 0 <= right <= 1 and 0 <= below <= 1:
            return cv2.copyMakeBorder(frame, 0, below, 0, right, cv2.BORDER_REPLICATE)
        return cv2.resize(frame, self._size)

    def close(self) -> None:
        """Finish the file.

        Raises:
            UserError: not all frames have arrived in it, as on a full disk.
        """
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        check = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
        arrived = int(check.get(cv2.CAP_PROP_FRAME_COUNT)) if check.isOpened() else 0
        check.release()
        if arrived != self.frames:
            raise UserError(
                f"{self.path} has {arrived} of {self.frames} frames: is its disk full? Free space, "
                "or name another folder with -o"
            )


def _silence() -> None:
    """Let OpenCV and its ffmpeg print nothing: every failure has one message, ours."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # read when a video is opened
    # OpenCV 4 has the function in its main module, OpenCV 5 in another one.
    set_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
    set_level(SILENT)


def _title(source: str | Path | int) -> str:
    return f"camera {source}" if isinstance(source, int) else str(source)


def _not_opened(source: str | Path | int) -> str:
    if isinstance(source, int):
        return (
            f"camera {source} does not open: is it connected, and used by no other program? "
            "Cameras are numbered from 0"
        )
    if isinstance(source, Path):
        return f"cannot open video {source}: it is damaged, or of a kind that OpenCV does not read"
    return f"cannot open {source}: no answer, or no video; check the address and the connection"
