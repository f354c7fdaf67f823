"""Which experiment trackers there are, and whether those asked for are installed."""

import importlib.util
from collections.abc import Sequence

from yolox_ela.errors import UserError

TRACKER_NAMES = ("tensorboard", "wandb", "mlflow", "trackio")  # `trackers.TRACKERS` has the classes
DEFAULT_TRACKERS = ("tensorboard",)


def require_trackers(names: Sequence[str]) -> tuple[str, ...]:
    """Names of trackers, `none` for none, to those of a run: each once.

    Raises:
        UserError: an unknown name, `none` together with others, or a package is not installed.
    """
    for name in names:
        if name not in (*TRACKER_NAMES, "none"):
            raise UserError(f"--tracker {name}: choose from {', '.join(TRACKER_NAMES)}, none")
    if "none" in names:
        if len(set(names)) > 1:
            raise UserError(f"--tracker {' '.join(names)}: 'none' goes with no other tracker")
        return ()
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:  # None: a mere folder, as wandb leaves behind
            raise UserError(
                f"--tracker {name}: the package {name} is not installed; "
                f"pip install 'yolox_ela[{name}]'"
            )
    return tuple(dict.fromkeys(names))
