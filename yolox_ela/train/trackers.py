"""The experiment trackers of a run: TensorBoard, Weights & Biases, MLflow, trackio.

They are accelerate's trackers. What accelerate leaves open is settled here: files go into the run
folder, a resumed run is continued, pictures are logged, a broken tracker does not end a training.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np
from accelerate.tracking import (
    MLflowTracker,
    TensorBoardTracker,
    TrackioTracker,
    WandBTracker,
)
from loguru import logger

from yolox_ela.errors import UserError
from yolox_ela.train.run_folder import RunFolder
from yolox_ela.train.tracker_names import TRACKER_NAMES

PROJECT = "yolox_ela"  # or experiment, as MLflow calls it; the run is named after its folder


class TensorBoard(TensorBoardTracker):
    """Event files in tensorboard/; a resumed run adds one, which TensorBoard joins to the others.

    This class and the next three take the run's folder and, of a run to continue, its `identity`.
    """

    remedy = "look at tensorboard/ in the run folder"
    repeats_config = False  # each time adds a folder

    def __init__(self, folder: RunFolder, identity: str | None = None) -> None:
        super().__init__("tensorboard", folder.path)

    @property
    def identity(self) -> str:
        """By which the package knows the run."""
        return self.run_name

    def log_image(self, name: str, image: np.ndarray, step: int) -> None:
        """Log an (H, W, 3) uint8 RGB picture."""
        self.log_images({name: image[None]}, step=step, dataformats="NHWC")
        self.writer.flush()

    def end(self, *, failed: bool) -> None:
        """Close the run; TensorBoard knows no failed ones."""
        self.finish()


class Wandb(WandBTracker):
    """Local files in wandb/. A resumed run is continued by its id.

    Offline (WANDB_MODE=offline) each resumption leaves a folder of its own with this id, which
    'wandb sync' joins.
    """

    remedy = "log in with 'wandb login', or set WANDB_MODE=offline and use 'wandb sync' later"
    repeats_config = True  # offline a resumption has files of its own

    def __init__(self, folder: RunFolder, identity: str | None = None) -> None:
        name = folder.path.resolve().name
        super().__init__(PROJECT, dir=str(folder.path), name=name, id=identity, resume="allow")

    @property
    def identity(self) -> str:
        """By which the package knows the run."""
        return self.run.id

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        """Log hyper-parameters; accelerate before 1.13 begins a second run for them offline."""
        self.run.config.update(values, allow_val_change=True)

    def log_image(self, name: str, image: np.ndarray, step: int) -> None:
        """Log an (H, W, 3) uint8 RGB picture."""
        self.log_images({name: [image]}, step=step)

    def end(self, *, failed: bool) -> None:
        """Close the run, and wait until all is uploaded."""
        self.run.finish(exit_code=int(failed))


class Mlflow(MLflowTracker):
    """A database and artifacts in mlflow/, unless MLFLOW_TRACKING_URI names another place.

    A resumed run is continued by its id. MLflow notes where pictures are as an absolute path: after
    the run folder is moved it finds the numbers only.
    """

    remedy = "look at MLFLOW_TRACKING_URI and the server that it names, or unset it"
    repeats_config = False  # MLflow refuses to change one

    def __init__(self, folder: RunFolder, identity: str | None = None) -> None:
        self.folder = folder.path.resolve() / "mlflow"
        self.is_local = "MLFLOW_TRACKING_URI" not in os.environ
        super().__init__(
            PROJECT,
            logging_dir=(self.folder / "artifacts").as_uri() if self.is_local else None,
            run_id=identity,
            run_name=folder.path.resolve().name,
        )

    @property
    def identity(self) -> str:
        """By which the package knows the run."""
        return self.active_run.info.run_id

    def start(self) -> None:
        """Open the database, made if need be, and the run."""
        import mlflow

        if self.is_local:
            self.folder.mkdir(exist_ok=True)
            # Not plain files: MLflow has given them up.
            mlflow.set_tracking_uri(f"sqlite:///{(self.folder / 'mlflow.db').as_posix()}")
        super().start()

    def log_image(self, name: str, image: np.ndarray, step: int) -> None:
        """Log an (H, W, 3) uint8 RGB picture."""
        import mlflow

        mlflow.log_image(image, key=name, step=step, synchronous=True)

    def end(self, *, failed: bool) -> None:
        """Close the run."""
        import mlflow

        mlflow.end_run("FAILED" if failed else "FINISHED")


class Trackio(TrackioTracker):
    """A database and pictures in trackio/, unless TRACKIO_DIR names another place.

    A resumed run is continued by its name. trackio reads TRACKIO_DIR once, when it is imported: a
    second run in the same Python process goes to the first one's place.
    """

    remedy = "look at the environment variables TRACKIO_..."
    repeats_config = True  # of a resumed run trackio forgets it

    def __init__(self, folder: RunFolder, identity: str | None = None) -> None:
        self.folder = folder.path.resolve() / "trackio"
        name = identity or folder.path.resolve().name
        resume = "must" if identity else "never"
        super().__init__(PROJECT, name=name, resume=resume, embed=False)

    @property
    def identity(self) -> str:
        """By which the package knows the run."""
        return self.run.name

    def start(self) -> None:
        """Open the database, made if need be, and the run."""
        os.environ.setdefault("TRACKIO_DIR", str(self.folder))
        super().start()

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        """Log hyper-parameters; accelerate would add an argument of wandb's to them."""
        self.run.config.update(values)

    def log(self, values: dict[str, Any], step: int | None = None, **options: Any) -> None:
        """Log scalars; accelerate before 1.14 forgets the step."""
        self.run.log(values, step=step, **options)

    def log_image(self, name: str, image: np.ndarray, step: int) -> None:
        """Log an (H, W, 3) uint8 RGB picture."""
        import trackio

        self.run.log({name: trackio.Image(image)}, step=step)

    def end(self, *, failed: bool) -> None:
        """Close the run; trackio knows no failed ones."""
        import trackio

        trackio.finish()  # unlike the run's own method, it is not repeated at exit


Tracker = TensorBoard | Wandb | Mlflow | Trackio
TRACKERS: dict[str, Callable[[RunFolder, str | None], Tracker]] = dict(
    zip(TRACKER_NAMES, (TensorBoard, Wandb, Mlflow, Trackio), strict=True)
)


class RunTrackers:
    """The trackers of a run, as a context: entered, they start; left, they finish.

    The run's Accelerator must have been made, since they ask it for the process they are in.
    Entering raises UserError if one cannot start. A tracker that fails later is left out from
    then on, with one warning. Which runs to continue is remembered in trackers.json.

    Args:
        names: from `require_trackers`; none on processes other than the main one.
        folder: of the run; made before entering.
        config: settings of the run, logged as hyper-parameters.
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
        known = json.loads(memory.read_text(encoding="utf-8")) if memory.is_file() else {}
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
            # Of whatever kind: hours of training must not end because a foreign server is down or
            # its package stumbles, and all that is logged is in the run folder as well. The
            # packages repeat what fails, for minutes; so it is not tried again at every epoch.
            except Exception as error:
                del self._running[name]
                logger.warning(
                    "--tracker {} failed and is left out from now on; metrics.csv goes on: {}",
                    name,
                    _first_line(error),
                )


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip().splitlines()[0].rstrip(" .:")
