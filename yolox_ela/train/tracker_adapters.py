"""accelerate's trackers for a run: TensorBoard, Weights & Biases, MLflow and trackio.

What accelerate leaves open is settled here: files go into the run folder, a resumed run is
continued, pictures are logged, and a failed run is marked as failed.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from accelerate.tracking import (
    MLflowTracker,
    TensorBoardTracker,
    TrackioTracker,
    WandBTracker,
)

from yolox_ela.train.run_folder import RunFolder

PROJECT = "yolox_ela"  # or experiment, as MLflow calls it; the run is named after its folder


class TensorBoard(TensorBoardTracker):
    """Event files in tensorboard/; a resumed run adds one, which TensorBoard joins to the others.

    This class and the next three take the run's folder and, to continue a run, its `identity`.
    """

    remedy = "look at tensorboard/ in the run folder"
    repeats_config = False  # each time adds a folder

    def __init__(self, folder: RunFolder, identity: str | None = None) -> None:
        super().__init__("tensorboard", folder.path)

    @property
    def identity(self) -> str:
        """The name or id by which the package finds the run again."""
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
        """The name or id by which the package finds the run again."""
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
        """The name or id by which the package finds the run again."""
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
        """The name or id by which the package finds the run again."""
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
TRACKERS: dict[str, Callable[[RunFolder, str | None], Tracker]] = {
    "tensorboard": TensorBoard,
    "wandb": Wandb,
    "mlflow": Mlflow,
    "trackio": Trackio,
}
