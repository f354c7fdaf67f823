"""From a folder of images with XML to scores, and a start that detects the classes already."""

import csv
import json
import re
import shutil

import pytest
from command_line import ONE_EPOCH, exp

pytestmark = pytest.mark.slow


@pytest.fixture
def photographs(data, tmp_path):
    """The training images of the sample with their XML, in one folder."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    voc = data / "VOCdevkit" / "VOC2007"
    for image_id in (voc / "ImageSets" / "Main" / "trainval.txt").read_text().split():
        shutil.copy(voc / "Annotations" / f"{image_id}.xml", folder)
        (image,) = (voc / "JPEGImages").glob(f"{image_id}.*")
        shutil.copy(image, folder)
    return folder


def test_one_command_trains_another_evaluates(call, project, trained, photographs, tmp_path):
    """The run is compared with its start, which knows the classes; the same images throughout."""
    run, scores = tmp_path / "run", tmp_path / "scores.json"
    words = ["--data", photographs, "-c", trained[0] / "last.pth", "-o", run, "val_fraction", "0.3"]
    done = call("tools/train.py", "-f", exp(project), *words, "--no-report", *ONE_EPOCH)
    sizes = re.search(r"(\d+) images to train on .* (\d+) to evaluate on", done.stderr)
    assert sizes is not None, done.stderr
    trained_on, evaluated_on = map(int, sizes.groups())
    assert trained_on + evaluated_on == len(list(photographs.glob("*.xml")))
    assert 0.2 <= evaluated_on / (trained_on + evaluated_on) <= 0.4
    with (run / "metrics.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1"]
    assert "after training, " in done.stderr
    call("tools/eval.py", "-f", exp(project), "-c", run / "last.pth", "--json", scores)
    after, during = (json.loads(path.read_text()) for path in (scores, run / "results.json"))
    assert after["images"] == evaluated_on
    assert after["per_class"] == during["per_class"]

    (photographs / "added.xml").write_bytes(next(photographs.glob("*.xml")).read_bytes())
    (photographs / "added.jpg").write_bytes(next(photographs.glob("*.jpg")).read_bytes())
    done = call("tools/eval.py", "-f", exp(project), "-c", run / "last.pth", expect=2)
    assert "images or boxes have changed" in done.stderr
