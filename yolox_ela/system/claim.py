"""Folders that one process at a time writes its results to."""

import errno
import json
import os
import shutil
import socket
import sys
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout
from loguru import logger

from yolox_ela.errors import UserError
from yolox_ela.system.files import remove_leftovers, write_atomically

LOCK = ".lock"  # stays in the folder, empty, when nobody holds it
MARKER = ".lock.marker"  # the lock where the file system has none: who makes this file holds it
HOLDER = ".holder.json"  # not in the lock's own file, which Windows lets nobody read
PATIENCE = 1.0  # seconds; a folder that is only looked at, or given up, is free by then
NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
ATTEMPTS = 5  # if the folder vanishes again and again while it is being claimed


class FolderInUseError(UserError):
    """Another process holds the folder."""


class FolderClaim:
    """A folder that this process alone may write to, as a context; see `claim_folder`.

    The lock is the operating system's, which releases it with the process, however that ends. On a
    file system without locks it is a marker file: a process killed on the same machine is noticed
    and its marker replaced, one killed on another must have it deleted by hand, as the error says.

    A folder that claiming made is removed on leaving if it is empty, or if a UserError leaves
    nothing but `discardable` entries in it.
    """

    def __init__(
        self, path: Path, lock: BaseFileLock, *, made: bool, discardable: Collection[str]
    ) -> None:
        self.path = path
        self._lock, self._made, self._discardable = lock, made, discardable

    def __enter__(self) -> "FolderClaim":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release(refused=isinstance(error, UserError))

    def release(self, *, refused: bool = False) -> None:
        """Give the folder up.

        Args:
            refused: whether what it was claimed for ends with a UserError.
        """
        worthless = self._discardable if refused else ()
        try:
            if self._made and not self._names() - set(worthless):
                self._discard()
            else:
                (self.path / HOLDER).unlink(missing_ok=True)
        except OSError as failure:  # the work is done, or has an error of its own to report
            logger.warning("cannot tidy up {}: {}", self.path, failure)
        finally:
            self._lock.release()

    def _names(self) -> set[str]:
        return {entry.name for entry in self.path.iterdir()} - {LOCK, MARKER, HOLDER}

    def _discard(self) -> None:
        """Remove the folder, unless somebody claims it in the middle of this."""
        for name in (*self._names(), HOLDER):
            entry = self.path / name
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)
        if os.name == "nt":  # an open file cannot be removed there
            self._lock.release()
        # Who has opened this file and locks it after us notices that it is gone.
        for name in (MARKER, LOCK):
            (self.path / name).unlink(missing_ok=True)
        with suppress(OSError):  # not empty: somebody has come
            self.path.rmdir()


def claim_folder(path: Path, remedy: str, discardable: Collection[str] = ()) -> FolderClaim:
    """Hold a folder, made if need be; use the result in a `with` statement.

    Args:
        path: the folder.
        remedy: what to do if somebody else holds it, for the error.
        discardable: names of entries that are not worth keeping if a UserError follows.

    Raises:
        FolderInUseError: another process holds it; names its host, number, start and command.
        UserError: it cannot be made or locked.
    """
    for _ in range(ATTEMPTS):
        made = True
        try:
            path.mkdir(parents=True)
        except FileExistsError as error:
            if not path.is_dir():
                raise _cannot_make(path, error) from error
            made = False
        except OSError as error:
            raise _cannot_make(path, error) from error
        with suppress(FileNotFoundError):  # who made it has just removed it
            return _hold(path, remedy, made=made, discardable=discardable)
    raise UserError(f"cannot hold {path}: it is removed all the time; {remedy}")


def claim_new_folder(parent: Path, name: str, discardable: Collection[str] = ()) -> FolderClaim:
    """Make and hold `parent/name`, or the first of `name-2`, `name-3` ... that does not exist.

    Raises:
        UserError: the folder cannot be made or locked.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_make(parent, error) from error
    path, number = parent / name, 1
    while True:
        try:
            path.mkdir()
            return _hold(path, "", made=True, discardable=discardable)
        except (FileExistsError, FolderInUseError):  # the latter if somebody names it just now
            path, number = parent / f"{name}-{number + 1}", number + 1
        except OSError as error:
            raise _cannot_make(path, error) from error


def require_unclaimed(path: Path, remedy: str) -> None:
    """See, before long work whose result it takes, that nobody holds a folder now.

    Raises:
        FolderInUseError: another process holds it.
    """
    if (path / LOCK).exists():
        with suppress(FileNotFoundError):
            _acquire(path, remedy).release()


def _hold(path: Path, remedy: str, *, made: bool, discardable: Collection[str]) -> FolderClaim:
    claim = FolderClaim(path, _acquire(path, remedy), made=made, discardable=discardable)
    remove_leftovers(path)
    holder = {
        "host": socket.gethostname(),
        "process": os.getpid(),
        "since": datetime.now().astimezone().isoformat(" ", "seconds"),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }
    text = json.dumps(holder, indent=2)
    try:
        write_atomically(path / HOLDER, lambda file: file.write_text(text, encoding="utf-8"))
    except BaseException:
        claim.release()
        raise
    return claim


def _acquire(path: Path, remedy: str) -> BaseFileLock:
    """Lock a folder; FileNotFoundError if there is none."""
    try:
        # Without filelock's own fallback, which before release 4 takes the marker from its holder.
        lock = FileLock(path / LOCK, thread_local=False, fallback_to_soft=False)
        return _lock(lock, path, remedy)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise UserError(
                f"cannot lock {path}: {error.strerror}; name a folder that you may write to"
            ) from error
    logger.warning("{}: its file system has no locks; held by {} instead", path, MARKER)
    remedy += f"; if that process has been killed, delete {path / MARKER}"
    return _lock(SoftFileLock(path / MARKER, thread_local=False), path, remedy)


def _lock(lock: BaseFileLock, path: Path, remedy: str) -> BaseFileLock:
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        raise FolderInUseError(f"{path} is in use{_holder(path)}; {remedy}") from None
    return lock


def _holder(path: Path) -> str:
    """Who holds a folder, as the rest of a sentence."""
    try:
        holder: dict[str, Any] = json.loads((path / HOLDER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return " by a process that has left no note"
    return (
        f" by process {holder['process']} on {holder['host']} since {holder['since']} "
        f"({holder['command']})"
    )


def _cannot_make(path: Path, error: OSError) -> UserError:
    return UserError(f"cannot make the folder {path}: {error.strerror}")
