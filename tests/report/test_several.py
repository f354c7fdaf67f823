"""The report of several runs side by side."""

import html
import json
import re
from dataclasses import replace

import pytest

from yolox_ela.errors import UserError
from yolox_ela.evaluate.evaluator import EvalSettings
from yolox_ela.report.several import ScoredRun, write_comparison_report

pytestmark = pytest.mark.slow


@pytest.fixture
def build_runs(tiny_split, evaluation):
    """Builds one run for each shift of its boxes, each its own side."""

    def build(*shifts):
        return [
            ScoredRun(f"run{i}", f"side{i}", evaluation(tiny_split, shift, seed=i))
            for i, shift in enumerate(shifts)
        ]

    return build


def test_a_worse_side_is_seen_to_be_worse(build_runs, tmp_path):
    """The runs of a side, its seeds, are pooled."""
    runs = [replace(r, side="ab"[i // 2]) for i, r in enumerate(build_runs(0, 0.1, 0.8, 0.9))]
    page = write_comparison_report(tmp_path, runs).read_text(encoding="utf-8")
    assert "b against a" in page
    assert "over 2 and 2 runs" in page
    content = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    text = json.dumps(content)
    (low, high) = json.loads(re.search(r'"ap50": \{.*?"interval": (\[[^]]*\])', text)[1])
    assert low < high < 0


def test_the_same_detections_do_not_differ(tiny_split, evaluation, tmp_path):
    """Even where the classes have another order: they are compared by name."""
    one = evaluation(tiny_split, 0.3)
    shuffled = tuple(reversed(tiny_split.classes))
    other = one.in_class_order(shuffled)
    assert other.split.classes == shuffled
    assert [shuffled[label] for label in other.detections.labels] == [
        tiny_split.classes[label] for label in one.detections.labels
    ]
    runs = [ScoredRun("a", "one", one), ScoredRun("b", "other", other)]
    text = write_comparison_report(tmp_path, runs).read_text(encoding="utf-8")
    assert ">no</td>" in text
    assert ">yes</td>" not in text


def test_what_does_not_compare_is_refused(tiny_split, evaluation, build_runs, tmp_path):
    one = build_runs(0.0)[0]
    fewer = tiny_split.subset(range(5))
    with pytest.raises(UserError, match="run0 and x were scored on different images"):
        write_comparison_report(tmp_path, [one, ScoredRun("x", "x", evaluation(fewer))])
    larger = evaluation(tiny_split, settings=EvalSettings(416, 0.01, 0.65))
    with pytest.raises(UserError, match="image_size 320, x with 416"):
        write_comparison_report(tmp_path, [one, ScoredRun("x", "x", larger)])
    with pytest.raises(UserError, match="run0 is named twice"):
        write_comparison_report(tmp_path, [one, one])
    assert not list(tmp_path.iterdir())


def test_any_name_of_a_run_comes_through(tiny_split, evaluation, tmp_path):
    one = evaluation(tiny_split, 0.3)
    history = [{"epoch": 1, "loss": 9.0, "ap50_voc07": 0.1}]
    # Both sides stand in one title, where "$x^{ minus s$" would be a formula, and a broken one.
    sides = ("s$x^{", "<t> & $x^{")
    runs = [
        ScoredRun("$a^{ <1>", sides[0], one, history),
        ScoredRun("_2 🚀", sides[1], one, history),
    ]
    text = html.unescape(write_comparison_report(tmp_path, runs).read_text(encoding="utf-8"))
    for name in ("$a^{ <1>", "_2 🚀", *sides):
        assert f"<td>{name}</td>" in text
    assert f"{sides[1]} against {sides[0]}" in text
