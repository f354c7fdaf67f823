"""Reading files that are files, and writing them whole or not at all."""

import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from yolox_ela.errors import UserError
from yolox_ela.schema import shown

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

GIB = 2**30  # bytes
FULL = (errno.ENOSPC, errno.EDQUOT)
LEFTOVER = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")  # of a process that was killed while it wrote
KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def as_path(given: Any, name: str) -> Path:
    """A path that was given from Python, as text or as a path of any kind.

    Args:
        given: the path.
        name: what the argument is called, for the message.

    Raises:
        UserError: it is something else; bytes are refused too, as `pathlib` does.
    """
    path = os.fspath(given) if isinstance(given, os.PathLike) else given
    if not isinstance(path, str):
        raise UserError(f"{name} must be a path, as text or as a Path, not {shown(given)}")
    return Path(path)


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        OSError: it cannot be read, or is a pipe or a device, which might let a reader wait forever.
    """
    if other := other_kind(path):
        raise OSError(errno.EINVAL, f"it is {other}, not a file", str(path))
    return Path(path).read_bytes()


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """The content of a text file, with line ends as they are read by `open`.

    Raises:
        OSError: see `read_bytes`.
        UnicodeDecodeError: it is not in this encoding.
    """
    text = read_bytes(path).decode(encoding)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def other_kind(path: Path) -> str:
    """What a path is if it is no file, as in `a pipe`; empty for files and where there is nothing.

    Raises:
        OSError: it cannot be looked at.
    """
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        return ""
    except ValueError as error:  # a zero byte in the name
        raise OSError(errno.EINVAL, str(error), str(path)) from error
    return next((words for holds, words in KINDS if holds(mode)), "")


def is_file(path: Path) -> bool:
    """Whether there is such a file; False also for a name that none can have."""
    return _there(path.is_file)


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; False also for a name that none can have."""
    return _there(path.is_dir)


def exists(path: Path) -> bool:
    """Whether there is anything; False also for a name that nothing can have."""
    return _there(path.exists)


def require_regular(path: Path, remedy: str) -> None:
    """Raise UserError for what is there and no file to read: a folder, a pipe, a device."""
    try:
        other = other_kind(path)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise UserError(f"cannot read {path}: {_reason(error)}; {remedy}") from error
    if other:
        raise UserError(f"{path} is {other}, not a file; {remedy}")


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in place in one step.

    A reader, or a crash at any moment, sees the old file or the new one. What a killed process
    leaves is removed by `remove_leftovers`.

    Raises:
        UserError: the disk is full or the folder cannot be written; the old file is intact.
    """
    # Numbers of processes repeat: in containers, and on machines that share a disk.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        if other := other_kind(path):  # replacing would do away with a device
            raise OSError(errno.EINVAL, f"it is {other}, not a file")
        with _marked(temporary):
            write(temporary)
            with temporary.open("r+b") as file:  # Windows syncs what is open for writing only
                os.fsync(file.fileno())
            temporary.replace(path)
    except OSError as error:
        reason = "no space is left on its disk" if error.errno in FULL else _reason(error)
        raise UserError(
            f"cannot write {path}: {reason}; free space or name another folder (a training run "
            "goes on with --resume)"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path, name: str = "") -> None:
    """Remove what killed processes have left in a folder, for one file or for all of them.

    A file that a process writes just now is left alone: it holds a lock on it.
    """
    if fcntl is None:
        return
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if LEFTOVER.fullmatch(entry.name) and entry.name.startswith(f".{name}"):
                _remove_unless_held(Path(entry.path))


def require_writable(path: Path) -> None:
    """Make the folder of an output file, before the work whose result it takes.

    Raises:
        UserError: the folder cannot be made or written, or `path` is a folder, a pipe or a device.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        other = other_kind(path)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot make the folder of {path}: {_reason(error)}") from error
    if other or not os.access(path.parent, os.W_OK):
        what = f"it is {other}; " if other else ""
        raise UserError(f"cannot write {path}: {what}name a file in a folder that you may write to")
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        raise UserError(f"cannot write {path}: its name is too long; name a shorter one")
    remove_leftovers(path.parent, f"{path.name}.")


LONGEST_NAME = 255 - len("..01234567.tmp")  # bytes, of a file that is written atomically


def require_space(path: Path, size: int) -> None:
    """Make the folder of a large file, and see that its disk has room for it.

    Raises:
        UserError: the folder cannot be made or written, or less than `size` bytes are free.
    """
    require_writable(path)
    free = shutil.disk_usage(path.parent).free
    if free < size:
        raise UserError(
            f"{path} needs {size_text(size)}, and its disk has {size_text(free)} left; "
            "free space, or name another folder (for a cache by YOLOX_ELA_CACHE)"
        )


def size_text(size: float) -> str:
    """A number of bytes with a unit in which it is not 0, as in `1.50 GiB`."""
    for unit, name in ((GIB, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if size >= unit:
            return f"{size / unit:.2f} {name}"
    return f"{size:.0f} bytes"


def default_cache() -> Path:
    """The folder of downloaded weights and of decoded images.

    YOLOX_ELA_CACHE if set, else yolox_ela in XDG_CACHE_HOME if set, else ~/.cache/yolox_ela.

    Raises:
        UserError: it lies in the home of a user that there is not.
    """
    own = os.environ.get("YOLOX_ELA_CACHE")
    folder = own or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/yolox_ela"
    try:
        return Path(folder).expanduser()
    except RuntimeError as error:
        raise UserError(f"{folder}: there is no such home; set YOLOX_ELA_CACHE") from error


@contextmanager
def held_folder(path: Path) -> Iterator[None]:
    """Make a folder with the name of a leftover, and hold a lock on it within `with`.

    Raises:
        OSError: it cannot be made.
    """
    path.mkdir(parents=True)
    descriptor = os.open(path, os.O_RDONLY) if fcntl is not None else -1
    try:
        if descriptor >= 0:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


@contextmanager
def _marked(temporary: Path) -> Iterator[None]:
    """Make a temporary file and hold a lock on it, so that nobody takes it for a leftover."""
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks: `remove_leftovers` spares all
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            os.close(descriptor)
            descriptor = -1
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _remove_unless_held(path: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        finally:
            os.close(descriptor)


def _there(look: Callable[[], bool]) -> bool:
    try:
        return look()
    except ValueError:  # a zero byte, or half a character
        return False
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return False
        raise


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
