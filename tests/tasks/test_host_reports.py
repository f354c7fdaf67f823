"""`report` of runs of other networks than YOLOX, one alone and several side by side."""

import json
import shutil

import pytest

from yolox_ela.commands import report, report_options
from yolox_ela.errors import UserError


@pytest.fixture
def make_report(tmp_path, monkeypatch):
    """Runs the command; its page, and its numbers."""

    def make(*words):
        folder = tmp_path / "report"
        options = ["-o", folder, "--json", tmp_path / "x.json"]
        monkeypatch.setattr("sys.argv", ["yolox-ela report", *map(str, [*words, *options])])
        assert report.main(report_options.parse(tmp_path)) == 0
        numbers = json.loads((folder / "report" / "report.json").read_text())
        return (folder / "report.html").read_text(), numbers

    return make


def copied(run, folder, *, config=(), results=()):
    """A run's folder with some settings and results of another one."""
    shutil.copytree(run, folder)
    for name, changes in (("config.json", config), ("results.json", results)):
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(content | dict(changes)))
    return folder


@pytest.mark.parametrize(("kind", "score"), [("classification", "top1"), ("segmentation", "miou")])
def test_runs_side_by_side(kind, score, run_of, make_report, tmp_path):
    """Two seeds of one experiment are a side; another one is compared with their mean."""
    run = run_of[kind][1].folder
    results = json.loads((run / "results.json").read_text())
    (label, row), *others = results["per_class"].items()
    changes = {score: 0.25, "per_class": {label: row | {score: 0.125}, **dict(others)}}
    seed = copied(run, tmp_path / "seed", config={"seed": 1})
    fast = copied(run, tmp_path / "f", config={"lr": 1.0, "name": "fast"}, results=changes)
    page, numbers = make_report(run, seed, fast)
    assert f"{kind} and fast compared" in page
    scores, curves, classes = (section["table"] for section in numbers["sections"])
    assert [row[:2] for row in scores["rows"]] == [[kind, 2], ["fast", 1]]
    assert scores["rows"][0][2:4] == pytest.approx([100 * results[score], 0])
    assert scores["rows"][1][2] == 25
    assert [row[0] for row in curves["rows"]] == [str(run), str(seed), str(fast)]
    assert classes["columns"] == ["class", kind, "fast", f"fast minus {kind}"]
    assert classes["rows"][0] == pytest.approx(
        [label, 100 * row[score], 12.5, 12.5 - 100 * row[score]]
    )
    listed = json.loads((tmp_path / "x.json").read_text())
    assert [entry["side"] for entry in listed] == [kind, kind, "fast"]


def test_runs_that_do_not_compare(run_of, make_report, tmp_path):
    run, masks, boxes = (run_of[kind][1].folder for kind in run_of)
    with pytest.raises(UserError, match=r"of several: .*classification.* segmentation"):
        make_report(run, masks)
    with pytest.raises(UserError, match=r"of several: .* detection"):
        make_report(run, boxes)
    with pytest.raises(UserError, match="is named twice"):
        make_report(run, run)
    other = copied(run, tmp_path / "other", results={"test_data": "of other images"})
    with pytest.raises(UserError, match="were scored on different images or annotations"):
        make_report(run, other)
    odd = copied(run, tmp_path / "odd", results={"top1": 7})
    with pytest.raises(
        UserError, match=r"results.json: its entry 'top1' must be a number from 0 to 1"
    ):
        make_report(run, odd)


def test_an_evaluation_alone(run_of, make_report, tmp_path):
    """What eval --report has written, without a history."""
    run = run_of["classification"][1].folder
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in ("results.json", "environment.json"):
        shutil.copy(run / name, alone)
    _, numbers = make_report(alone)
    assert [section["title"] for section in numbers["sections"]] == [
        "Scores in percent",
        "Confusions",
    ]
