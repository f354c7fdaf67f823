"""Sets that cannot be scored, and data that cannot be trained on, as a user meets them."""

import json
import re
import shlex
from collections import Counter

import pytest
from command_line import REPORTED, SMALL, exp

from yolox_ela.datasets.names import VOC_CLASSES

pytestmark = pytest.mark.slow


@pytest.fixture
def zero_shot(call, project, shared):
    """Run eval.py with COCO's weights on a data set."""

    def run(data, *words, expect=0):
        weights = shared / "weights" / "yolox_nano_coco.pth"
        settings = ["image_size", "160", "workers", "0"]
        command = ["tools/eval.py", "-f", exp(project, "nano"), "--zero-shot", "-c", weights]
        words = [*command, "--device", "cpu", "--data", data, *words, *settings]
        return call(*words, expect=expect)

    return run


def test_a_test_set_without_annotations_is_detected_on(case, tiny_voc, zero_shot, tmp_path):
    path, ids = tmp_path / "found.json", tmp_path / "ids.txt"
    done = zero_shot(case("19"), "--split", "2012/test", "--save-detections", path)
    assert "nothing is scored, since 2012/test has no annotations" in done.stderr
    assert "mean" not in done.stdout
    found = json.loads(path.read_text())

    ids.write_text("000505\n000783\n000817\n000988\n")  # the same pictures, with annotations
    done = zero_shot(tiny_voc, "--ids", ids, "--save-detections", path)
    assert "mean" in done.stdout
    expected = json.loads(path.read_text())
    assert found == [row | {"image_id": f"2008_{row['image_id']}"} for row in expected]
    assert len(found) > 4


def test_the_challenges_files_are_written_with_and_without_annotations(
    case, tiny_voc, zero_shot, tmp_path
):
    """VOC2012's test set has no annotations here; the same pictures in VOC2007 have."""
    path, ids = tmp_path / "comp4", tmp_path / "ids.txt"
    done = zero_shot(case("19"), "--split", "2012/test", "--save-comp4", path)
    assert f"{path}; nothing is scored" in done.stderr
    found = {p.name: p.read_text() for p in path.iterdir()}
    assert set(found) == {f"comp4_det_test_{name}.txt" for name in VOC_CLASSES}

    ids.write_text("000505\n000783\n000817\n000988\n")
    done = zero_shot(tiny_voc, "--ids", ids, "--save-comp4", path)
    assert "mean" in done.stdout
    again = {p.name: p.read_text() for p in path.iterdir()}
    assert found == {
        name: re.sub(r"^0", "2008_0", text, flags=re.M) for name, text in again.items()
    }
    assert sum(text.count("\n") for text in found.values()) > 4
    done = zero_shot(
        tiny_voc, "--save-comp4", path, "test_sets", "2007/test,2007/trainval", expect=2
    )
    assert "--save-comp4 writes the files of one set" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "nothing can be scored: give --save-detections FILE or --save-comp4 DIR"),
        (("--save-detections", "d.json", "--json", "r.json"), "and leave out --json"),
        (("--save-detections", "d.json", "--record", "r.csv"), "and leave out --record"),
    ],
)
def test_scores_of_a_set_without_annotations_are_refused(case, zero_shot, tmp_path, words, says):
    words = [str(tmp_path / word) if "." in word else word for word in words]
    done = zero_shot(case("19"), "--split", "2012/test", *words, expect=2)
    assert says in done.stderr
    assert not list(tmp_path.glob("*.json"))


def test_a_mean_over_no_class_is_no_number(case, zero_shot, tmp_path):
    data, path = case("08"), tmp_path / "results.json"
    done = zero_shot(data, "--json", path, "--report", tmp_path / "report")
    mean = next(line for line in done.stdout.splitlines() if line.startswith("mean"))
    assert mean.split()[1:6] == ["-", "-", "-", "0", "7"]
    results = json.loads(path.read_text())
    assert [results[key] for key in ("ap50_voc07", "ap50", "ap50_95")] == [None] * 3
    assert results["per_class"] == {}
    assert (tmp_path / "report" / "report.html").is_file()
    done = zero_shot(data, "--record", tmp_path / "results.csv", expect=2)
    assert "--record: there will be no scores" in done.stderr
    assert not (tmp_path / "results.csv").exists()


def test_training_goes_on_where_nothing_can_be_scored(case, call, project, tmp_path):
    run = tmp_path / "run"
    words = ["--data", case("08"), "-c", "none", "-o", run, *REPORTED]
    settings = ["evaluate_start", "always", "evaluate_raw", "true"]
    done = call("tools/train.py", "-f", exp(project), "--no-report", *words, *settings)
    assert "before training: nothing to score" in done.stderr
    assert "best 07" not in done.stderr
    assert f"weights to use: {run / 'last.pth'}\n" in done.stderr
    assert "ap50" not in (run / "metrics.csv").read_text()
    assert json.loads((run / "results.json").read_text())["ap50"] is None
    assert not (run / "best.pth").exists()
    done = call("tools/report.py", run, run, expect=2)
    assert "has no scores to compare" in done.stderr


def test_nothing_to_train_on(case, call, project, tmp_path):
    data = case("17")
    words = ["-f", exp(project), "--data", data, "-c", "none", "-o", tmp_path / "r", *SMALL]
    done = call("tools/train.py", *words, expect=2)
    assert "nothing to train on: none of the 8 images" in done.stderr
    assert not (tmp_path / "r").exists()
    done = call(*advised_command(done.stderr), expect=1)
    assert "nothing to train on" in done.stdout
    assert "do not train on this" in done.stdout


def test_the_advised_command_finds_what_training_refused(tiny_voc, call, project, tmp_path):
    words = ["--data", tiny_voc, "-c", "none", "-o", tmp_path / "r", *SMALL]
    done = call("tools/train.py", "-f", exp(project), *words, "classes", "person,car", expect=2)
    (count,) = re.findall(r"error: (\d+) problems in 2007/trainval", done.stderr)
    command = advised_command(done.stderr)
    assert command[-2:] == ["classes", "person,car"]
    report = json.loads(call(*command, "--json", "-", expect=1).stdout)
    assert report["errors"] == int(count)
    assert Counter(p["kind"] for p in report["problems"]) == {"unknown class": int(count)}


def advised_command(text):
    """Words of the last command in a message."""
    line = text.splitlines()[-1]
    words = shlex.split(line[line.index("python") :])
    return words[words.index(next(word for word in words if word.endswith("dataset.py"))) :]


def test_recipe_fields_may_stand_before_or_after_the_sets(tiny_voc, call):
    classes = ["classes", ",".join(VOC_CLASSES[:14])]
    head, sets = ["tools/dataset.py", "check", "--data", tiny_voc], ["--sets", "2007/test"]
    found = {
        call(*words, expect=1).stdout
        for words in ([*head, *classes, *sets], [*head, *sets, *classes])
    }
    assert len(found) == 1
    assert "unknown class" in found.pop()
    done = call(*head, "--sets", "trainval", expect=2)
    assert "a set must read year/split, as in 2007/trainval, not 'trainval'" in done.stderr
