"""From sources to pictures of the network's size, ready to be looked at."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from yolox_ela.errors import UserError
from yolox_ela.images.letterbox import letterbox
from yolox_ela.network.runner import Runner
from yolox_ela.predict.pictures import Picture, as_bgr
from yolox_ela.predict.sources import Item, Video
from yolox_ela.predict.video import Frames


@dataclass(frozen=True)
class Task:
    """A picture or frame to look at, or the error that came instead of a frame.

    Attributes:
        source: what results name as their source.
        picture: the picture or the error.
        frame: the number of the frame in its video, counted from 0; None for a picture.
        rate: frames per second of the video; 0 for a picture.
    """

    source: Any
    picture: Picture | UserError
    frame: int | None = None
    rate: float = 0.0


@dataclass(frozen=True)
class Prepared:
    """A task with its pixels.

    Attributes:
        task: the task.
        picture: (H, W, 3) uint8 BGR.
        boxed: (height, width, 3) uint8 BGR: the picture in the network's input.
        scale: pixels of the input for one of the picture.
    """

    task: Task
    picture: np.ndarray
    boxed: np.ndarray
    scale: float


@dataclass(frozen=True)
class Failed:
    """A source that could not be read, and why."""

    source: Any
    error: UserError


def picture_task(picture: Picture) -> Task:
    """The task of a picture, which is its own source."""
    return Task(picture, picture)


def tasks_of(items: Iterable[Item]) -> Iterator[Task]:
    """Pictures, and the frames of videos, which are decoded here one after the other."""
    for item in items:
        if not isinstance(item, Video):
            yield picture_task(item)
            continue
        try:
            with Frames(item.source) as frames:
                for number, frame in enumerate(frames):
                    yield Task(item.source, frame, number, frames.rate)
        except UserError as error:
            yield Task(item.source, error)


def prepare(task: Task, runner: Runner, *, rgb: bool) -> Prepared | Failed:
    """Read a task's picture, and resize it to the input of the network.

    Args:
        task: the task.
        runner: the network that it is for.
        rgb: whether arrays are RGB; see `as_bgr`.
    """
    if isinstance(task.picture, UserError):
        return Failed(task.source, task.picture)
    try:
        picture = as_bgr(task.picture, runner.values, rgb=rgb)
    except UserError as error:
        return Failed(task.source, error)
    return Prepared(task, picture, *letterbox(picture, runner.image_size))
