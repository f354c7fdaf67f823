"""Kill processes of tiny trainings, and see how the others end.

    python tests/process_kills.py [CASE ...]

Each case starts a training (with `-d 2`, under torchrun, or as one process), waits until it
prints some text, sends signals, and prints what the user has seen since, the exit code, the
seconds until all processes were gone, and what is wrong with that.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

PROJECT = Path(__file__).resolve().parents[1]
SETTINGS = ["-f", "nano", "-c", "none", "--device", "cpu", "--no-report", "-b", "4", "-e", "200"]
SETTINGS += ["image_size", "64", "eval_interval", "100", "workers", "1", "lr", "0.001"]
ONE, LAUNCHED = [], ["-d", "2"]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
LATEST = 30.0  # seconds until all have to be gone
TRAINS = "epoch 2/200"  # in the log of a training that is under way
STARTED = "both processes have started"
MARK = "YOLOX_ELA_KILLED_RUN"  # in the environment of its processes


@dataclass
class Ended:
    """How a training ended.

    Attributes:
        code: its exit code.
        text: what it has printed since the first signal.
        seconds: until its last process was gone, since the first signal.
        left: names of processes that were not gone in time; they have been killed.
    """

    code: int
    text: str
    seconds: float
    left: list[str]


class Run:
    """A training in processes of its own."""

    def __init__(self, data: Path, folder: Path, kind: Sequence[str], *words: str) -> None:
        launcher = kind if kind == TORCHRUN else ["-u"]
        program = [sys.executable, *launcher, str(PROJECT / "tools" / "train.py"), *SETTINGS]
        program += [*(LAUNCHED if kind == LAUNCHED else ()), "--data", str(data), *words]
        self.folder = folder
        self.mark = f"{os.getpid()}-{time.monotonic_ns()}"
        threads = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT), MARK: self.mark}
        self.process = subprocess.Popen(
            [*program, "-o", str(folder)],
            env={**os.environ, **threads},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._heard = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stderr:
            with self._heard:
                self.lines.append(line)
                self._heard.notify_all()

    def wait_for(self, text: str) -> None:
        """Wait until a line has this text."""
        with self._heard:
            if not self._heard.wait_for(lambda: text in "".join(self.lines), 300):
                raise TimeoutError("".join(self.lines))

    def processes(self) -> list[psutil.Process]:
        """All that live, whoever their parents are."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark and process.status() != "zombie":
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def ranks(self) -> list[psutil.Process]:
        """The processes that train, by rank."""
        ranks = [p for p in self.processes() if "RANK" in p.environ() and not is_loader(p)]
        return sorted(ranks, key=lambda process: int(process.environ()["RANK"]))

    def loaders(self, trainer: psutil.Process) -> list[psutil.Process]:
        """The loader processes of a process that trains."""
        return [p for p in trainer.children() if is_loader(p)]

    def kill(self) -> None:
        """End all of its processes."""
        for process in self.processes():
            process.kill()

    def end(self, since: float, start: int) -> Ended:
        """Wait until all is over.

        Args:
            since: when the first signal was sent, by time.monotonic.
            start: number of lines that had been printed then.
        """
        while self.processes() and time.monotonic() - since < LATEST:
            time.sleep(0.2)
        seconds = time.monotonic() - since
        left = self.processes()
        names = [" ".join(process.cmdline())[-60:] for process in left]
        self.kill()
        code = self.process.wait(10)
        time.sleep(0.3)  # for the last lines
        return Ended(code, "".join(self.lines[start:]), seconds, names)


def is_loader(process: psutil.Process) -> bool:
    """Whether a process was forked from another, with its command line."""
    try:
        parent = process.parent()
        return parent is not None and parent.cmdline() == process.cmdline()
    except psutil.Error:
        return False


def kill_rank(number: int, name: str) -> Callable[[Run], None]:
    """Send a signal to a process that trains."""
    return lambda run: run.ranks()[number].send_signal(getattr(signal, name))


def kill_loader(number: int) -> Callable[[Run], None]:
    """Kill a loader process of a process that trains."""
    return lambda run: run.loaders(run.ranks()[number])[0].kill()


def kill_only_loader(run: Run) -> None:
    """Kill the loader process of a training in one process."""
    run.loaders(psutil.Process(run.process.pid))[0].kill()


def kill_launcher(name: str, times: int = 1, pause: float = 0.0) -> Callable[[Run], None]:
    """Send a signal to the process that was started, several times."""

    def act(run: Run) -> None:
        for _ in range(times):
            if run.process.poll() is None:
                run.process.send_signal(getattr(signal, name))
            time.sleep(pause)

    return act


