"""The options of `yolox-ela ui`, and what it refuses."""

import importlib.util
import os
import subprocess
import sys

import pytest

from yolox_ela.errors import UserError


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-f", "nano"], "-f nano says how a network is built"),
        (["-c", "nothing.pth"], "-c nothing.pth: there is no such file"),
        (["--conf", "2"], "'2' is not a number from 0 to 1"),
        (["--port", "70000"], "--port: '70000' is not a whole number of at least 0 and at most"),
    ],
)
def test_mistakes(typed, words, message):
    with pytest.raises(UserError, match=message):
        typed(*words)


def test_gradio_is_missing(typed, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'yolox_ela\[ui\]'"):
        typed()


def test_help_needs_neither_torch_nor_gradio():
    code = (
        "import sys; from pathlib import Path; from yolox_ela.commands.ui_options import parse\n"
        "try: parse(Path())\n"
        "except SystemExit: assert not {'torch', 'gradio'} & sys.modules.keys()\n"
    )
    path = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-c", code, "--help"]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == 0, done.stderr
    assert "--host ADDRESS" in done.stdout
