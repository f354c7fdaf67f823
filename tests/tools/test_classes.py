"""Class names in the tools: the order in which they are given changes nothing but the order."""

import csv
import json
import shutil

import pytest
import torch
from command_line import ONE_EPOCH, exp

from yolox_ela.experiment import Experiment
from yolox_ela.network.class_rows import COCO_CLASSES, pick_rows
from yolox_ela.network.weights import read_weights
from yolox_ela.tables.record import read_rows

pytestmark = pytest.mark.slow

CLASSES = ("dog", "person", "car")


@pytest.fixture(scope="module")
def three(shared, tiny_voc, tmp_path_factory):
    """Photographs with dogs, persons and cars, and COCO's weights cut to these."""
    root = tmp_path_factory.mktemp("three")
    case = shared / "cases" / "14-three-classes"
    shutil.copytree(case / "VOC2007", root / "data" / "VOC2007")
    for line in (case / "IMAGES.txt").read_text().splitlines():
        path, name = line.split()
        target = root / "data" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tiny_voc / "VOCdevkit" / "VOC2007" / "JPEGImages" / f"{name}.jpg", target)
    coco = shared / "weights" / "yolox_nano_coco.pth"
    state = pick_rows(read_weights(coco), COCO_CLASSES, CLASSES, coco)
    torch.save({"model": state, "classes": list(CLASSES)}, root / "three.pth")
    torch.save({"model": state}, root / "unnamed.pth")
    recipe = Experiment(classes=CLASSES, image_size=160).to_dict()
    torch.save({"model": state, "recipe": recipe, "ema": {}}, root / "state.pth")
    return root


@pytest.fixture
def evaluate(call, project, three, tmp_path):
    """Run tools/eval.py on these photographs; its results."""

    def evaluate(*words, expect=0):
        output = tmp_path / "results.json"
        words = ["-f", exp(project, "nano"), "--data", three / "data", "--json", output, *words]
        done = call("tools/eval.py", *words, "--device", "cpu", "workers", "0", expect=expect)
        return json.loads(output.read_text()) if expect == 0 else done.stderr

    return evaluate


def test_evaluation_in_any_order(evaluate, three):
    size = ["image_size", "160"]
    first = evaluate("-c", three / "three.pth", *size)
    assert first["ap50_voc07"] > 0.4
    for weights, classes in (
        ("three.pth", "person,car,dog"),
        ("state.pth", "car,person,dog"),  # as a run's state, which names them in its recipe
        ("unnamed.pth", "dog,person,car"),  # by position, for want of names
    ):
        other = evaluate("-c", three / weights, *size, "classes", classes)
        assert list(other["per_class"]) == classes.split(",")
        assert other["per_class"] == first["per_class"]
        assert other["ap50_voc07"] == pytest.approx(first["ap50_voc07"], abs=1e-12)


def test_evaluation_of_other_classes_is_refused(evaluate, three):
    message = evaluate("-c", three / "three.pth", "classes", "person,car,cat", expect=2)
    assert "does not know cat: its classes are dog, person, car, and those asked for are" in message
    message = evaluate("-c", three / "unnamed.pth", expect=2)
    assert "has predictors for 3 classes and does not name them" in message


def test_zero_shot_of_other_weights_is_refused(evaluate, three):
    words = ["--zero-shot", "classes", "person,car,dog"]
    message = evaluate("-c", three / "three.pth", *words, expect=2)
    assert "--zero-shot evaluates COCO's weights" in message


def test_a_report_says_what_the_weights_started_as(evaluate, shared, tmp_path):
    coco = shared / "weights" / "yolox_nano_coco.pth"
    words = ["--report", tmp_path / "r", "image_size", "64", "classes", "person,car,dog"]
    results = evaluate("--zero-shot", "-c", coco, *words)
    digest = results["settings"]["start_sha256"]
    assert (results["settings"]["start"], digest[:8]) == ("coco_legacy", "79c2d023")
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert "coco_legacy" in page
    assert digest in page


def test_training_in_any_order(call, project, three, tmp_path):
    """The same rows stay with the same names, and a run is resumed in its own order."""
    folder, record = tmp_path / "run", tmp_path / "record.csv"
    words = ["-f", exp(project, "nano"), "--data", three / "data", "-c", three / "three.pth"]
    words += [*ONE_EPOCH, "-o", folder, "--record", record]
    words += ["lr", "1e-5", "freeze_batchnorm", "true"]
    done = call("tools/train.py", *words, "classes", "person,car,dog")
    assert "class rows kept by name: person, car, dog" in done.stderr
    last = torch.load(folder / "last.pth", weights_only=True)
    start = torch.load(three / "three.pth", weights_only=True)["model"]
    bias = "head.cls_preds.0.bias"
    assert torch.allclose(last["model"][bias], start[bias][[1, 2, 0]])
    (row,) = read_rows(record)
    assert (row.start, row.start_sha256) == ("three.pth", last["start_sha256"])
    (entry,) = json.loads((folder / "environment.json").read_text())
    assert (entry["start"], entry["start_sha256"]) == ("three.pth", last["start_sha256"])

    done = call("tools/train.py", *words, "--resume", "classes", "dog,car,person")
    assert "classes in the order of the run: person, car, dog" in done.stderr
    with record.open() as file:
        first, second = csv.DictReader(file)
    assert first["per_class"] == second["per_class"]


def test_a_network_of_ones_own_is_built_for_the_classes_of_the_run(call, three, tmp_path):
    """Not for those that the command names in another order."""
    file, folder = tmp_path / "mine.py", tmp_path / "run"
    file.write_text(
        "from pathlib import Path\n"
        "from yolox_ela.experiment import Experiment\n"
        "class Exp(Experiment):\n"
        "    def build_model(self):\n"
        "        Path(__file__).with_name('built').write_text(','.join(self.classes))\n"
        "        return super().build_model()\n"
    )
    words = ["-f", file, "--data", three / "data", "-c", "none", *ONE_EPOCH, "-o", folder]
    call("tools/train.py", *words, "classes", "person,car,dog")
    call("tools/train.py", *words, "--resume", "classes", "dog,car,person")
    assert (tmp_path / "built").read_text() == "person,car,dog"