def kill_group(name: str, times: int = 1, pause: float = 0.0) -> Callable[[Run], None]:
    """Send a signal to all processes of the terminal, as Ctrl-C does, several times."""

    def act(run: Run) -> None:
        for _ in range(times):
            if run.process.poll() is None:
                os.killpg(run.process.pid, getattr(signal, name))
            time.sleep(pause)

    return act


# Name: how the training is started, the text to wait for, what is done then, the exit code, and
# the number of lines with `error:`.
CASES: dict[str, tuple[list[str], str | float, Callable[[Run], None], int, int]] = {
    "one, loader killed": (ONE, TRAINS, kill_only_loader, 2, 1),
    "-d, loader of rank 1 killed": (LAUNCHED, TRAINS, kill_loader(1), 2, 1),
    "-d, rank 0 killed": (LAUNCHED, TRAINS, kill_rank(0, "SIGKILL"), 2, 1),
    "-d, rank 1 killed": (LAUNCHED, TRAINS, kill_rank(1, "SIGKILL"), 2, 1),
    "-d, rank 1 killed early": (LAUNCHED, STARTED, kill_rank(1, "SIGKILL"), 2, 1),
    "-d, rank 1 asked to stop": (LAUNCHED, TRAINS, kill_rank(1, "SIGTERM"), 130, 0),
    "-d, launcher killed": (LAUNCHED, TRAINS, kill_launcher("SIGKILL"), -9, 1),
    "-d, launcher SIGTERM": (LAUNCHED, TRAINS, kill_launcher("SIGTERM"), 130, 0),
    "-d, Ctrl-C": (LAUNCHED, TRAINS, kill_group("SIGINT"), 130, 0),
    "-d, Ctrl-C five times": (LAUNCHED, TRAINS, kill_group("SIGINT", 5), 130, 0),
    "-d, Ctrl-C slowly": (LAUNCHED, TRAINS, kill_group("SIGINT", 5, 1.2), 130, 0),
    "-d, Ctrl-C early": (LAUNCHED, 9.0, kill_group("SIGINT", 5), 130, 0),
    "torchrun, loader killed": (TORCHRUN, TRAINS, kill_loader(1), 1, 2),
    "torchrun, rank 1 killed": (TORCHRUN, TRAINS, kill_rank(1, "SIGKILL"), 1, 1),
    "torchrun, agent killed": (TORCHRUN, TRAINS, kill_launcher("SIGKILL"), -9, 1),
    "torchrun, agent SIGTERM": (TORCHRUN, TRAINS, kill_launcher("SIGTERM"), 1, 0),
    **{
        f"one, Ctrl-C five times after {seconds} s": (ONE, seconds, kill_group("SIGINT", 5), 130, 0)
        for seconds in (0.3, 0.6, 1.0, 1.5, 2.5, 4.0, 6.0, 9.0)
    },
    "one, Ctrl-C while it trains": (ONE, TRAINS, kill_group("SIGINT", 5, 1.2), 130, 0),
}


def main() -> int:
    """Run the cases whose names have one of the words; the number of those that went wrong."""
    from yolox_ela.datasets.sample import generate_sample

    place = Path(tempfile.mkdtemp())
    data = generate_sample(place / "data", train_images=8, test_images=8)
    wrong = 0
    for number, (name, (kind, when, act, code, errors)) in enumerate(CASES.items()):
        if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
            continue
        run = Run(data, place / str(number), kind)
        try:
            if when == STARTED:
                while len(run.ranks()) < 2:
                    time.sleep(0.1)
            elif isinstance(when, str):
                run.wait_for(when)
            else:
                time.sleep(when)
            since, start = time.monotonic(), len(run.lines)
            act(run)
        except BaseException:
            run.kill()
            raise
        ended = run.end(since, start)
        found = faults(ended, code, errors, kind)
        wrong += bool(found)
        print(f"## {name}: {ended.seconds:.1f} s, code {ended.code}: {found or 'as it should'}")
        print("".join(f"   | {line}\n" for line in ended.text.splitlines() if line.strip()))
        sys.stdout.flush()
    return wrong


def faults(ended: Ended, code: int, errors: int, kind: Sequence[str]) -> list[str]:
    """What is wrong with the end of a training."""
    found = [f"left: {name}" for name in ended.left]
    if ended.code != code:
        found.append(f"exit code {code} was expected")
    if ended.text.count("error: ") != errors:
        found.append(f"{errors} lines with error: were expected")
    if errors and "--resume" not in ended.text:
        found.append("no hint at --resume")
    if kind != TORCHRUN and "Traceback" in ended.text:
        found.append("a traceback")
    told = ended.text.count("interrupted") + ended.text.count("stopping:")
    if told > 1:
        found.append("more than one line of the interruption")
    return found


if __name__ == "__main__":
    sys.exit(main())
