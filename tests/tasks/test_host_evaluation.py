"""`eval` and `explain` of other networks than YOLOX: scores as in training, skipped pictures."""

import json
import shutil

import pytest
import torch
from tiny_networks import classifier
from tiny_tasks import every_kind

import yolox_ela
from yolox_ela.commands import evaluate, evaluate_options, explain, explain_options
from yolox_ela.errors import UserError
from yolox_ela.predict import Detector
from yolox_ela.tables.hosts.results import read_results


@every_kind
def test_the_same_scores_as_in_training(kind, run_of, tmp_path, monkeypatch, capsys):
    """On the run's data, found by its weights; as JSON, as a record and as a report."""
    file, run = run_of[kind]
    words = ["-f", file, "-c", run.last, "--json", tmp_path / "scores.json", "--device", "cpu"]
    words += ["--record", tmp_path / "rows.csv"]
    if kind != "yolof":  # whose report is that of YOLOX, with many pictures
        words += ["--report", tmp_path / "page"]
    monkeypatch.setattr("sys.argv", ["yolox-ela eval", *map(str, words)])
    assert evaluate.main(evaluate_options.parse(tmp_path)) == 0
    table = capsys.readouterr().out
    assert "images/s" in table
    assert "seconds" not in table
    mine = json.loads((tmp_path / "scores.json").read_text())
    assert mine["settings"]["checkpoint"] == str(run.last)
    theirs = json.loads((run.folder / "results.json").read_text())
    assert 0 < theirs[run.headline] < 1, "a score that can be missed"
    varying = {"seconds", "settings"}
    assert {k: v for k, v in mine.items() if k not in varying} == {
        k: v for k, v in theirs.items() if k not in varying
    }
    recorded = {row["score"]: float(row["value"]) for row in read_results(tmp_path / "rows.csv")}
    assert recorded
    assert all(recorded[name] == round(100 * mine[name], 2) for name in recorded)
    assert kind == "yolof" or "Scores" in (tmp_path / "page" / "report.html").read_text()


def scores(run_of, kind, data=None, **settings):
    file, run = run_of[kind]
    return yolox_ela.evaluate(
        settings.pop("checkpoint", run.last), experiment=file, data=data, device="cpu", **settings
    )


def test_other_images(run_of, data_of, tmp_path):
    """A folder without images to train on, a list of ids, a set by name, and a batch of one."""
    data = data_of["classification"]
    alone = tmp_path / "alone"
    shutil.copytree(data / "val", alone / "test")
    all_of_them = scores(run_of, "classification")
    assert all_of_them.headline == "top1"
    assert scores(run_of, "classification", alone).scores == all_of_them.scores
    assert scores(run_of, "classification", batch_size=1).scores == all_of_them.scores
    (tmp_path / "ids.txt").write_text("val/red/0.png\nval/blue/1.png\n")
    some = scores(run_of, "classification", ids=tmp_path / "ids.txt")
    assert (some.images, set(some.per_class)) == (2, {"red", "blue"})
    assert scores(run_of, "classification", data, split="train").images == 15
    assert scores(run_of, "segmentation", data_of["segmentation"], split="train").images == 6
    found = scores(run_of, "yolof", split="train", save_detections=tmp_path / "found.json")
    assert found.images == 6
    assert isinstance(json.loads((tmp_path / "found.json").read_text()), list)


def test_changed_images(run_of, data_of, tmp_path):
    """They are refused where nobody names them, since the weights were scored on others."""
    data, (file, run) = data_of["classification"], run_of["classification"]
    moved = tmp_path / "run"
    shutil.copytree(run.folder, moved)
    shutil.copytree(data, tmp_path / "data")
    text = (moved / "environment.json").read_text()
    (moved / "environment.json").write_text(text.replace(str(data), str(tmp_path / "data")))
    shutil.copy(data / "train" / "red" / "1.png", tmp_path / "data" / "val" / "red" / "0.png")
    with pytest.raises(UserError, match=r"is not what .* was evaluated on during its run"):
        yolox_ela.evaluate(moved / "last.pth", experiment=file)
    shutil.rmtree(tmp_path / "data")
    with pytest.raises(UserError, match="are no longer at"):
        yolox_ela.evaluate(moved / "last.pth", experiment=file)


