"""Writing files: whole or not at all."""

import errno
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from yolox_ela.errors import UserError

GIB = 2**30  # bytes


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in place in one step.

    A reader, or a crash at any moment, sees the old file or the new one.

    Raises:
        UserError: the disk is full or the folder cannot be written; the old file is intact.
    """
    # Numbers of processes repeat: in containers, and on machines that share a disk.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        write(temporary)
        with temporary.open("r+b") as file:  # Windows syncs what is open for writing only
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        reason = "no space is left on its disk" if error.errno == errno.ENOSPC else str(error)
        raise UserError(
            f"cannot write {path}: {reason}; free space or name another folder (a training run "
            "goes on with --resume)"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def require_writable(path: Path) -> None:
    """Make the folder of an output file, before the work whose result it takes.

    Raises:
        UserError: the folder cannot be made or written, or `path` is a folder itself.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder of {path}: {error.strerror}") from error
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise UserError(f"cannot write {path}: name a file in a folder that you may write to")


def require_space(path: Path, size: int) -> None:
    """Make the folder of a large file, and see that its disk has room for it.

    Raises:
        UserError: the folder cannot be made or written, or less than `size` bytes are free.
    """
    require_writable(path)
    free = shutil.disk_usage(path.parent).free
    if free < size:
        raise UserError(
            f"{path} needs {size / GIB:.2f} GiB, and its disk has {free / GIB:.2f} GiB left; "
            "free space, or name another folder (for a cache by YOLOX_ELA_CACHE)"
        )


def default_cache() -> Path:
    """The folder of downloaded weights and of decoded images.

    YOLOX_ELA_CACHE if set, else yolox_ela in XDG_CACHE_HOME if set, else ~/.cache/yolox_ela.
    """
    if own := os.environ.get("YOLOX_ELA_CACHE"):
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(shared).expanduser() / "yolox_ela"
