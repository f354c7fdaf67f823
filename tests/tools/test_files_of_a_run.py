"""No command replaces what a run keeps in its folder."""

import sys

import pytest

from yolox_ela.choices import DETECTOR
from yolox_ela.commands import (
    dataset_options,
    evaluate_options,
    explain_options,
    export_options,
    predict_options,
    table_options,
    train_options,
)
from yolox_ela.commands.option_checks import require_output_file, require_outputs
from yolox_ela.errors import UserError

EVAL = f"-c {DETECTOR}"
COMMANDS = {
    "train": (train_options, "-f nano --json"),
    "eval": (evaluate_options, f"{EVAL} --json"),
    "eval, its detections": (evaluate_options, f"{EVAL} --save-detections"),
    "predict": (predict_options, "picture.jpg --json"),
    "explain": (explain_options, "picture.jpg --json"),
    "dataset": (dataset_options, "check --data . --json"),
    "table": (table_options, "complexity --json"),
    "table, as text": (table_options, "complexity -o"),
    "table in a text": (table_options, "complexity --into"),
}


@pytest.fixture
def run(tmp_path):
    """The folder of a run."""
    for name in ("config.json", "state.pth", "train.log"):
        (tmp_path / "run" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "run" / name).write_text("{}")
    return tmp_path / "run"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses(name, run, monkeypatch):
    module, words = COMMANDS[name]
    (run.parent / "picture.jpg").write_bytes(b"")
    monkeypatch.chdir(run.parent)
    monkeypatch.setattr(sys, "argv", ["yolox-ela", *words.split(), "run/config.json"])
    with pytest.raises(UserError, match=r"would replace config\.json of the run"):
        module.parse(run.parent)


def test_an_export_refuses(run, monkeypatch):
    words = ["yolox-ela", "--format", "onnx", "-o", str(run / "report" / "x.onnx")]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(UserError, match="would replace report of the run"):
        export_options.parse(run.parent)


@pytest.mark.parametrize("name", ["metrics.csv", "results.json", ".lock", "report/report.json"])
def test_names_that_the_run_will_need(name, run):
    with pytest.raises(UserError, match="--json"):
        require_output_file("--json", run / name)


def test_other_names_and_other_folders(run):
    require_output_file("--json", run / "scores.json")
    require_output_file("--json", run.parent / "config.json")


def test_two_outputs_in_one_file(tmp_path):
    words = ["--json", "same.json", "--save-detections", "same.json"]
    args = evaluate_options.build_parser(tmp_path).parse_args([*EVAL.split(), *words])
    with pytest.raises(UserError, match=r"two outputs would be the same file, same\.json"):
        require_outputs(args, "json", "save_detections")
