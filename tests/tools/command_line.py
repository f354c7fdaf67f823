"""Running a tool of a checkout as its user does, in a process of its own."""

import os
from pathlib import Path

from forked import run_script

PROJECT = Path(__file__).parents[2]
# The sample run, small enough for a test: 3 epochs of 4 steps.
REPORTED = ["-b", "6", "-e", "3", "--device", "cpu", "image_size", "64", "eval_interval", "3"]
REPORTED += ["final_fraction", "0.33", "workers", "0"]
SMALL = ["--no-report", "--tracker", "none", *REPORTED]


def epochs(number, words=SMALL):
    """The words with another number of epochs; an option given twice is refused."""
    place = words.index("-e") + 1
    return [*words[:place], str(number), *words[place + 1 :]]


ONE_EPOCH = epochs(1)


def environment():
    """Threads of their own would only fight over a small machine's cores."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def run(project, *words, expect=0):
    """Run a tool from a foreign folder; its output, with the exit code checked."""
    done = run_script([str(project / words[0]), *map(str, words[1:])], project / "exps")
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def exp(project, name="nano_ela_s"):
    return project / "exps" / f"{name}.py"


def tree(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
