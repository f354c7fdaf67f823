"""Weights find their experiment, and its network is built as it was trained."""

import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from yolox_ela.attention import ela_l, ela_s
from yolox_ela.commands.data_settings import fitted_to_data
from yolox_ela.datasets.recognise import open_data
from yolox_ela.errors import UserError
from yolox_ela.exp_file import find_experiment
from yolox_ela.experiment import Experiment, load_experiment
from yolox_ela.network.weights import load_trained
from yolox_ela.overrides import override
from yolox_ela.trained import adopt_checkpoint, load_trained_file, package_name_of


@pytest.fixture
def saved(tmp_path):
    """Write a run's checkpoint of an experiment; its file."""

    def save(exp, **changes):
        content = {
            "model": exp.build_model().state_dict(),
            "experiment": exp.name,
            "package_experiment": package_name_of(exp),
            "classes": list(exp.classes),
            "recipe": exp.to_dict(),
        }
        path = tmp_path / "best.pth"
        torch.save({k: v for k, v in (content | changes).items() if v is not None}, path)
        return path

    return save


@pytest.fixture
def formats(tmp_path):
    """Data in the form of YOLO txt, with the sets train and test."""
    root = tmp_path / "yolo"
    for name in ("train", "test"):
        for kind in ("images", "labels"):
            (root / kind / name).mkdir(parents=True)
        cv2.imwrite(str(root / "images" / name / "a.png"), np.zeros((32, 32, 3), np.uint8))
        (root / "labels" / name / "a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (root / "data.yaml").write_text("train: images/train\ntest: images/test\nnames: [cat]\n")
    return root


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"lr": "0.1", "image_size": "320", "test_sets": "2007/val"},
        {"attention_start": "identity"},
        {"share_sites": "true"},
        {"classes": "cat,dog", "name": "pets"},
    ],
)
def test_settings_of_the_run(saved, given):
    """Those that build the network and those of its evaluation, without the experiment's file."""
    exp = override(load_experiment("nano_ela_s"), given)
    trained = load_trained_file(saved(exp))
    assert trained.experiment.to_dict() == exp.to_dict()
    model = trained.experiment.build_model()
    load_trained(model, trained.state, trained.path)
    built = model.backbone.attention
    scale = 2.0 if "attention_start" in given else 1.0
    assert {module.gate_scale for module in built.values()} == {scale}


@pytest.mark.parametrize(
    ("given", "expected"), [({}, ("test",)), ({"test_sets": "2007/val"}, ("2007/val",))]
)
def test_other_data_give_their_sets_where_the_run_had_the_usual_ones(
    saved, formats, given, expected
):
    """As in `eval -c best.pth --data` with a folder of YOLO txt."""
    trained = load_trained_file(saved(override(load_experiment("nano_ela_s"), given)))
    reader = open_data(formats)
    fitted = fitted_to_data(trained.experiment, reader, training=False, classes=False)
    assert fitted.test_sets == expected


def test_an_experiment_that_is_given_keeps_its_other_settings(saved):
    exp = override(load_experiment("nano_ela_s"), {"lr": 0.1, "share_sites": True, "seed": 3})
    adopted = load_trained_file(saved(exp), "nano_ela_s").experiment
    assert (adopted.lr, adopted.seed, adopted.share_sites) == (0.02, 0, True)


@pytest.mark.parametrize(
    "changes",
    [
        {"package_experiment": "", "experiment": "nano_ela_s"},  # another file of this name
        {"package_experiment": "../secrets"},
        {"package_experiment": None, "experiment": "mine"},  # of an earlier version
    ],
)
def test_only_the_packages_own_experiments_are_found(saved, changes):
    path = saved(load_experiment("nano_ela_s"), **changes)
    with pytest.raises(UserError, match=r"best\.pth was trained as .* give .* with -f"):
        load_trained_file(path)
    assert load_trained_file(path, "nano_ela_s").experiment.attention is ela_s


def test_a_file_that_weights_name_is_never_run(saved, tmp_path):
    (tmp_path / "trap.py").write_text("raise SystemExit('run')")
    for name in (str(tmp_path / "trap.py"), str(tmp_path / "trap")):
        path = saved(load_experiment("nano"), package_experiment=name, experiment=name)
        with pytest.raises(UserError, match="never run"):
            load_trained_file(path)


def test_earlier_versions_recorded_the_name_alone(saved):
    path = saved(load_experiment("nano_ela_s"), package_experiment=None)
    assert load_trained_file(path).experiment.attention is ela_s


def test_attention_of_another_experiment(saved):
    """A name that is the package's, and weights that are not."""
    exp = replace(load_experiment("nano_ela_s"), attention=ela_l)
    trained = load_trained_file(saved(exp))
    with pytest.raises(UserError, match=r"does not fit this experiment.*-f"):
        load_trained(trained.experiment.build_model(), trained.state, trained.path)


def test_weights_from_elsewhere(shared, tmp_path):
    """Without attention they are the baseline's; with it nothing tells whose."""
    coco = load_trained_file(shared / "weights" / "yolox_nano_coco.pth")
    assert coco.experiment.build_attention(64) is None
    path = tmp_path / "foreign.pth"
    torch.save(load_experiment("nano_ela_s").build_model().state_dict(), path)
    with pytest.raises(UserError, match=r"foreign\.pth has attention .* -f"):
        load_trained_file(path)


def test_a_checkpoint_knows_how_its_attention_started():
    trained = Experiment(attention=ela_s, attention_start="identity", image_size=96)
    content = {"classes": list(trained.classes), "recipe": trained.to_dict()}
    adopted = adopt_checkpoint(Experiment(attention=ela_s), content)
    assert adopted.attention_start == "identity"
    assert adopted.image_size == 96
    del content["recipe"]["attention_start"]  # as of runs before there was a choice
    assert adopt_checkpoint(trained, content).attention_start == "paper"


def test_which_experiments_are_the_packages(tmp_path):
    """Those found by name, and copies of them; not a changed file, whatever its name."""
    own = find_experiment("nano_ela_s")
    assert load_experiment("nano_ela_s").package_name == "nano_ela_s"
    copied = shutil.copy(own, tmp_path)
    assert load_experiment(copied).package_name == "nano_ela_s"
    changed = tmp_path / "nano_ela_s.py"
    changed.write_text(own.read_text().replace("ela_s", "ela_b"))
    assert load_experiment(changed).package_name == ""
    assert override(load_experiment("nano"), {"name": "mine"}).package_name == "nano"
