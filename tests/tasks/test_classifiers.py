"""Classifiers from the command: data that are unfit, fine-tuning, scores, resumption."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_data
import tiny_networks
import torch
from tiny_networks import classifier
from tiny_tasks import experiment

import yolox_ela
from yolox_ela.attention import ela_t
from yolox_ela.commands import explain, explain_options, report, report_options
from yolox_ela.datasets.image_folders import load_image_folders
from yolox_ela.errors import UserError
from yolox_ela.explain.classifier import class_map, last_block, with_constants
from yolox_ela.hosts.classifiers import mobilenet_v2, resnet18
from yolox_ela.network.weights import read_checkpoint
from yolox_ela.tasks.classification import scores_of
from yolox_ela.tasks.host_start import load_start

FILE = """
from tiny_networks import classifier
from yolox_ela.attention import ela_t
from yolox_ela.tasks.classification import Classification

exp = Classification(
    network=classifier, attention=ela_t, image_size=32, epochs=2, batch_size=5, workers=0, lr=0.05
)
"""


class TestData:
    def test_two_sets(self, data_of):
        train, val = load_image_folders(data_of["classification"])
        assert train.classes == val.classes == ("blue", "green", "red")
        assert train.labels.tolist() == [0] * 5 + [1] * 5 + [2] * 5
        assert len(val) == 9
        assert train.read(0)[..., 2].mean() > train.read(0)[..., 0].mean() + 100, "RGB"

    def test_a_single_set_is_divided(self, data_of, tmp_path):
        folder = data_of["classification"] / "train"
        train, val = load_image_folders(folder, val_fraction=0.4, seed=1)
        assert np.bincount(val.labels).tolist() == [2, 2, 2]
        assert not set(train.ids) & set(val.ids)
        again = load_image_folders(folder, val_fraction=0.4, seed=1)[1]
        assert again.fingerprint() == val.fingerprint()
        with pytest.raises(UserError, match=r"no folders train and val: add val_fraction 0\.2"):
            load_image_folders(folder)

    def test_unfit_data(self, tmp_path):
        root = tiny_data.image_folders(tmp_path / "data")
        with pytest.raises(UserError, match="has sets of its own, train and val"):
            load_image_folders(root, val_fraction=0.2)
        (root / "val" / "white").mkdir()
        with pytest.raises(UserError, match="class 'white' has no images"):
            load_image_folders(root)
        shutil.copy(root / "val" / "red" / "0.png", root / "val" / "white" / "0.png")
        with pytest.raises(UserError, match="class 'white', which is none of the classes to train"):
            load_image_folders(root)
        shutil.rmtree(root / "val" / "white")
        bad = root / "train" / "red" / "1.png"
        bad.write_bytes(bad.read_bytes()[:100])
        with pytest.raises(UserError, match=r"unreadable image .*red.1\.png"):
            load_image_folders(root)
        bad.unlink()
        named = os.fsencode(bad.parent) + b"/\xff.png"
        shutil.copy(root / "val" / "red" / "0.png", named)
        with pytest.raises(UserError, match="is not UTF-8: rename it"):
            load_image_folders(root)
        with pytest.raises(UserError, match="no folder of images at"):
            load_image_folders(root / "nowhere")


def test_scores():
    """Top-1 and top-5 counted by hand, with a class that no image has."""
    guesses = [[0, 1, 2, 3, 4], [1, 0, 2, 3, 4], [5, 4, 3, 2, 1], [5, 2, 1, 0, 3]]
    scores = scores_of(np.array([0, 0, 0, 5]), guesses, tuple("abcdef"))
    assert (scores["top1"], scores["top5"]) == (0.5, 0.75)
    assert scores["per_class"]["a"] == {"top1": 1 / 3, "top5": 2 / 3, "images": 3}
    assert "b" not in scores["per_class"]
    assert scores["confusion"][0] == [1, 1, 0, 0, 0, 1]


class TestStart:
    def test_a_backbone_of_other_classes(self, tmp_path):
        """Its head starts anew and attention is new; all else is the file's."""
        torch.manual_seed(1)
        theirs = classifier(num_classes=7)
        torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
        exp = experiment("classification", classes=("a", "b", "c"), attention_start="identity")
        network = exp.build_model()
        head = network.fc.weight.clone()
        start = load_start(exp, network, tmp_path / "theirs.pth")
        assert "fc.weight, fc.bias of other classes or missing, at random" in start.report
        assert torch.equal(network.fc.weight, head)
        for name, tensor in theirs.layer4.state_dict().items():
            assert torch.equal(network.layer4.state_dict()[name], tensor)
        images = torch.rand(2, 3, 32, 32)
        network.eval(), theirs.eval()
        theirs.fc = network.fc
        assert torch.allclose(network(images), theirs(images)), "attention is the identity"

    def test_a_classifier_as_the_backbone_of_another_network(self, tmp_path):
        source = torch.nn.Sequential()
        exp = experiment("segmentation")
        network = exp.build_model()
        source = {n: torch.rand_like(t) if t.is_floating_point() else t
                  for n, t in network.backbone.state_dict().items()}  # fmt: skip
        torch.save(source | {"fc.weight": torch.rand(3, 32)}, tmp_path / "bare.pth")
        report = load_start(exp, network, tmp_path / "bare.pth").report
        assert "classifier.weight" in report
        for name, tensor in source.items():
            assert torch.equal(network.backbone.state_dict()[name], tensor)

    def test_other_weights(self, tmp_path):
        exp = experiment("classification", classes=("a", "b"))
        torch.save({"conv1.weight": torch.rand(2, 2)}, tmp_path / "other.pth")
        with pytest.raises(UserError, match="does not fit the network of classification"):
            load_start(exp, exp.build_model(), tmp_path / "other.pth")


