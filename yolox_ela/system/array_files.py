"""Reading .npz files, which hold arrays by name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from yolox_ela.errors import UserError
from yolox_ela.system.files import require_regular

Content = TypeVar("Content")


def read_arrays(
    path: Path, content: Callable[[Mapping[str, np.ndarray]], Content], what: str, remedy: str
) -> Content:
    """What an .npz file holds.

    Args:
        path: the file.
        content: makes the content of the arrays; whatever it raises says that they are wrong.
        what: what the file should hold, for errors.
        remedy: what to do if the file is damaged.

    Raises:
        UserError: the file is missing, damaged, or no such file.
    """
    try:
        require_regular(path, remedy)
        with np.load(path, allow_pickle=False) as arrays:
            return content({name: arrays[name] for name in arrays.files})
    except UserError:
        raise
    except Exception as error:  # numpy raises many kinds for a damaged or foreign file
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UserError(f"{path} is damaged or no {what}: {reason}; {remedy}") from error
