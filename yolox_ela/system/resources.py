"""What a machine runs out of, and what else its system refuses: explained in one place."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from yolox_ela.errors import EndedElsewhereError, UserError
from yolox_ela.system.processes import RESUME, has_lost_process

MEMORY = (
    "the memory is full ({detail}): give a smaller batch (-b), a smaller input (--image-size), "
    "fewer loader processes (workers 0) or --cache off, or end other programs"
)
DEVICE_MEMORY = (
    "the GPU's memory is full: give a smaller batch (-b; auto finds the largest), a smaller input "
    "(--image-size) or --precision bf16, or end other programs on it"
)
SHARED = (
    "the shared memory of loader processes is full (/dev/shm, which containers often keep small): "
    "give workers 0, or more of it (docker run --shm-size 2g)"
)
HANDLES = (
    "too many files are open: raise the limit (ulimit -n 4096), or use fewer loader processes "
    "(workers 0)"
)
PROCESSES = "no further process can be started: end others, or use workers 0"
WORKER = (
    "a loader process was killed or has crashed ({detail}), as a system does that has no memory "
    f"left: {RESUME}, with fewer loader processes (workers 0) or --cache off if it happens again"
)
LOST = f"another process of the run has ended, or can no longer be reached; {RESUME}"
DISK = "the disk of {path} is full: free space, or name another folder ({settings})"
SETTINGS = "-o for results, YOLOX_ELA_CACHE for the cache, TMPDIR for temporary files"

# What libraries say in errors of no kind of their own.
OF_MEMORY = re.compile(r"can't allocate memory|bad allocation|Insufficient memory|std::bad_alloc")
OF_WORKER = re.compile(r"(DataLoader worker \(pid[^)]*\)[^\n]*)")
OF_SHARED = re.compile(r"shared memory|/torch_\d|insufficient shm|out of shm|Bus error", re.I)
OF_HANDLES = re.compile(r"Too many open files")
OF_DISK = re.compile(r"No space left on device")
OF_DEVICE = re.compile(r"out of memory", re.I)
OF_LOOP = re.compile(r"Symlink loop from '(.*)'")  # of pathlib
LOOP = "{path}: its symbolic links lead in a circle; name another file or folder"
# A file that a command has checked before, or a folder of the system, as of TMPDIR.
GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def explained() -> Iterator[None]:
    """Within `with`, turn what the machine lacks or the system refuses into one message.

    So are processes that were killed: a loader process, or another one of the run.

    Mistakes of the program pass as they are.

    Raises:
        UserError: the memory, a disk, shared memory or the number of open files is at its limit,
            or a file cannot be reached.
        EndedElsewhereError: another process of the run cannot be reached.
    """
    try:
        yield
    except (MemoryError, OSError, RuntimeError) as error:
        if has_lost_process(error):
            raise EndedElsewhereError(LOST) from error
        message = explanation(error)
        if not message:
            raise
        raise UserError(message) from error
    except Exception as error:
        message = explanation(error) if type(error).__module__.startswith("cv2") else ""
        if not message:
            raise
        raise UserError(message) from error


def explanation(error: BaseException) -> str:
    """What to tell the user of an error of the machine; empty for any other."""
    text = str(error)
    if isinstance(error, OSError) and error.errno is not None:
        return "" if isinstance(error, BrokenPipeError) else _of_system(error)
    if OF_SHARED.search(text):  # before memory, whose words it may contain
        return SHARED
    worker = OF_WORKER.search(text)
    if worker:
        return WORKER.format(detail=worker[1].strip(" ."))
    if isinstance(error, MemoryError) or OF_MEMORY.search(text):
        detail = text.strip().splitlines()[-1][:120] if text.strip() else "no more can be taken"
        return MEMORY.format(detail=detail)
    for pattern, message in ((OF_HANDLES, HANDLES), (OF_DEVICE, DEVICE_MEMORY)):
        if pattern.search(text):
            return message
    if loop := OF_LOOP.search(text):
        return LOOP.format(path=loop[1])
    if OF_DISK.search(text):
        return DISK.format(path="a folder that is written to", settings=SETTINGS)
    return ""


def _of_system(error: OSError) -> str:
    """The message for an error by its number; empty if that is no state of the machine."""
    path = error.filename2 or error.filename
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = path or "a folder that is written to"
        shared = str(where).startswith("/dev/shm")
        return SHARED if shared else DISK.format(path=where, settings=SETTINGS)
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return HANDLES
    if error.errno == errno.ENOMEM:
        return MEMORY.format(detail=error.strerror)
    if error.errno == errno.EAGAIN and path is None:  # of fork
        return PROCESSES
    if path is None:
        return ""
    if error.errno == errno.ENAMETOOLONG:
        return f"the name {str(path)[:60]}... is too long: give a shorter one"
    if error.errno == errno.ELOOP:
        return LOOP.format(path=path)
    if error.errno in REFUSED:
        return f"{path}: {error.strerror}; change its permissions, or name another file or folder"
    if error.errno in GONE:
        return f"{path} cannot be found ({error.strerror}): it was moved or removed meanwhile"
    if error.errno == errno.EIO:
        return f"{path} cannot be read or written ({error.strerror}): its disk may be failing"
    return ""