def test_from_the_command_to_the_report(data_of, tmp_path, monkeypatch):
    """Train, record, fine-tune from the run's weights on other classes, resume."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(FILE)
    data = data_of["classification"]
    run = yolox_ela.train(
        "mine.py", data=data, epochs=6, flip_prob=0, crop_area=(0.9, 1), tracker="none",
        record="rows.csv", device="cpu", threads=1,
    )  # fmt: skip
    assert run.headline == "top1"
    assert run.scores["top1"] > 0.9
    assert run.folder.name == "mine"
    content = read_checkpoint(run.best)
    assert content["classes"] == ["blue", "green", "red"]
    assert content["recipe"]["task"] == "classification"
    page = run.report.read_text()
    assert "Confusions" in page
    assert "top-1 accuracy" in page
    page = run.report.read_bytes()
    monkeypatch.setattr("sys.argv", ["yolox-ela report", str(run.folder)])
    assert report.main(report_options.parse(tmp_path)) == 0
    assert run.report.read_bytes() == page
    rows = (tmp_path / "rows.csv").read_text().splitlines()
    assert [row.split(",")[7] for row in rows] == ["score", "top1", "top5"]
    two = tmp_path / "two"
    for name in ("train", "val"):
        for colour in ("red", "green"):
            shutil.copytree(data / name / colour, two / name / colour)
    tuned = yolox_ela.train(
        "mine.py", data=two, checkpoint=run.best, epochs=1, tracker="none", device="cpu", threads=1
    )
    assert tuned.folder.name == "mine-2"
    log = (tuned.folder / "train.log").read_text()
    assert "fc.weight, fc.bias of other classes or missing, at random" in log
    picture = data / "val" / "red" / "0.png"
    words = ["-f", "mine.py", "-c", str(run.best), "--place", "layer4", "--json", "x.json"]
    monkeypatch.setattr("sys.argv", ["yolox-ela explain", *words, str(picture)])
    assert explain.main(explain_options.parse(tmp_path)) == 0
    (entry,) = json.loads((tmp_path / "x.json").read_text())
    assert [m["class"] for m in entry["maps"]] == ["red", "red"]
    assert [m["network"] for m in entry["maps"]] == ["with attention", "without attention"]
    assert "Grad-CAM" in Path(entry["page"]).read_text()
    again = yolox_ela.train(
        "mine.py", data=two, output=tuned.folder, resume=True, epochs=1, device="cpu", threads=1
    )
    assert again.scores == tuned.scores


def test_what_only_yolox_has(data_of, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(FILE)
    data = data_of["classification"]
    for words, said in (
        ({"sample": True}, "--sample is for YOLOX"),
        ({"data": data, "cache": "disk"}, "--cache is for YOLOX"),
        ({"data": data, "mosaic_prob": 0.5}, "the recipe has no field 'mosaic_prob'"),
        ({"data": data, "schedule": "linear"}, "must be steps, cosine or poly"),
        ({}, "name them with --data"),
    ):
        with pytest.raises(UserError, match=said):
            yolox_ela.train("mine.py", device="cpu", **words)


def test_a_network_of_a_file():
    exp = experiment("classification", classes=("a", "b"), attention=ela_t)
    named = replace(exp, network=f"{tiny_networks.__file__}:classifier")
    named.validate()
    assert named.build_model().state_dict().keys() == exp.build_model().state_dict().keys()
    missing = replace(exp, network="nowhere.py:classifier")
    with pytest.raises(UserError, match=r"network nowhere\.py:classifier: there is no file"):
        missing.build_model()


class TestGradCam:
    def test_the_map_is_the_derivation(self):
        """Of a network whose score is a weighted sum of the map's means."""
        torch.manual_seed(0)
        network = classifier(num_classes=3).eval()
        image = torch.rand(1, 3, 32, 32)
        found = class_map(network, image, "layer4", label=2)
        with torch.no_grad():
            values = network.layer4(image)[0]
        weights = network.fc.weight[2].detach() / values[0].numel()
        wanted = (weights[:, None, None] * values).sum(0).relu()
        assert np.allclose(found.cells, wanted.numpy(), atol=1e-6)
        assert found.share == pytest.approx(network(image).softmax(1)[0, 2].item())

    def test_places(self):
        assert last_block(resnet18()) == "layer4.1"
        assert last_block(mobilenet_v2()) == "features.17"
        with pytest.raises(UserError, match="name it with --place"):
            last_block(torch.nn.Linear(2, 2))
        with pytest.raises(UserError, match="no module 'layer9'"):
            class_map(classifier(num_classes=2), torch.rand(1, 3, 32, 32), "layer9")

    def test_constants_in_place_of_attention(self):
        """The gates of the copy are one number; the network itself stays as it is."""
        network = classifier(ela_t, num_classes=3).eval()
        image = torch.rand(1, 3, 32, 32)
        before = network(image)
        changed = with_constants(network)
        seen = []
        changed.attention["layer4"].register_forward_hook(lambda *call: seen.append(call))
        changed.eval()(image)
        (_, (x,), out) = seen[0]
        ratio = (out / x)[x != 0]
        assert torch.allclose(ratio, ratio[0].expand_as(ratio), rtol=1e-4)
        assert torch.equal(network(image), before)
