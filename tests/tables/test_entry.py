"""What a row says of its run, and what it leaves open."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
import torch

from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.errors import UserError
from yolox_ela.experiment import BASELINE, Experiment
from yolox_ela.network.starts import Start, start_of_run
from yolox_ela.tables.entry import checkpoint_origin, run_row, zero_shot_origin

baseline = partial(Experiment, name=BASELINE)
CPU = torch.device("cpu")
LAST = Path("runs/nano/last.pth")
DIGEST = "ab" * 32
FOREIGN = Start("last.pth", "ef" * 32, "")


def results(images=4952):
    scores = {"ap50_voc07": 0.7123, "ap50": 0.73, "ap50_95": 0.45}
    return {**scores, "per_class": {"cat": scores, "dog": scores}, "images": images}


def checkpoint(exp, **changes):
    """What `Training` writes, less the tensors."""
    content = {
        "experiment": exp.name,
        "recipe": exp.to_dict(),
        "epoch": exp.epochs,
        "start": "coco",
        "start_sha256": DIGEST,
        "train_images": 5011,
        "commit": "abc",
        "weights": "last",
    }
    return content | changes


def row(exp, content=None, images=4952, evaluated=None, ids=None):
    evaluated = evaluated or exp
    content = checkpoint(exp) if content is None else content
    start = start_of_run(content, LAST) if "recipe" in content else FOREIGN
    origin = checkpoint_origin(content, evaluated, LAST, start)
    return run_row(evaluated, origin, results(images), data="VOC", device=CPU, ids=ids)


class TestProtocol:
    def test_voc07(self):
        assert row(baseline()).protocol == "voc07"

    def test_voc0712(self):
        exp = baseline(train_sets=("2012/trainval", "2007/trainval"))
        found = row(exp, checkpoint(exp, train_images=16_551))
        assert found.protocol == "voc0712"
        assert found.train_sets == "2007/trainval + 2012/trainval"

    @pytest.mark.parametrize(
        "change",
        [
            {"content": checkpoint(baseline(), train_images=5010)},
            {"content": checkpoint(baseline(), train_images=16_551)},
            {"content": checkpoint(baseline(train_sets=("2007/train",)))},
            {"content": checkpoint(baseline(classes=("cat", "dog")))},
            {"images": 1500},
            {"ids": Path("lists/few.txt")},
            {"evaluated": baseline(test_sets=("2007/val",))},
        ],
        ids=["images", "of 0712", "sets", "classes", "test images", "ids", "test set"],
    )
    def test_anything_else_is_custom(self, change):
        assert row(baseline(), **change).protocol == "custom"

    def test_listed_images_are_told_by_the_lists_name(self):
        assert (
            row(baseline(), ids=Path("lists/few.txt")).test_sets == "2007/test, images of few.txt"
        )


class TestSettings:
    def test_usual_recipe(self):
        exp = baseline(seed=3, epochs=8, workers=2, eval_interval=1, test_sets=("2007/val",))
        assert row(exp).settings == "", "these have columns of their own, or no effect"

    def test_what_differs(self):
        exp = baseline(mosaic_scale=(0.8, 1.2), lr=0.01, classes=("cat", "dog"))
        assert row(exp).settings == "classes=cat,dog; lr=0.01; mosaic_scale=0.8,1.2"

    def test_classes_in_any_order_are_the_same(self):
        exp = baseline(classes=tuple(reversed(VOC_CLASSES)))
        found = row(exp)
        assert (found.settings, found.protocol) == ("", "voc07")
        trained = baseline(classes=("dog", "cat"))
        for classes in (("dog", "cat"), ("cat", "dog")):
            found = row(trained, evaluated=replace(trained, classes=classes))
            assert found.settings == "classes=cat,dog"

    def test_a_part_of_the_classes_is_said(self):
        """Or a mean over three would stand beside one over twenty."""
        found = row(baseline(), evaluated=baseline(classes=("dog", "cat")))
        assert (found.settings, found.protocol) == ("evaluated_classes=cat,dog", "custom")

    def test_evaluated_at_another_size(self):
        exp = baseline(image_size=416)
        assert row(exp).settings == "", "the column says it"
        other = row(exp, evaluated=replace(exp, image_size=640, nms_iou=0.5))
        assert (other.image_size, other.settings, other.nms_iou) == (640, "image_size=416", 0.5)

    def test_fields_of_the_method(self):
        """An experiment's own choice makes it what it is; another choice is a setting."""

        @dataclass
        class Exp(Experiment):
            name: str = "nano_mine"
            share_sites: bool = True
            reduction: int = 16

        assert row(Exp()).settings == ""
        assert row(Exp(reduction=8, share_sites=False)).settings == (
            "reduction=8; share_sites=False"
        )

    def test_training_settings_in_an_experiments_file(self):
        @dataclass
        class Exp(Experiment):
            name: str = "nano_mine"
            lr: float = 0.01

        assert row(Exp()).settings == "lr=0.01", "or it would be compared with others at 0.02"


