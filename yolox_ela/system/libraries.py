"""OpenCV on a machine that lacks libraries of the system, as slim containers and servers do."""

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from yolox_ela.errors import UserError

# As the system's loader says it: "libGL.so.1: cannot open shared object file: No such file ...".
LIBRARY = re.compile(r"(lib[\w.+-]+\.so[.\d]*): ")


@contextmanager
def explain_missing_libraries() -> Iterator[None]:
    """Within `with`, explain why OpenCV cannot be imported.

    Raises:
        UserError: OpenCV needs a library of the system that is not there or cannot be loaded.
    """
    try:
        yield
    except ImportError as error:
        if not (LIBRARY.search(str(error)) and _comes_from_opencv(error)):
            raise
        raise UserError(
            f"OpenCV cannot be loaded: {error}. Either install the system's libraries (Debian, "
            "Ubuntu: apt-get install libgl1 libglib2.0-0; Fedora, RHEL: dnf install mesa-libGL "
            "glib2), or put the OpenCV that needs none over it: pip install --force-reinstall "
            "--no-deps opencv-python-headless"
        ) from error


def _comes_from_opencv(error: ImportError) -> bool:
    frames = traceback.walk_tb(error.__traceback__)
    return any(str(frame.f_globals.get("__name__")).split(".")[0] == "cv2" for frame, _ in frames)
