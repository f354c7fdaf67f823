"""What a run shows between its epochs, on a terminal and in a file."""

import io
import os

import pytest
from forked import Program

from yolox_ela.train.bar import LOG_SECONDS, StepLog, StepStatus, TrainingBar


@pytest.fixture
def status():
    return StepStatus(
        step=1250,
        total_steps=22_536,
        epoch="4/72",
        lr=1.96e-2,
        losses=[6.1234, 2.5, 3.1, 0.5, 0.0],
        images_per_second=34.6,
        time_left="2:49:01",
    )


def test_numbers_on_a_terminal(status, monkeypatch):
    """All within 80 columns, and the time left is the one given, not tqdm's."""
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    with TrainingBar(22_536, 1250, main_process=True) as bar:
        bar.show(status)
        text = str(bar)
    assert text.startswith("4/72 1250/22536 00:00<2:49:01, 35 im/s lr 2e-02 loss 6.1 iou 2.5")
    assert "l1" not in text
    assert len(text) <= 80


def test_a_line_every_minute(status, screen):
    times = [0.0, 1.0, LOG_SECONDS - 1.0, LOG_SECONDS + 1.0, 2.0 * LOG_SECONDS, 150.0]
    now = iter(times)
    log = StepLog(enabled=True, clock=lambda: next(now))
    lines = []
    for _ in times[1:]:
        log.show(status)
        lines.append(len(screen))
    assert lines == [0, 0, 1, 1, 2], "a minute after the line before"
    assert screen[0] == (
        "epoch 4/72  step 1250/22536  loss 6.123, iou 2.500, objectness 3.100, class 0.500  "
        "34.6 images/s  about 2:49:01 left"
    )


def test_none_where_a_terminal_shows_the_numbers(status, screen):
    times = iter([0.0, 10.0 * LOG_SECONDS])
    StepLog(enabled=False, clock=lambda: next(times)).show(status)
    assert not screen


NOTEBOOK = """
import sys, types

class Shell:
    config = {"IPKernelApp": {}}  # by which older versions of tqdm know a notebook

class Widget:
    def __init__(self, *args, **options):
        self.__dict__.update(options, children=options.get("children", ()))
        self.layout = types.SimpleNamespace(); self.style = types.SimpleNamespace()

widgets = types.ModuleType("ipywidgets")
widgets.__version__, widgets.VERSION_NAME = "8.0.0", "8"
for name in ("HBox", "HTML", "FloatProgress", "IntProgress"):
    setattr(widgets, name, type(name, (Widget,), {}))
python, display, html = (types.ModuleType(f"IPython{n}") for n in ("", ".display", ".html"))
python.get_ipython, python.display = Shell, display
display.display = lambda *shown: None
display.clear_output = lambda *a, **k: None
sys.modules["ipykernel.zmqshell"] = types.ModuleType("zmqshell")
sys.modules |= {"IPython": python, "IPython.display": display, "ipywidgets": widgets}
for name in list(sys.modules):  # what was imported where there is no notebook
    if name.split(".")[0] == "tqdm" or name == "yolox_ela.train.bar":
        del sys.modules[name]
from yolox_ela.train.bar import StepStatus, TrainingBar

bar = TrainingBar(100, 10, main_process=True)
bar.show(StepStatus(11, 100, "1/9", 0.01, [6.0, 0, 0, 0, 0], 30.0, "0:01:00"))
bar.refresh()
print(bar.disable, *[child.value for child in bar.container.children], file=sys.stderr)
print(TrainingBar(100, 10, main_process=False).disable, file=sys.stderr)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_numbers_in_a_notebook(tmp_path):
    """Its standard error is no terminal, so a plain bar would stay hidden."""
    script = tmp_path / "notebook.py"
    script.write_text(NOTEBOOK)
    done = Program([str(script)], tmp_path)
    said = done.rest()
    assert done.returncode == 0, said
    first, second = said.splitlines()
    assert first.startswith("False ")
    first = first.replace("\u2007", " ")
    assert "1/9 10/100" in first
    assert "30 im/s" in first
    assert second == "True"
