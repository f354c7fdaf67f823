"""The report of one evaluation."""

import html
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from yolox_ela.recipe import Recipe
from yolox_ela.report.single import RunMaterial, write_single_report

pytestmark = pytest.mark.slow

PICTURES = [
    "ap_per_class",
    "precision_recall",
    "f1",
    "f1_per_class",
    "confusion",
    "sizes",
    "errors",
]
TITLES = [
    "Average precision of each class",
    "Precision and recall",
    "Choosing a score threshold",
    "The best threshold of each class",
    "Confusion matrix",
    "Small, medium and large objects",
    "Errors by kind",
    "The worst false positives and misses",
]


def test_one_run(tiny_split, evaluation, tmp_path):
    history = [
        {"epoch": e, "lr": 0.1 / e, "loss": 9.0 / e, "ap50_voc07": 0.1 * e, "ap50": 0.1 * e}
        for e in (1, 2, 3)
    ]
    history.insert(0, {"epoch": 0, "ap50_voc07": 0.4})
    material = RunMaterial(history, Recipe(image_size=64, batch_size=4), tiny_split)
    facts = {"command": "train.py <with> & signs"}
    page = write_single_report(tmp_path, "a run", facts, evaluation(tiny_split, 0.2), material)
    text = page.read_text(encoding="utf-8")
    assert "train.py &lt;with&gt; &amp; signs" in text
    assert "30.00 after training, 10.00 points below the weights that it started from" in text
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", text), "needs no network"
    names = {path.stem for path in (tmp_path / "report").glob("*.png")}
    assert {*PICTURES, "curves", "training_batch_first", "worst_false_positives"} <= names
    assert text.count("data:image/png;base64,") == len(names)
    numbers = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    titles = [section["title"] for section in numbers["sections"]]
    assert titles == ["Scores", "Learning curves", *TITLES, "Training batches"]
    assert all(f">{title}</h2>" in text for title in titles)
    parts = {section["title"]: section["numbers"] for section in numbers["sections"]}
    results = parts["Scores"]
    assert parts["Errors by kind"]["ap50"] == pytest.approx(results["ap50"], abs=1e-5)
    best = parts["Choosing a score threshold"]["best"]["threshold"]
    assert parts["Confusion matrix"]["threshold"] == best
    assert parts["The worst false positives and misses"]["false_positives"]


NAMES = [
    "<b>bold</b>",
    "cats & dogs",
    "$x^{",
    "$5 or $6",
    r"\$",
    "100% \\frac",
    "_hidden",
    "\u05e9\u05dc\u05d5\u05dd",
    "🚀 rocket",
    "猫",
    "a b",
]


def test_any_name_comes_through(tiny_split, evaluation, tmp_path):
    """Of classes, images, runs and files; `$` would start a formula in the plots.

    Every other photograph has been moved, which does not cost the report either.
    """
    classes = (*NAMES, *tiny_split.classes[len(NAMES) :])
    ids = np.array([f"{name} $^ & <i> 🚀 caf\udce9" for name in tiny_split.ids])
    paths = tiny_split.paths.astype(object)
    paths[::2] += ".gone"
    named = evaluation(replace(tiny_split, classes=classes, ids=ids, paths=paths), 0.2)
    facts = {"checkpoint": "runs/<new> & $5 🚀/caf\udce9.pth"}
    history = [{"epoch": 1, "loss": 9.0, "ap50_voc07": 0.1}]
    page = write_single_report(tmp_path, "_run $^ <1>", facts, named, RunMaterial(history))
    text = html.unescape(page.read_text(encoding="utf-8"))
    assert "could not be read" in text
    assert "runs/<new> & $5 🚀/caf\\udce9.pth" in text
    assert "<h1>_run $^ <1></h1>" in text
    for name in NAMES:
        assert f"<td>{name}</td>" in text
    content = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert content["facts"]["checkpoint"] == facts["checkpoint"]
    parts = {section["title"]: section["numbers"] for section in content["sections"]}
    assert list(parts["Average precision of each class"]) == list(classes)
    worst = parts["The worst false positives and misses"]["false_positives"]
    assert {case["image"] for case in worst} <= set(ids.tolist())