def test_bare_weights(run_of, data_of, tmp_path):
    """A state dict without a run: the classes are those of the data, which must be named."""
    torch.manual_seed(0)
    torch.save(classifier(num_classes=3).state_dict(), tmp_path / "bare.pth")
    words = {"checkpoint": tmp_path / "bare.pth", "attention": "none"}
    found = scores(run_of, "classification", data_of["classification"], **words)
    assert list(found.per_class) == ["blue", "green", "red"]
    with pytest.raises(UserError, match="is of no run, whose data it could tell"):
        scores(run_of, "classification", **words)


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        ("classification", {"zero_shot": True}, "--zero-shot is for YOLOX"),
        ("classification", {"checkpoint": "coco"}, "weights of its own"),
        ("classification", {"rectangular": True}, "--rectangular is for YOLOX"),
        ("classification", {"conf": 0.5}, "--conf is for detectors"),
        ("segmentation", {"save_detections": "x.json"}, "--save-detections is for detectors"),
        ("yolof", {"save_comp4": "folder"}, "--save-comp4 is for YOLOX"),
        ("yolof", {"zoom": (1, 2)}, "has no field 'zoom'"),
        ("segmentation", {"split": "test"}, "no set 'test' of segmentation"),
        ("classification", {"split": "test"}, "has no folder 'test' to evaluate on"),
        ("classification", {"attention": "ela_s"}, "does not fit the network of classification"),
    ],
)
def test_what_is_refused(kind, settings, said, run_of, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=said):
        scores(run_of, kind, **settings)


def test_weights_of_another_task(run_of, tmp_path):
    with pytest.raises(UserError, match=r"does not train what .* is of, segmentation"):
        scores(run_of, "classification", checkpoint=run_of["segmentation"][1].last)
    with pytest.raises(UserError, match=r"is of another network than YOLOX \(segmentation\)"):
        yolox_ela.evaluate(run_of["segmentation"][1].last, experiment="nano")
    with pytest.raises(UserError, match="'segmentation', which is none of the package's own"):
        yolox_ela.evaluate(run_of["segmentation"][1].last)


def test_pictures_that_cannot_be_explained(run_of, data_of, tmp_path, monkeypatch, capsys):
    """They are reported and left out, and the exit code tells, as for YOLOX."""
    file, run = run_of["classification"]
    picture = data_of["classification"] / "val" / "red" / "0.png"
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(picture.read_bytes()[:100])
    words = ["-f", file, "-c", run.last, "--place", "layer4", "--json", tmp_path / "x.json"]
    names = [damaged, tmp_path / "film.mp4", picture]
    monkeypatch.setattr("sys.argv", ["yolox-ela explain", *map(str, [*words, *names])])
    assert explain.main(explain_options.parse(tmp_path)) == 1
    entries = json.loads((tmp_path / "x.json").read_text())
    assert [entry["image"] for entry in entries] == list(map(str, names))
    assert ["maps" in entry for entry in entries] == [False, False, True]
    said = capsys.readouterr().err
    assert f"skipped: cannot decode image {damaged}" in said
    assert "it is a video or camera" in said
    assert "2 of 3 pictures could not be explained" in said


@pytest.mark.slow
def test_weights_that_name_their_experiment(data_of, tmp_path, monkeypatch):
    """The package's own needs neither -f nor the settings of its run."""
    monkeypatch.chdir(tmp_path)
    run = yolox_ela.train(
        "resnet18_ela_t", data=data_of["classification"], image_size=32, epochs=1, batch_size=5,
        workers=0, tracker="none", device="cpu", threads=1, no_report=True,
    )  # fmt: skip
    assert yolox_ela.evaluate(run.best, device="cpu").scores == run.scores
    with pytest.raises(UserError, match=r"'crop_area' = .* must be two numbers"):
        yolox_ela.evaluate(run.best, crop_area=(2, 3))
    with pytest.raises(UserError, match=r"is of another network than YOLOX \(classification\)"):
        Detector.from_checkpoint(run.best)
