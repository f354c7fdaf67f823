"""Commands as processes side by side: one that fails leaves the others, and all can be stopped."""

import os
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LOOK_SECONDS = 0.1  # between looks at the processes
TAIL_LINES = 15  # of a log that a message shows


@dataclass(frozen=True)
class Job:
    """A command to run.

    Attributes:
        words: the program and its arguments.
        log: the file that takes what it prints, behind what is there.
    """

    words: Sequence[str]
    log: Path

    def tail(self) -> str:
        """The end of the log, indented."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:])


@dataclass
class Processes:
    """The commands that run at the moment.

    Args:
        slots: for each command that may run at a time, variables of its environment, such as the
            number of the GPU that it has for itself.
        stopping: whether all are to stop; once it is true, none is started.
    """

    slots: Sequence[Mapping[str, str]]
    stopping: Callable[[], bool]
    _running: dict[int, tuple["subprocess.Popen[bytes]", int]] = field(default_factory=dict)

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, int]]:
        """Run all, as many at a time as there are slots.

        When `stopping` says so, each running process gets SIGTERM, and those that have ended are
        still reported. Leaving early, as by an error, kills them.

        Yields:
            For each one that has ended its position in `jobs` and its exit code.
        """
        waiting, free = deque(range(len(jobs))), deque(range(len(self.slots)))
        told = False
        try:
            while self._running or (waiting and not told):
                if self.stopping() and not told:
                    told = True
                    for process, _ in self._running.values():
                        process.terminate()
                while waiting and free and not told:
                    index = waiting.popleft()
                    slot = free.popleft()
                    self._running[index] = (self._start(jobs[index], slot), slot)
                ended = [
                    i for i, (process, _) in self._running.items() if process.poll() is not None
                ]
                for index in ended:
                    process, slot = self._running.pop(index)
                    free.append(slot)
                    yield index, process.returncode
                if not ended:
                    time.sleep(LOOK_SECONDS)
        finally:
            for process, _ in self._running.values():
                process.kill()
                process.wait()
            self._running.clear()

    def _start(self, job: Job, slot: int) -> "subprocess.Popen[bytes]":
        job.log.parent.mkdir(parents=True, exist_ok=True)
        with job.log.open("ab") as log:
            return subprocess.Popen(
                job.words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.slots[slot]},
                start_new_session=True,  # a Ctrl-C is for the study, which passes it on once
            )
