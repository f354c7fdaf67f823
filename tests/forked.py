"""Processes that need not import torch and the package, which takes seconds: they are forked."""

import faulthandler
import gc
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO

import torch
import tqdm.auto
from accelerate.state import AcceleratorState

MOST_SECONDS = 600  # after which a process says where it is, and ends


def in_two_processes(work: Callable[[], None]) -> None:
    """Do `work` in two processes of one run, to their ends.

    They know each other as those that torchrun starts. Trainings that torchrun itself starts are in
    test_nodes.py, and those of the program in tools/test_table.py.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(2):
        child = os.fork()
        if child == 0:
            os._exit(_work_as(rank, port, work))
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]


def _work_as(rank: int, port: int, work: Callable[[], None]) -> int:
    """The exit code of one process."""
    _part_from_parent()
    values = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    values |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in values.items()})
    try:
        work()
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def run_script(
    words: Sequence[str], folder: Path, *, elsewhere: Path | None = None, anew: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """The exit code and the output of a script and its arguments, run to its end in `folder`.

    With `elsewhere`, the packages `anew` and all below them are imported again, from there if it
    has them.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if child == 0:
            for number, file in enumerate((out, err), start=1):
                os.dup2(file.fileno(), number)
            os.chdir(folder)
            if elsewhere is not None:
                _import_from(elsewhere, anew)
            os._exit(_run_script(words))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = [file.seek(0) or file.read() for file in (out, err)]
    return subprocess.CompletedProcess(words, code, *texts)


class Program:
    """A script that runs in a forked process; of `subprocess.Popen` it has what tests use."""

    def __init__(
        self,
        words: Sequence[str],
        folder: Path,
        *,
        log: IO[bytes] | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Start `words`, a script and its arguments, as the first process of a group.

        Its output goes to `log`. Without it standard output is thrown away, and standard error can
        be read. `environment` is added to this process's own.
        """
        self.returncode: int | None = None
        reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            os.dup2(writing if log is None else log.fileno(), 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY) if log is None else log.fileno(), 1)
            os.closerange(3, writing + 1)
            os.chdir(folder)
            os.environ.update(environment)
            os._exit(_run_script(words))
        os.close(writing)
        self.stderr = os.fdopen(reading)

    def terminate(self) -> None:
        """Ask it to end."""
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)

    def poll(self) -> int | None:
        """The exit code, negative for a signal, or None while it runs."""
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self) -> int:
        """The exit code, at its end."""
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def rest(self) -> str:
        """What it still says until its end."""
        with self.stderr:
            text = self.stderr.read()
        self.wait()
        return text


def _part_from_parent() -> None:
    gc.freeze()  # to look through the parent's objects would copy the memory that they share
    faulthandler.dump_traceback_later(MOST_SECONDS, exit=True, file=2)
    torch.set_num_threads(1)
    AcceleratorState._reset_state(reset_partial_state=True)
    # tqdm's own lock is one for all forked processes: killed with it, one would stop all others.
    lock = threading.RLock()
    for bar in (tqdm.std.tqdm, tqdm.auto.tqdm):
        bar.set_lock(lock)


def _import_from(place: Path, packages: Sequence[str]) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        del sys.modules[name]
    sys.path.insert(0, str(place))


def _run_script(words: Sequence[str]) -> int:
    _part_from_parent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", buffering=1)
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", buffering=1)
    sys.argv = list(words)
    try:
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0
