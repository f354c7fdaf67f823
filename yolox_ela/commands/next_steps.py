"""The commands to try after a training, as they can be pasted into a shell."""

import shlex
from pathlib import Path

import numpy as np

from yolox_ela.datasets.split import VocSplit
from yolox_ela.experiment import Experiment
from yolox_ela.system.program import command_words, python_word
from yolox_ela.train.run_folder import RunFolder

# Settings of an evaluation that weights do not hand on to an experiment given with -f.
OWN_SETTINGS = ("name", "test_sets", "score_threshold", "nms_iou")


def next_steps(
    folder: RunFolder, exp: Experiment, file: Path, page: Path | None, split: VocSplit
) -> str:
    """Three commands, a line each: open the report, evaluate, detect objects in a test image.

    Args:
        folder: the run's folder.
        exp: the run's experiment and settings.
        file: the experiment as it was given with -f.
        page: the report; without one, the first command writes it.
        split: the test images.
    """
    weights = ["-c", _shown(folder.best if folder.best.is_file() else folder.last)]
    settings: list[str] = []
    if not exp.package_name:  # then weights cannot find their experiment
        weights = ["-f", str(file), *weights]
        settings = _changed_settings(exp)
    attention: list[str] = []
    if isinstance(exp.attention, str) and ".py:" in exp.attention:  # weights alone do not run it
        settings, attention = (
            [*settings, f"attention={exp.attention}"],
            ["--attention", exp.attention],
        )
    if page is None:
        report = [*command_words("report"), _shown(folder.path)]
    else:
        report = [python_word(), "-m", "webbrowser", page.absolute().as_uri()]
    commands = [
        report,
        [*command_words("eval"), *weights, *settings],
        [*command_words("predict"), *weights, *attention, _shown(_picture(split))],
    ]
    return "\n".join(map(shlex.join, commands))


def _changed_settings(exp: Experiment) -> list[str]:
    """Pairs of field and value where the run's evaluation differs from the experiment's file."""
    mine, defined = exp.to_dict(), exp.as_defined()
    words: list[str] = []
    for name in OWN_SETTINGS:
        value = mine[name]
        if value != defined[name]:
            words += [name, ",".join(value) if isinstance(value, list) else str(value)]
    return words


def _picture(split: VocSplit) -> Path:
    """The first image with an object, or else the first."""
    return Path(str(split.paths[int(np.argmax(np.diff(split.offsets) > 0))]))


def _shown(path: Path) -> str:
    """A path as a user would type it here: relative if it lies below the current folder."""
    path, here = path.absolute(), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
