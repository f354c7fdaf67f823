"""The last three lines of a run, pasted into a shell."""

import os
import shlex
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
from command_line import PROJECT, environment

from yolox_ela.commands.next_steps import next_steps
from yolox_ela.datasets.load import load_split
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.errors import UserError
from yolox_ela.experiment import load_experiment
from yolox_ela.overrides import override
from yolox_ela.system.program import command_words
from yolox_ela.tables.record import read_rows
from yolox_ela.train.run_folder import RunFolder


def test_pasted(call, trained, project, tmp_path):
    """Each works where the run was started, with the experiment and the data of the run."""
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {shlex.quote(str(tmp_path))}/opened\n')
    browser.chmod(0o755)
    env = {**environment(), "BROWSER": f"{browser} %s", "PYTHONPATH": str(PROJECT)}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    report, evaluation, prediction = trained[1].stdout.splitlines()[-3:]
    done = subprocess.run(
        report, shell=True, cwd=project / "exps", env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "opened").read_text().strip() == (trained[0] / "report.html").as_uri()
    for line, length, shows in ((evaluation, 4, "AP50"), (prediction, 5, "1/1 ")):
        python, program, *words = shlex.split(line)
        assert Path(python).name.startswith("python")
        assert len(words) == length - 2
        assert (project / "exps" / program).resolve().parent == project / "tools"
        assert shows in call(f"tools/{Path(program).name}", *words).stdout


@pytest.fixture
def own(tmp_path, monkeypatch):
    """An experiment and a run of a user's own, in a folder with a space."""
    here = tmp_path / "my folder"
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "mine.py").write_text(
        "from yolox_ela.experiment import Experiment\nexp = Experiment(nms_iou=0.6)\n"
    )
    folder = RunFolder(here / "runs" / "it's mine")
    folder.path.mkdir(parents=True)
    folder.best.write_bytes(b"")
    return folder


def test_an_experiment_of_ones_own(own, data, monkeypatch):
    """Given with -f, and with those settings of the evaluation that its file has otherwise."""
    monkeypatch.setattr(sys, "argv", ["yolox-ela train"])
    monkeypatch.setitem(sys.modules, "__main__", type(sys)("__main__"))
    exp = override(load_experiment("mine.py"), {"test_sets": ("2007/test", "2007/val"), "lr": 0.1})
    split = load_split(data, ["2007/test"], VOC_CLASSES)
    report, evaluation, prediction = next_steps(own, exp, Path("mine.py"), None, split).splitlines()
    weights = ["-f", "mine.py", "-c", "runs/it's mine/best.pth"]
    assert shlex.split(report) == ["yolox-ela", "report", "runs/it's mine"]
    settings = ["test_sets", "2007/test,2007/val"]
    assert shlex.split(evaluation) == ["yolox-ela", "eval", *weights, *settings]
    *words, picture = shlex.split(prediction)
    assert words == ["yolox-ela", "predict", *weights]
    assert np.diff(split.offsets)[split.paths.tolist().index(picture)] > 0


@pytest.mark.parametrize(
    ("program", "as_module", "expected"),
    [
        ("yolox-ela train", False, ["yolox-ela", "predict"]),
        ("yolox-ela train", True, ["PYTHON", "-m", "yolox_ela", "predict"]),
        ("tools/train.py", False, ["PYTHON", "tools/demo.py"]),
        ("a_program_of_ones_own.py", False, ["yolox-ela", "predict"]),
    ],
)
@pytest.mark.parametrize("on_path", [True, False])
def test_the_program_in_use(monkeypatch, tmp_path, program, as_module, expected, on_path):
    main = type(sys)("__main__")
    main.__spec__ = ModuleSpec("yolox_ela.__main__", None) if as_module else None
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(sys, "argv", [program])
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent if on_path else tmp_path))
    python = "python" if on_path else sys.executable
    assert command_words("predict") == [word.replace("PYTHON", python) for word in expected]


@pytest.mark.parametrize("program", ["tools/eval.py", "yolox-ela eval"])
def test_messages_name_commands_as_they_were_typed(monkeypatch, tmp_path, program):
    main = type(sys)("__main__")
    main.__spec__ = None
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(sys, "argv", [program])
    expected = program if program == "yolox-ela eval" else r"\S+ tools/eval\.py"
    with pytest.raises(UserError, match=f" and {expected} make them with --record"):
        read_rows(tmp_path / "none.csv")
