"""Weights in the package: made from a run, found by name, used by predict without a word."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from studies import pretrained
from yolox_ela.errors import UserError
from yolox_ela.images.read import read_image
from yolox_ela.network import starts
from yolox_ela.network.class_rows import COCO_CLASSES
from yolox_ela.network.weights import read_checkpoint
from yolox_ela.predict import Detector

RECORDED = Path(__file__).parents[1] / "pretrained_boxes.json"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The package's folder of weights, empty."""
    folder = tmp_path / "pretrained"
    monkeypatch.setattr(starts, "PRETRAINED", folder)
    return folder


def make(monkeypatch, run, output):
    words = ["pretrained", run, "-o", output, "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", list(map(str, words)))
    assert pretrained.main() == 0


def test_made_from_a_run(call, trained, data, package, monkeypatch):
    """Half the size, the same boxes, and all that says where it comes from."""
    path = package / "nano_ela_s.pth"
    make(monkeypatch, trained[0], path)
    before = read_checkpoint(trained[0] / "best.pth")
    after = torch.load(path, weights_only=True)
    assert path.stat().st_size < 0.6 * (trained[0] / "best.pth").stat().st_size
    assert after["model"]["head.cls_preds.0.weight"].dtype == torch.float16
    for key in before.keys() - {"model"}:
        assert after[key] == before[key], key
    card = (package / "README.md").read_text()
    assert "`nano_ela_s`" in card
    assert f"{100 * before['metrics']['ap50']:.2f}" in card
    assert before["start_sha256"] in card
    texts = [card, *pretrained.texts_in({k: v for k, v in after.items() if k != "model"})]
    assert not any(str(Path(str(trained[0])).parents[2]) in text for text in texts)
    detectors = (
        Detector.from_checkpoint(trained[0] / "best.pth", device="cpu", score_threshold=0.005),
        Detector.from_pretrained(device="cpu", score_threshold=0.005),
    )
    for image in sorted((data / "VOCdevkit" / "VOC2007" / "JPEGImages").iterdir())[:3]:
        one, other = (detector(image) for detector in detectors)
        scores = [found.scores[:10] for found in (one, other)]
        np.testing.assert_allclose(*scores, atol=2e-3)
    # Neither -f nor -c, and nothing is fetched.
    call("tools/demo.py", image, "--device", "cpu", "-o", package.parent / "out")
    assert json.loads((package.parent / "out" / "detections.json").read_text())


def test_refused(trained, package, tmp_path):
    content = read_checkpoint(trained[0] / "best.pth")
    with pytest.raises(UserError, match="path of this machine: /home/me"):
        pretrained.in_half_precision(content | {"start": "/home/me/weights.pth"})
    state = content["model"] | {"head.stems.0.bn.weight": torch.full((64,), 1e6)}
    with pytest.raises(UserError, match=r"stems\.0\.bn\.weight has values beyond half"):
        pretrained.in_half_precision(content | {"model": state})


def test_weights_that_are_not_there(call, package, project, data):
    images = data / "VOCdevkit" / "VOC2007" / "JPEGImages"
    error = call("tools/demo.py", images, expect=2).stderr
    assert "no weights 'nano_ela_s'" in error
    assert "-c coco" in error
    assert (
        "-c cocoo: there is no such file"
        in call("tools/demo.py", images, "--weights", "cocoo", expect=2).stderr
    )
    words = ["tools/demo.py", images, "-f", project / "exps" / "nano.py"]
    assert "give them with -c" in call(*words, expect=2).stderr


def test_cocos_classes(call, shared, tiny_voc, tmp_path, monkeypatch):
    """All 80, without attention; the horse of a photograph is there under COCO's name."""
    monkeypatch.setitem(starts.STARTS, "coco", starts.STARTS["coco_legacy"])
    folder = tmp_path / "cache"
    folder.mkdir()
    weights = (shared / "weights" / "yolox_nano_coco.pth").read_bytes()
    (folder / starts.STARTS["coco_legacy"].file).write_bytes(weights)
    monkeypatch.setenv("YOLOX_ELA_CACHE", str(folder))
    photograph = tiny_voc / "VOCdevkit/VOC2007/JPEGImages/002510.jpg"
    words = ["tools/demo.py", "--weights", "coco", photograph, "--size", "416", "--device", "cpu"]
    call(*words, "-o", tmp_path / "out")
    (entry,) = json.loads((tmp_path / "out" / "detections.json").read_text())
    found = {detection["class"] for detection in entry["detections"]}
    assert found & {"couch", "dining table", "potted plant", "tv"}
    assert Detector.from_pretrained("coco", device="cpu").classes == COCO_CLASSES


def test_the_packages_weights(tiny_voc):
    """On photographs: the boxes that were recorded when the weights were made."""
    detector = Detector.from_pretrained(device="cpu")
    folder = tiny_voc / "VOCdevkit" / "VOC2007" / "JPEGImages"
    for entry in json.loads(RECORDED.read_text()):
        found = detector(read_image(folder / entry["image"])).to_dicts()
        expected = entry["detections"]
        assert [d["class"] for d in found] == [d["class"] for d in expected], entry["image"]
        for mine, recorded in zip(found, expected, strict=True):
            assert mine["box"] == pytest.approx(recorded["box"], abs=1)
            assert mine["score"] == pytest.approx(recorded["score"], abs=0.01)
