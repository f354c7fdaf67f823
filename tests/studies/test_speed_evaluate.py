"""The benchmark of average precision, on a set small enough for a test."""

import contextlib
import io
import json
import runpy
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TOOL = Path(__file__).parents[2] / "studies" / "speed" / "__main__.py"


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """What the tool printed, and the file it wrote."""
    output = tmp_path_factory.mktemp("benchmark") / "evaluate.json"
    words = [TOOL, "evaluate", "--images", "30", "--detections", "20"]
    words += ["--rounds", "1", "--min-seconds", "0", "--json", output]
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(sys, "argv", [str(word) for word in words])
        patch.chdir(output.parent)
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(TOOL), run_name="__main__")
    assert not end.value.code
    return printed.getvalue(), json.loads(output.read_text())


def test_all_compute_the_same(done):
    """Upstream before it rounds its input."""
    _, results = done
    differences = [
        value
        for part in results.values()
        for what, value in part.get("agreement", {}).items()
        if not what.startswith("VocEvaluator")
    ]
    assert len(differences) >= 2 + 3
    assert all(value < 1e-9 for value in differences)


def test_every_alternative_is_timed(done):
    printed, results = done
    expected = {
        "voc": {"yolox_ela", "voc_eval, parsed before", "voc_eval"},
        "end-to-end": {"yolox_ela", "yolox VocEvaluator"},
        "coco": {"yolox_ela", "pycocotools"},
        "coco-arrays": {"yolox_ela", "pycocotools"},
        "coco-summary": {"yolox_ela", "pycocotools"},
    }
    compared = results["environment"]["compared"]
    for part, names in expected.items():
        timings = results[part]["timings"]
        assert timings.keys() - {"faster-coco-eval"} == names
        if part.startswith("coco"):
            assert ("faster-coco-eval" in timings) == ("faster-coco-eval" in compared)
        for name, timing in timings.items():
            assert len(timing["seconds"]) == 1
            assert min(timing["seconds"]) > 0
            assert f"\n{name} " in printed
        assert timings["yolox_ela"]["ratio_to_yolox_ela"] == [1, 1, 1]
    assert "patched for" in printed
    assert ("faster-coco-eval is not installed" in printed) == ("faster-coco-eval" not in compared)
