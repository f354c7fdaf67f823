"""The processes of a run: which one this is, whether the others live, and who has started it."""

import os
import re
import signal
import threading
import time

from yolox_ela.system.interrupts import tell

LAUNCHER = "YOLOX_ELA_LAUNCHER"  # the process that has started this one for `-d`; see `launch`
RESUME = "continue with the same command and --resume"
WATCH_SECONDS = 1.0
END_SECONDS = 20.0  # for a process without its launcher, to finish a step and save
# What gloo and NCCL say when a process at the other end is gone, and torch's errors of that kind.
LOST = re.compile(r"gloo|NCCL|Connection (closed|reset) by peer|Broken pipe|socket", re.I)
LOST_KIND = "DistError"


def rank() -> int:
    """The number of this process in its run, from 0, as torchrun and `-d` say."""
    return _number("RANK", 0)


def world_size() -> int:
    """The number of processes of the run, on all machines."""
    return _number("WORLD_SIZE", 1)


def processes_here() -> int:
    """The number of processes of the run on this machine."""
    return _number("LOCAL_WORLD_SIZE", 1)


def _number(name: str, otherwise: int) -> int:
    """A number that torchrun or `-d` sets; another program's variable of this name counts not."""
    text = os.environ.get(name, "")
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else otherwise


def is_launched_here() -> bool:
    """Whether `-d` has started this process, and tells the user what becomes of it."""
    return LAUNCHER in os.environ


def error_line(message: str) -> str:
    """The line that tells of an error; with the process, if there are several."""
    who = f"rank {rank()}: " if world_size() > 1 else ""
    return f"error: {who}{message}"


def has_lost_process(error: BaseException) -> bool:
    """Whether an error says that another process of the run can no longer be reached."""
    if world_size() == 1 or not isinstance(error, RuntimeError):
        return False
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return LOST_KIND in kinds or bool(LOST.search(str(error)))


def watch_launcher() -> None:
    """End this process where the one that has started it ends, lest it train on alone.

    It is asked to stop as by SIGTERM, which saves; if that takes longer than `END_SECONDS`, it
    ends at once. Does nothing where nobody has started several processes.
    """
    if "RANK" not in os.environ or os.name == "nt":  # Windows keeps the number of a lost parent
        return
    parent = int(os.environ.get(LAUNCHER, os.getppid()))
    threading.Thread(target=_watch, args=(parent,), daemon=True, name="launcher").start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    if os.environ.get("LOCAL_RANK", "0") == "0":
        tell("\n" + error_line(f"what started it has ended, so it stops, too; {RESUME}"))
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(END_SECONDS)
    os._exit(2)
