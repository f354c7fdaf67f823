"""The trackers of a run: which ones there are, and their life during a training.

A tracker that breaks does not end a training.
"""

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np
from loguru import logger

from yolox_ela.errors import UserError
from yolox_ela.train.run_files import read_trackers
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.tracker_adapters import TRACKERS, Tracker


class RunTrackers:
    """The trackers of a run, as a context: entered, they start; left, they finish.

    The run's Accelerator must have been made, since they ask it for the process they are in.
    Entering raises UserError if one cannot start. A tracker that fails later is left out from
    then on, with one warning. Which runs to continue is remembered in trackers.json.

    Args:
        names: from `require_trackers`; none on processes other than the main one.
        folder: the run's folder; must exist when the context is entered.
        config: the run's settings, logged as hyper-parameters.
    """

    def __init__(self, names: Sequence[str], folder: RunFolder, config: Mapping[str, Any]) -> None:
        self._names, self._folder = names, folder
        self._config = {
            key: ", ".join(map(str, value)) if isinstance(value, list) else value
            for key, value in config.items()
        }
        self._running: dict[str, Tracker] = {}

    def __enter__(self) -> "RunTrackers":
        memory = self._folder.path / "trackers.json"
        known = read_trackers(memory)
        for name in self._names:
            tracker = TRACKERS[name](self._folder, known.get(name))
            try:
                tracker.start()
                if name not in known or tracker.repeats_config:
                    tracker.store_init_configuration(self._config)
            except Exception as error:  # each package has its own kinds
                self._end(failed=True)
                anew = f"; to begin a new run there, take it out of {memory}"
                raise UserError(
                    f"--tracker {name} cannot start: {_first_line(error)}; {tracker.remedy}; or "
                    f"train without it{anew if name in known else ''}"
                ) from error
            self._running[name] = tracker
        if self._names:
            found = {name: tracker.identity for name, tracker in self._running.items()}
            self._folder.write_json(memory.name, known | found)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end(failed=kind is not None)

    def log(self, values: dict[str, float], step: int) -> None:
        """Log scalars by name."""
        self._each(lambda tracker: tracker.log(values, step=step))

    def log_image(self, name: str, image: np.ndarray, step: int) -> None:
        """Log an (H, W, 3) uint8 RGB picture."""
        self._each(lambda tracker: tracker.log_image(name, image, step))

    def _end(self, *, failed: bool) -> None:
        self._each(lambda tracker: tracker.end(failed=failed))
        self._running.clear()

    def _each(self, act: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._running.items()):
            try:
                act(tracker)
            # Any error: hours of training must not end because somebody's server is down or its
            # package fails, and all that is logged is in the run folder as well. The packages
            # retry for minutes, so a tracker that has failed is not tried again at every epoch.
            except Exception as error:
                del self._running[name]
                logger.warning(
                    "--tracker {} failed and is left out from now on; metrics.csv goes on: {}",
                    name,
                    _first_line(error),
                )


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip().splitlines()[0].rstrip(" .:")
