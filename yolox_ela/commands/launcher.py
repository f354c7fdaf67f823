"""Several processes of one command on this machine: started, watched, and ended together."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

from torch.distributed import TCPStore

from yolox_ela.commands.exit_codes import EXIT_ELSEWHERE, EXIT_ERROR, EXIT_INTERRUPTED
from yolox_ela.system.interrupts import tell
from yolox_ela.system.processes import LAUNCHER, RESUME
from yolox_ela.train.stop import StopRequest

LOOK_SECONDS = 0.1
END_SECONDS = 10.0  # for the other processes, once one has failed
STOP_SECONDS = 5.0  # for all, once they were asked twice to stop
ADDRESS = "127.0.0.1"


def launch(command: Sequence[str], count: int) -> int:
    """Run a command in so many processes that find each other as those of torchrun do.

    They end together: if one fails or is killed, the others follow within `END_SECONDS`. Ctrl-C
    and SIGTERM are passed on, and end all with what they have done saved. If this process is
    killed, they notice; see `watch_launcher`.

    Args:
        command: the program and its arguments.
        count: number of processes.

    Returns:
        The exit code that one process would have had.
    """
    store = TCPStore(ADDRESS, 0, is_master=True, wait_for_workers=False)  # on a free port
    with StopRequest() as stop:
        processes = [
            subprocess.Popen(
                command,
                env={**os.environ, **_variables(rank, count, store.port)},
                start_new_session=os.name != "nt",  # Ctrl-C comes through this process alone
            )
            for rank in range(count)
        ]
        try:
            codes = _wait(processes, stop)
        except KeyboardInterrupt:  # asked twice
            _terminate(processes)
            _end(processes, time.monotonic() + STOP_SECONDS)
            return EXIT_INTERRUPTED
    return _report(codes, asked=stop.requested)


def _variables(rank: int, count: int, port: int) -> dict[str, str]:
    """What torchrun would set for a process."""
    values = {
        "RANK": rank,
        "LOCAL_RANK": rank,
        "GROUP_RANK": 0,
        "WORLD_SIZE": count,
        "LOCAL_WORLD_SIZE": count,
        "MASTER_ADDR": ADDRESS,
        "MASTER_PORT": port,
        "TORCHELASTIC_RUN_ID": os.getpid(),
        "TORCHELASTIC_RESTART_COUNT": 0,
        "TORCHELASTIC_USE_AGENT_STORE": True,  # the store is that of the launcher
        # Threads are chosen later; until then, many processes must not each take all cores.
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        # What torch says of lost connections; the launcher says why they are.
        "TORCH_CPP_LOG_LEVEL": os.environ.get("TORCH_CPP_LOG_LEVEL", "ERROR"),
        LAUNCHER: os.getpid(),
    }
    return {name: str(value) for name, value in values.items()}


def _wait(processes: Sequence["subprocess.Popen[bytes]"], stop: StopRequest) -> dict[int, int]:
    """The exit codes by rank, in the order in which they came; `EXIT_ELSEWHERE` if ended here."""
    codes: dict[int, int] = {}
    asked = False
    while len(codes) < len(processes):
        time.sleep(LOOK_SECONDS)
        for rank, process in enumerate(processes):
            code = process.poll()
            if code is not None:
                codes.setdefault(rank, code)
        if stop.requested and not asked:
            asked = True
            _terminate(processes)
        if any(not _is_sound(code, asked=asked) for code in codes.values()):
            left = [rank for rank in range(len(processes)) if rank not in codes]
            killed = _end(processes, time.monotonic() + END_SECONDS)
            for rank in left:
                code = processes[rank].wait()
                codes[rank] = EXIT_ELSEWHERE if rank in killed else code
    return codes


def _is_sound(code: int, *, asked: bool) -> bool:
    """Whether a process has come to its end, or has stopped as it was asked to.

    One that was still starting ends by the signal itself.
    """
    return code in (0, EXIT_INTERRUPTED) or (asked and code == -signal.SIGTERM)


def _terminate(processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    for process in processes:
        process.terminate()  # does nothing to one that has ended


def _end(processes: Sequence["subprocess.Popen[bytes]"], latest: float) -> list[int]:
    """Wait for the processes until then, and kill those that are left; their ranks."""
    killed = []
    for rank, process in enumerate(processes):
        try:
            process.wait(max(0.0, latest - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed.append(rank)
    return killed


def _report(codes: Mapping[int, int], *, asked: bool) -> int:
    """Say which process has failed, unless it has said so itself; the exit code of all."""
    failed = {rank: code for rank, code in codes.items() if not _is_sound(code, asked=asked)}
    if not failed:
        return EXIT_INTERRUPTED if any(codes.values()) else 0
    if EXIT_ERROR in failed.values():  # it has printed its message
        return EXIT_ERROR
    own = [rank for rank, code in failed.items() if code != EXIT_ELSEWHERE]
    rank = own[0] if own else next(iter(failed))
    tell(f"error: rank {rank} {_reason(failed[rank])}; {RESUME}")
    return EXIT_ERROR


def _reason(code: int) -> str:
    if code == EXIT_ELSEWHERE:
        return "has lost the connection to another process"
    if code >= 0:
        return f"has failed with exit code {code}, as it says above"
    name = signal.Signals(-code).name
    hint = " (as a system does that has no memory left)" if -code == signal.SIGKILL else ""
    return f"was ended by {name}{hint}"
