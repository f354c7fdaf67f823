"""Names are text: formulas, tags, other directions and broken bytes pass through every output."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from loguru import logger
from PIL import Image

from yolox_ela.evaluate.evaluator import EvalSettings, score_detections
from yolox_ela.evaluate.saved import SavedEvaluation, load_evaluation, save_evaluation
from yolox_ela.network.weights import weights_digest
from yolox_ela.report.curves import save_curves
from yolox_ela.system.logs import log_to_file
from yolox_ela.tables.layout import Column, Table, render
from yolox_ela.train.run_folder import RunFolder

NAMES = (
    "a$_$b",
    "$x^{",
    "_hidden",
    "<b>&amp;",
    "100% \\frac",
    "\u05e9\u05dc\u05d5\u05dd",
    "\U0001f408",
)
BROKEN = "caf\udce9"  # a file name in Latin-1


@pytest.fixture
def evaluation(build_split, build_detections):
    """Of as many images and classes as there are names."""
    boxes = [[5 * i, 5, 5 * i + 60, 90] for i in range(len(NAMES))]
    split = build_split([[(i, box)] for i, box in enumerate(boxes)], NAMES)
    ids = np.array([f"{name}{BROKEN}" for name in NAMES])
    split = type(split)(**{**vars(split), "ids": ids})
    found = build_detections([(i, i, 0.9 - 0.1 * i, box) for i, box in enumerate(boxes)])
    results = score_detections(found, split, EvalSettings(320, 0.01, 0.65), 1.0)
    return SavedEvaluation(found, split, results)


def test_saved_evaluations(evaluation, tmp_path):
    save_evaluation(tmp_path / "evaluation.npz", evaluation)
    again = load_evaluation(tmp_path / "evaluation.npz")
    assert again.split.classes == NAMES
    assert evaluation.split.fingerprint() == again.split.fingerprint()


def test_the_curves_of_runs(tmp_path):
    rows = [{"epoch": 1, "loss": 2.0}]
    save_curves(dict.fromkeys([*NAMES, BROKEN], rows), tmp_path / "curves.png")
    assert Image.open(tmp_path / "curves.png").width > 500


def test_files_of_text(evaluation, tmp_path):
    RunFolder(tmp_path).write_json("a.json", {"classes": [*NAMES, BROKEN]})
    assert json.loads((tmp_path / "a.json").read_text())["classes"] == [*NAMES, BROKEN]
    with log_to_file(tmp_path / "train.log", [f"{BROKEN}\n"]):
        logger.info("{} {}", NAMES, BROKEN)
    assert "\\udce9" in (tmp_path / "train.log").read_text(encoding="utf-8")
    rows = [{"name": name} for name in NAMES]
    csv = render([Table("t", [Column("name", "name")], rows)], "csv")
    assert [line.strip('"') for line in csv.splitlines()[1:]] == list(NAMES)
    assert len(weights_digest({BROKEN: torch.zeros(1)})) == 64


def test_the_screen_of_another_encoding():
    """A class that the terminal cannot show is escaped."""
    program = (
        "import sys; from yolox_ela.system.logs import log_to_screen; log_to_screen(); "
        f"print({NAMES[-1]!r}, {BROKEN!r})"
    )
    environment = {"PYTHONIOENCODING": "ascii", "PATH": "", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == "\\U0001f408 caf\\udce9\n"
