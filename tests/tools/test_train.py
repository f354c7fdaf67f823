"""tools/train.py as a user runs it: what a run writes, and its reports."""

import json

import pytest
import torch
from command_line import ONE_EPOCH, PROJECT, exp, tree

pytestmark = pytest.mark.slow


def test_run_folder(trained, project):
    folder, output = trained
    assert "weights: random, seed 3" in output.stderr
    assert "epoch 3/3" in output.stderr
    assert "mean" in output.stdout
    config = json.loads((folder / "config.json").read_text())
    assert config["seed"] == 3
    assert config["image_size"] == 64
    assert config["momentum"] == 0.937
    (environment,) = json.loads((folder / "environment.json").read_text())
    assert environment["versions"]["torch"] == torch.__version__.split("+")[0]
    assert "epoch 3/3" in (folder / "train.log").read_text()
    final = json.loads((project / "final.json").read_text())
    assert final == json.loads((folder / "results.json").read_text())
    files = {path.name for path in folder.iterdir()}
    assert {"best.pth", "last.pth", "state.pth", "curves.png"} <= files
    assert any((folder / "tensorboard").glob("events.out.tfevents.*"))
    page = (folder / "report.html").read_text(encoding="utf-8")
    for part in ("Learning curves", "Training batches", "Confusion matrix", "dark3"):
        assert part in page, part


def test_writes_nothing_beside_experiments(trained, project):
    there = {path.name for path in (project / "exps").iterdir()}
    assert there <= {path.name for path in (PROJECT / "exps").iterdir()}


def test_evaluation_repeats_the_final_scores(call, trained, project, data):
    folder, _ = trained
    json_file, detections = project / "eval.json", project / "detections.json"
    call(
        "tools/eval.py",
        "-f",
        exp(project),
        "-c",
        folder / "last.pth",
        "--data",
        data,
        "--split",
        "test",
        "--device",
        "cpu",
        "--json",
        json_file,
        "--save-detections",
        detections,
    )
    results = json.loads(json_file.read_text())
    expected = json.loads((folder / "results.json").read_text())
    for key in ("ap50_voc07", "ap50", "ap50_95", "images", "per_class", "detections"):
        assert results[key] == expected[key], key
    assert results["settings"]["image_size"] == 64, "as trained, not the recipe's 640"
    entries = json.loads(detections.read_text())
    assert len(entries) == results["detections"]
    assert set(entries[0]) >= {"image_id", "category_id", "bbox", "score"}


def test_reports_of_an_evaluation_and_a_run_side_by_side(call, trained, project, data, tmp_path):
    folder, _ = trained
    best = tmp_path / "best"
    words = ["-f", exp(project), "--data", data, "--device", "cpu", "-c", folder / "best.pth"]
    done = call("tools/eval.py", *words, "--report", best, "--rectangular", "--json", "-")
    assert json.loads(done.stdout) == json.loads((best / "results.json").read_text())
    assert "Choosing a score threshold" in (best / "report.html").read_text("utf-8")
    done = call("tools/report.py", best, folder, "-o", tmp_path / "c", "--json", "-")
    content = json.loads(done.stdout)
    assert [(entry["run"], entry["side"]) for entry in content] == [
        (str(run), run.name) for run in (best, folder)
    ]
    assert content[1]["results"] == json.loads((folder / "results.json").read_text())
    assert f"{folder.name} against best" in (tmp_path / "c" / "report.html").read_text("utf-8")
    done = call("tools/report.py", folder, tmp_path, expect=2)
    assert "no " in done.stderr
    assert "evaluation.npz" in done.stderr
    # A training run's folder is not overwritten by an evaluation's report.
    done = call("tools/eval.py", *words, "--report", folder, expect=2)
    assert "already holds a run" in done.stderr


def test_a_second_run_gets_its_own_folder(call, trained, project, data, tmp_path, monkeypatch):
    """And decoded images a folder outside all, where a third run would find them."""
    monkeypatch.setenv("YOLOX_ELA_CACHE", str(tmp_path))
    before = tree(trained[0])
    words = ["-f", exp(project), "--data", data, "-c", trained[0] / "last.pth", *ONE_EPOCH]
    words += ["--cache", "disk", "--augment", "device"]
    call("tools/train.py", *words)
    second = project / "runs" / "nano_ela_s-2"
    assert (second / "last.pth").is_file()
    assert json.loads((second / "timing.json").read_text())["images_per_second"] > 0
    assert tree(trained[0]) == before
    (cache,) = (tmp_path / "images").iterdir()
    assert cache.stat().st_size > 20 * 64 * 40 * 3
