"""eval and predict take a run's weights as they are: neither -f nor --data is needed."""

import json
import re
import shutil

import pytest


@pytest.fixture
def moved(trained, tmp_path):
    """The run's folder, elsewhere."""
    return shutil.copytree(trained[0], tmp_path / "moved")


def record_data(run, folder):
    """Let a run have been trained on the data in `folder`."""
    path = run / "environment.json"
    entries = json.loads(path.read_text())
    path.write_text(json.dumps([entry | {"data": str(folder)} for entry in entries]))


def test_a_moved_run_is_evaluated_on_its_own_test_images(call, moved, project, tmp_path):
    """Without a network or the experiment's file, with the very scores of its end."""
    output = tmp_path / "results.json"
    before = sorted((project / "datasets").rglob("*"))
    call("tools/eval.py", "-c", moved / "last.pth", "--device", "cpu", "--json", output)
    results, final = (json.loads(p.read_text()) for p in (output, project / "final.json"))
    assert results["images"] == final["images"] == 8
    scores = ("ap50_voc07", "ap50", "ap50_95")
    assert [results[k] for k in scores] == pytest.approx([final[k] for k in scores], abs=1e-6)
    assert sorted((project / "datasets").rglob("*")) == before, "nothing is downloaded"


def change(folder):
    annotation = next(
        path
        for path in sorted((folder / "VOCdevkit/VOC2007/Annotations").iterdir())
        if path.stem in (folder / "VOCdevkit/VOC2007/ImageSets/Main/test.txt").read_text()
        and "<difficult>0" in path.read_text()
    )
    annotation.write_text(annotation.read_text().replace("<difficult>0", "<difficult>1", 1))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "are no longer at .* give the folder of the data with --data"),
        (change, "images or boxes have changed.*--data"),
    ],
)
def test_data_that_are_gone_or_changed(call, moved, data, tmp_path, damage, message):
    copied = shutil.copytree(data, tmp_path / "data")
    record_data(moved, copied)
    damage(copied)
    words = ["tools/eval.py", "-c", moved / "best.pth", "--device", "cpu"]
    error = call(*words, expect=2).stderr
    assert re.search(message, error), error
    if copied.exists():  # data that are named are evaluated on, whatever they are
        call(*words, "--data", copied)
        call(*words, "test_sets", "2007/trainval")


def test_weights_without_their_run(call, moved, data, tmp_path):
    lone = shutil.copy(moved / "best.pth", tmp_path / "lone.pth")
    error = call("tools/eval.py", "-c", lone, expect=2).stderr
    assert "nothing says on which data" in error
    assert "--data" in error
    call("tools/eval.py", "-c", lone, "--data", data, "--device", "cpu")


def test_predict(call, moved, data, tmp_path):
    picture = min((data / "VOCdevkit" / "VOC2007" / "JPEGImages").iterdir())
    words = ["-c", moved / "best.pth", picture, "--conf", "0", "-o", tmp_path / "out"]
    call("tools/demo.py", *words, "--device", "cpu")
    (entry,) = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert entry["detections"]