class TestOrigin:
    def test_of_a_run(self):
        found = row(
            baseline(seed=5, epochs=8), checkpoint(baseline(seed=5, epochs=8), start="x.pth")
        )
        assert (found.exp, found.seed, found.epochs, found.start) == ("nano", 5, 8, "x.pth")
        assert found.start_sha256 == DIGEST
        assert (found.weights, found.commit, found.train_images) == ("last", "abc", 5011)
        assert found.per_class == "cat 71.23; dog 71.23"
        assert found.ap50_voc07 == 0.7123
        assert "core" in found.machine

    def test_unfinished_run(self):
        assert row(baseline(), checkpoint(baseline(), epoch=30)).weights == "epoch 30"

    def test_best_weights(self):
        assert row(baseline(), checkpoint(baseline(), epoch=30, weights="best")).weights == "best"

    def test_checkpoint_from_before_these_were_noted(self):
        content = checkpoint(baseline())
        for key in ("start", "start_sha256", "train_images", "weights"):
            del content[key]
        found = row(baseline(), content)
        assert (found.start, found.start_sha256) == ("unknown", "")
        assert (found.train_images, found.weights) == (None, "")
        assert found.protocol == "custom"

    def test_a_runs_state(self):
        """It has neither a name besides its recipe's nor an epoch."""
        content = checkpoint(Experiment(name="nano"), ema={})
        for key in ("experiment", "epoch", "weights", "train_images"):
            del content[key]
        found = row(Experiment(name="nano"), content)
        assert (found.exp, found.weights, found.commit) == ("nano", "state", "abc")

    def test_foreign_weights(self):
        found = row(Experiment(name="nano_mine", nms_iou=0.5), {"model": {}})
        assert (found.exp, found.start, found.nms_iou) == ("nano_mine", "last.pth", 0.5)
        assert found.start_sha256 == FOREIGN.sha256
        assert (found.seed, found.epochs, found.train_images) == (None, None, None)
        assert (found.train_sets, found.settings, found.weights) == ("", "", "")

    def test_of_another_experiment(self):
        """ELA-T's and ELA-B's norms have the same shapes: only the name tells."""
        with pytest.raises(UserError, match="trained as 'nano_mine'"):
            row(baseline(), checkpoint(Experiment(name="nano_mine")))

    def test_zero_shot(self):
        exp = Experiment(name="nano_ela_s")
        start = Start("coco_legacy", DIGEST, "")
        found = run_row(exp, zero_shot_origin(exp, start), results(), data="VOC", device=CPU)
        assert found.exp == "nano", "COCO's weights have no attention"
        assert (found.epochs, found.start, found.seed) == (0, "coco_legacy", None)
        assert found.start_sha256 == DIGEST
        assert (found.train_sets, found.weights, found.settings) == ("", "", "")
