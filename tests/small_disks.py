"""Train where a disk is too small or fills up, and see what the user is told and what is lost.

    unshare -m python tests/small_disks.py [CASE ...]

Needs root, for disks of its own that nobody else sees. Each case prints what was printed, the exit
code, and what is wrong with them; where a run had begun, it goes on once there is room, and ends
with the weights of a run that was not disturbed.
"""

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import torch

PROJECT = Path(__file__).resolve().parents[1]
SETTINGS = ["-f", "nano", "-c", "none", "--device", "cpu", "--no-report", "-b", "4", "-e", "4"]
SETTINGS += ["image_size", "64", "eval_interval", "2", "lr", "0.001", "--threads", "1"]
BEGUN = "epoch 2/4"  # in the log of a run that has something to lose


class Place:
    """A folder with data and a small disk.

    Args:
        folder: where to make them.
    """

    def __init__(self, folder: Path) -> None:
        from yolox_ela.datasets.sample import generate_sample

        self.folder, self.disk = folder, folder / "disk"
        self.data = generate_sample(folder / "data", train_images=8, test_images=8)
        self.disk.mkdir()

    def mount(self, size: str, at: Path | None = None) -> None:
        """Put an empty disk of this size in place, the small one by default."""
        at = at or self.disk
        subprocess.run(["umount", str(at)], capture_output=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", at], check=True)

    def fill(self) -> None:
        """Leave no byte on the disk."""
        with (self.disk / "filler").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return

    def train(self, *words: str, full_after: str = "", **environment: str) -> tuple[int, list[str]]:
        """Run the command; the exit code, and what it has printed.

        Args:
            words: options beside `SETTINGS`.
            full_after: the disk is filled once this text was printed; empty for never.
            environment: variables.
        """
        command = [sys.executable, "-u", str(PROJECT / "tools" / "train.py"), *SETTINGS, *words]
        process = subprocess.Popen(
            [*command, "--data", str(self.data)],
            env={**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1", **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        end = threading.Timer(900, process.kill)
        end.start()
        lines = []
        for line in process.stderr:
            lines.append(line)
            if full_after and full_after in line:
                self.fill()
        end.cancel()
        return process.wait(), lines


def shared_memory(place: Place) -> list[str]:
    """/dev/shm of 64 kB, and two loader processes."""
    place.mount("64k", Path("/dev/shm"))
    try:
        return refused(place.train("workers", "2", "-o", f"{place.folder}/shm"), "/dev/shm")
    finally:
        subprocess.run(["umount", "/dev/shm"], check=True)


def cache(place: Place) -> list[str]:
    """No room for the cache of images."""
    place.mount("64k")
    run = place.train(
        "--cache", "disk", "-o", f"{place.folder}/cache", YOLOX_ELA_CACHE=str(place.disk)
    )
    return refused(run, "YOLOX_ELA_CACHE")


def temporary(place: Place) -> list[str]:
    """No room for temporary files: the run needs none, or says so."""
    place.mount("4k")
    place.fill()
    code, lines = place.train("workers", "1", "-o", f"{place.folder}/temp", TMPDIR=str(place.disk))
    show(code, lines)
    return [] if code == 0 else faults(code, lines, "TMPDIR")


def start(place: Place) -> list[str]:
    """No room for the first save."""
    place.mount("6m")
    return refused(place.train("-o", f"{place.disk}/run"), "no space is left")


def later(place: Place) -> list[str]:
    """The disk of the run's folder, which has its log, fills up while it trains."""
    place.mount("100m")
    folder = place.disk / "run"
    wrong = refused(place.train("-o", str(folder), full_after=BEGUN), "no space is left")
    (place.disk / "filler").unlink()
    return wrong + resumed(place, folder)


def log_alone(place: Place) -> list[str]:
    """There is room for everything but the rest of the log: one warning, and the run goes on."""
    same(place, place.folder / "whole")
    log = (place.folder / "whole" / "train.log").read_text()
    place.mount("4k")
    folder = place.folder / "log"
    folder.mkdir()
    first = len(log[: log.index("epoch 1/4")].encode())
    (place.disk / "train.log").write_bytes(b"-" * (4096 - first - 200))
    (folder / "train.log").symlink_to(place.disk / "train.log")
    code, lines = place.train("-o", str(folder))
    show(code, lines)
    wrong = [f"exit code {code}"] if code else same(place, folder)
    said = "".join(lines)
    wrong += ["one warning was expected"] if said.count("misses what is logged") != 1 else []
    return wrong + (["a traceback"] if "Traceback" in said else [])


def resumed(place: Place, folder: Path) -> list[str]:
    """What is wrong with the rest of a run."""
    code, lines = place.train("-o", str(folder), "--resume")
    show(code, lines)
    return [f"exit code {code} after --resume"] if code else same(place, folder)


def same(place: Place, folder: Path) -> list[str]:
    """The files in which a run has other weights than one that was not disturbed."""
    whole = place.folder / "whole"
    if not (whole / "last.pth").is_file():
        code, lines = place.train("-o", str(whole))
        assert code == 0, lines
    wrong: list[str] = []
    for name in ("last.pth", "best.pth"):
        one, other = (torch.load(f / name, weights_only=True)["model"] for f in (folder, whole))
        if not all(torch.equal(tensor, other[key]) for key, tensor in one.items()):
            wrong.append(f"other weights in {name}")
    return wrong


def refused(run: tuple[int, list[str]], text: str) -> list[str]:
    """What is wrong with the end of a run that cannot go on."""
    show(*run)
    return faults(*run, text)


def faults(code: int, lines: list[str], text: str) -> list[str]:
    """What is wrong with an exit code and what was printed; it should hold a text."""
    said = "".join(lines)
    wrong = [] if code == 2 else [f"exit code {code}"]
    wrong += [] if said.count("error: ") == 1 else ["one line with error: was expected"]
    wrong += [] if text in said else [f"no word of {text}"]
    return wrong + (["a traceback"] if "Traceback" in said else [])


def show(code: int, lines: list[str]) -> None:
    """Print how a run ended."""
    print(f"   exit code {code}")
    print("".join(f"   | {line}" for line in lines[-12:]), end="", flush=True)


CASES = (shared_memory, cache, temporary, start, later, log_alone)


def main() -> int:
    """Run the cases whose names are given, or all; the number of those that went wrong."""
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        for case in CASES:
            if sys.argv[1:] and case.__name__ not in sys.argv[1:]:
                continue
            print(f"## {case.__name__}: {case.__doc__}", flush=True)
            found = case(place)
            wrong += bool(found)
            print(f"   {found or 'as it should'}", flush=True)
        subprocess.run(["umount", str(place.disk)], capture_output=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
