"""Whole reports: of one evaluation, and of several side by side."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.datasets.split import load_split
from yolox_ela.errors import UserError
from yolox_ela.evaluate.detections import Detections
from yolox_ela.evaluate.evaluator import EvalSettings, score_detections
from yolox_ela.evaluate.saved import SavedEvaluation
from yolox_ela.recipe import Recipe
from yolox_ela.report.several import ScoredRun, write_comparison_report
from yolox_ela.report.single import PARTS, RunMaterial, write_single_report

SETTINGS = EvalSettings(320, 0.01, 0.65)


@pytest.fixture(scope="module")
def split(tiny_voc):
    return load_split(tiny_voc, ["2007/test"], VOC_CLASSES)


def evaluation(split, shift=0.0, settings=SETTINGS, seed=0):
    """Every object found, by boxes that are `shift` of their size off; some false ones."""
    rng = np.random.default_rng(seed)
    images = np.repeat(np.arange(len(split)), np.diff(split.offsets))
    size = split.boxes[:, 2:] - split.boxes[:, :2]
    boxes = split.boxes + shift * np.concatenate([size, size], 1) * rng.uniform(
        0, 1, (len(size), 1)
    )
    labels = np.where(rng.uniform(size=len(size)) < 0.1, (split.labels + 1) % 20, split.labels)
    detections = Detections(
        images, boxes.astype(np.float32), rng.uniform(0.1, 1, len(size)).astype(np.float32), labels
    )
    return SavedEvaluation(detections, split, score_detections(detections, split, settings, 3.0))


def test_one_run(split, tmp_path):
    history = [
        {"epoch": e, "lr": 0.1 / e, "loss": 9.0 / e, "ap50_voc07": 0.1 * e, "ap50": 0.1 * e}
        for e in (1, 2, 3)
    ]
    material = RunMaterial(history, Recipe(image_size=64, batch_size=4), split)
    facts = {"command": "train.py <with> & signs"}
    page = write_single_report(tmp_path, "a run", facts, evaluation(split, 0.2), material)
    text = page.read_text(encoding="utf-8")
    assert "train.py &lt;with&gt; &amp; signs" in text
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", text), "needs no network"
    for title, _, _ in PARTS.values():
        assert title in text
    names = {path.stem for path in (tmp_path / "report").glob("*.png")}
    assert {*PARTS, "curves", "training_batch_first", "worst_false_positives"} <= names
    assert text.count("data:image/png;base64,") == len(names)
    numbers = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert "confusion" in json.dumps(numbers)


def test_moved_photographs_do_not_cost_the_report(split, tmp_path):
    moved = replace(split, paths=np.array([f"{path}.gone" for path in split.paths]))
    page = write_single_report(tmp_path, "a run", {}, evaluation(moved), RunMaterial())
    assert "could not be read" in page.read_text(encoding="utf-8")


class TestSeveral:
    def runs(self, split, *shifts, **options):
        return [
            ScoredRun(f"run{i}", f"side{i}", evaluation(split, shift, seed=i, **options))
            for i, shift in enumerate(shifts)
        ]

    def test_a_worse_side_is_seen_to_be_worse(self, split, tmp_path):
        page = write_comparison_report(tmp_path, self.runs(split, 0.0, 0.9))
        content = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
        assert "side1 against side0" in page.read_text(encoding="utf-8")
        text = json.dumps(content)
        (low, high) = json.loads(re.search(r'"ap50": \{.*?"interval": (\[[^]]*\])', text)[1])
        assert low < high < 0

    def test_the_same_detections_do_not_differ(self, split, tmp_path):
        one = evaluation(split, 0.3)
        runs = [ScoredRun("a", "one", one), ScoredRun("b", "other", one)]
        text = write_comparison_report(tmp_path, runs).read_text(encoding="utf-8")
        assert ">no</td>" in text
        assert ">yes</td>" not in text

    def test_seeds_of_a_side_are_pooled(self, split, tmp_path):
        runs = [
            replace(r, side="ab"[i // 2]) for i, r in enumerate(self.runs(split, 0, 0.1, 0.5, 0.6))
        ]
        text = write_comparison_report(tmp_path, runs).read_text(encoding="utf-8")
        assert "b against a" in text
        assert "over 2 and 2 runs" in text

    def test_classes_in_another_order_compare(self, split, tmp_path):
        """By name, so that the same detections do not differ."""
        one = evaluation(split, 0.3)
        shuffled = tuple(reversed(split.classes))
        other = one.in_class_order(shuffled)
        assert other.split.classes == shuffled
        assert [shuffled[label] for label in other.detections.labels] == [
            split.classes[label] for label in one.detections.labels
        ]
        runs = [ScoredRun("a", "one", one), ScoredRun("b", "other", other)]
        text = write_comparison_report(tmp_path, runs).read_text(encoding="utf-8")
        assert ">yes</td>" not in text

    def test_what_does_not_compare_is_refused(self, split, tmp_path):
        one = self.runs(split, 0.0)[0]
        fewer = split.subset(range(5))
        with pytest.raises(UserError, match="run0 and x were scored on different images"):
            write_comparison_report(tmp_path, [one, ScoredRun("x", "x", evaluation(fewer))])
        larger = evaluation(split, settings=EvalSettings(416, 0.01, 0.65))
        with pytest.raises(UserError, match="image_size 320, x with 416"):
            write_comparison_report(tmp_path, [one, ScoredRun("x", "x", larger)])
        with pytest.raises(UserError, match="run0 is named twice"):
            write_comparison_report(tmp_path, [one, one])
        assert not list(tmp_path.iterdir())
