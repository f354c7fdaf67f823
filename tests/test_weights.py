"""Weights in files: what is loaded, dropped and refused; the COCO start on real photographs."""

import pickle
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from yolox_ela.attention import ela_l, ela_s
from yolox_ela.data.classes import VOC_CLASSES
from yolox_ela.errors import UserError
from yolox_ela.model import build_yolox_nano
from yolox_ela.weights import (
    coco_class_rows,
    load_pretrained,
    load_trained,
    read_checkpoint,
    read_weights,
    start_class_head,
)

SOURCE = Path("weights.pth")
CLASS_TENSORS = {
    f"head.cls_preds.{level}.{kind}" for level in range(3) for kind in ("weight", "bias")
}

# COCO's 80 classes are numbered 0-79 in the order of its category ids; these are VOC's twenty.
COCO_NUMBERS = {
    "aeroplane": 4,
    "bicycle": 1,
    "bird": 14,
    "boat": 8,
    "bottle": 39,
    "bus": 5,
    "car": 2,
    "cat": 15,
    "chair": 56,
    "cow": 19,
    "diningtable": 60,
    "dog": 16,
    "horse": 17,
    "motorbike": 3,
    "person": 0,
    "pottedplant": 58,
    "sheep": 18,
    "sofa": 57,
    "train": 6,
    "tvmonitor": 62,
}


def build(classes=20, attention=None, seed=0):
    torch.manual_seed(seed)
    return build_yolox_nano(classes, attention)


def copy_of(state):
    return {name: tensor.clone() for name, tensor in state.items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture
def saved(tmp_path):
    """Saves content and gives the file."""

    def save(content):
        path = tmp_path / "file.pth"
        torch.save(content, path)
        return path

    return save


class TestReading:
    def test_plain_and_upstream_layout(self, saved):
        state = build().state_dict()
        assert same(read_weights(saved(state)), state)
        assert same(read_weights(saved({"model": state, "start_epoch": 3})), state)

    def test_everything_else_is_kept(self, saved):
        content = read_checkpoint(saved({"model": {"w": torch.ones(2)}, "classes": ["cat"]}))
        assert content["classes"] == ["cat"]

    def test_missing(self, tmp_path):
        with pytest.raises(UserError, match=r"absent\.pth"):
            read_weights(tmp_path / "absent.pth")
        with pytest.raises(UserError, match=tmp_path.name):  # a folder
            read_weights(tmp_path)

    @pytest.mark.parametrize("damage", ["half", "empty", "text"])
    def test_damaged(self, saved, damage):
        path = saved(build().state_dict())
        whole = path.read_bytes()
        path.write_bytes({"half": whole[: len(whole) // 2], "empty": b"", "text": b"hello"}[damage])
        with pytest.raises(UserError, match=r"file\.pth"):
            read_weights(path)

    def test_objects_are_never_unpickled(self, saved, tmp_path):
        """A file may come from anywhere: reading it must not run its code."""
        with pytest.raises(UserError, match=r"file\.pth"):
            read_weights(saved({"model": nn.Linear(2, 2)}))
        trap = tmp_path / "trap"
        with pytest.raises(UserError, match=r"file\.pth"):
            read_weights(saved({"model": {"w": torch.ones(1)}, "extra": Touch(trap)}))
        assert not trap.exists()
        (tmp_path / "file.pth").write_bytes(
            pickle.dumps(Touch(trap), protocol=2)
        )  # the oldest format
        with pytest.raises(UserError, match=r"file\.pth"):
            read_weights(tmp_path / "file.pth")
        assert not trap.exists()

    @pytest.mark.parametrize(
        "content",
        [
            torch.zeros(3),
            [torch.zeros(3)],
            {},
            {"epoch": 3},
            {"model": {}},
            {"model": [torch.zeros(3)]},
            {"model": {"epoch": 3}, "w": torch.zeros(3)},
        ],
        ids=str,
    )
    def test_no_state_dict(self, saved, content):
        with pytest.raises(UserError, match=r"file\.pth"):
            read_weights(saved(content))


class Touch:
    """Creates a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


class TestLoadPretrained:
    def test_other_classes(self):
        """Everything is taken but the six class predictors, which keep their initial values."""
        source, model = build(80, seed=1).state_dict(), build()
        before = copy_of(model.state_dict())
        report = load_pretrained(model, source, SOURCE)
        after = model.state_dict()
        assert set(report.wrong_shape) == CLASS_TENSORS
        assert set(report.loaded) == after.keys() - CLASS_TENSORS
        assert report.new == report.unused == []
        assert all(torch.equal(after[n], source[n]) for n in after.keys() - CLASS_TENSORS)
        assert all(torch.equal(after[n], before[n]) for n in CLASS_TENSORS)

    def test_attention_is_new(self):
        source, model = build(seed=1).state_dict(), build(attention=ela_s)
        before = copy_of(model.state_dict())
        report = load_pretrained(model, source, SOURCE)
        after = model.state_dict()
        added = after.keys() - source.keys()
        assert added
        assert set(report.new) == added
        assert set(report.loaded) == source.keys()
        assert report.wrong_shape == report.unused == []
        assert all(torch.equal(after[n], source[n]) for n in source)
        assert all(torch.equal(after[n], before[n]) for n in added)

    def test_attention_in_the_file_only(self):
        source, model = build(attention=ela_s, seed=1).state_dict(), build()
        report = load_pretrained(model, source, SOURCE)
        assert set(report.unused) == source.keys() - model.state_dict().keys()
        assert report.wrong_shape == report.new == []
        assert same(model.state_dict(), {n: source[n] for n in report.loaded})

    def test_report_as_text(self):
        report = load_pretrained(build(attention=ela_s), build(80).state_dict(), SOURCE)
        text = str(report)
        for part in (
            f"{len(report.loaded)} tensors loaded",
            "6 dropped by shape",
            "head.cls_preds",
            f"{7 * 3} new",  # conv weight, norm weight and bias at seven sites
            "backbone.attention",
        ):
            assert part in text
        assert "not in this model" not in text

    @pytest.mark.parametrize(
        "foreign",
        [
            lambda: {"conv1.weight": torch.zeros(64, 3, 7, 7), "bn1.weight": torch.zeros(64)},
            lambda: {f"module.{name}": t for name, t in build().state_dict().items()},
        ],
        ids=["resnet", "renamed"],
    )
    def test_other_networks(self, foreign):
        model = build()
        before = copy_of(model.state_dict())
        with pytest.raises(UserError, match=r"weights\.pth.*YOLOX-Nano"):
            load_pretrained(model, foreign(), SOURCE)
        assert same(model.state_dict(), before)

    @pytest.mark.parametrize(
        "name",
        [
            "backbone.backbone.dark2.1.conv1.conv.weight",
            "backbone.C3_p4.conv1.bn.running_mean",
            "head.stems.2.conv.weight",
            "head.reg_preds.0.weight",  # of the predictors, only the classes' may differ
            "head.obj_preds.0.bias",
        ],
    )
    def test_other_width(self, name):
        state = build().state_dict()
        state[name] = torch.cat([state[name], state[name]])
        with pytest.raises(UserError, match=rf"weights\.pth.*{name}"):
            load_pretrained(build(), state, SOURCE)

    @pytest.mark.parametrize(
        "name",
        [
            "head.stems.0.conv.weight",
            "head.cls_preds.0.bias",
            "backbone.C3_n4.conv1.bn.running_var",
            "backbone.backbone.stem.conv.bn.weight",
        ],
    )
    def test_a_part_is_missing(self, name):
        state = build().state_dict()
        del state[name]
        with pytest.raises(UserError, match=rf"weights\.pth.*{name}"):
            load_pretrained(build(), state, SOURCE)

    def test_attention_of_another_shape(self):
        """Never half of a module: ELA-L cannot start from ELA-S."""
        with pytest.raises(UserError, match=r"weights\.pth.*backbone\.attention"):
            load_pretrained(build(attention=ela_l), build(attention=ela_s).state_dict(), SOURCE)


class TestLoadTrained:
    def test_exact(self):
        source, model = build(attention=ela_s, seed=1).state_dict(), build(attention=ela_s)
        load_trained(model, source, SOURCE)
        assert same(model.state_dict(), source)

    @pytest.mark.parametrize(
        ("source", "counts"),
        [
            (lambda: build(80), (0, 0, 6)),
            (lambda: build(attention=ela_s), (0, 21, 0)),
            (lambda: nn.Linear(2, 2), (642, 2, 0)),
        ],
        ids=["other classes", "other attention", "other network"],
    )
    def test_anything_else_is_refused(self, source, counts):
        model = build()
        before = copy_of(model.state_dict())
        missing, left, shape = counts
        with pytest.raises(UserError, match=r"weights\.pth") as raised:
            load_trained(model, source().state_dict(), SOURCE)
        for part in (f"{missing} tensors missing", f"{left} left over", f"{shape} of another"):
            assert part in str(raised.value)
        assert same(model.state_dict(), before), "not even half of it is loaded"

    def test_missing_attention(self):
        with pytest.raises(UserError, match="21 tensors missing"):
            load_trained(build(attention=ela_s), build().state_dict(), SOURCE)


class TestCocoClassRows:
    def numbered(self):
        """80-class weights whose class predictors carry their class number."""
        state = build(80).state_dict()
        for name in CLASS_TENSORS:
            numbers = torch.arange(80.0).reshape(-1, *[1] * (state[name].dim() - 1))
            state[name] = numbers.expand_as(state[name]).clone()
        return state

    def test_rows_by_name(self):
        state = self.numbered()
        cut = coco_class_rows(state, VOC_CLASSES, SOURCE)
        wanted = torch.tensor([float(COCO_NUMBERS[name]) for name in VOC_CLASSES])
        for name in CLASS_TENSORS:
            assert cut[name].shape == (20, *state[name].shape[1:])
            assert (cut[name].reshape(20, -1) == wanted[:, None]).all()
        others = state.keys() - CLASS_TENSORS
        assert cut.keys() == state.keys()
        assert all(torch.equal(cut[name], state[name]) for name in others)
        assert all(len(state[name]) == 80 for name in CLASS_TENSORS), "the argument is untouched"
        load_trained(build(), cut, SOURCE)

    def test_any_order_and_choice(self):
        cut = coco_class_rows(self.numbered(), ["tvmonitor", "zebra", "person"], SOURCE)
        assert cut["head.cls_preds.1.bias"].tolist() == [62, 22, 0]

    def test_unknown_class(self):
        with pytest.raises(UserError, match="unicorn") as raised:
            coco_class_rows(self.numbered(), ["cat", "unicorn"], SOURCE)
        assert "cat" not in str(raised.value)

    def test_weights_of_other_classes(self):
        with pytest.raises(UserError, match=r"weights\.pth.*20"):
            coco_class_rows(build(20).state_dict(), VOC_CLASSES, SOURCE)


class TestStartClassHead:
    def numbered(self):
        return TestCocoClassRows().numbered()

    def test_shared_classes_start_from_coco_and_others_as_they_are(self):
        model, state = build(3), self.numbered()
        own = {name: model.state_dict()[name].clone() for name in CLASS_TENSORS}
        started, known = start_class_head(model, state, ["tvmonitor", "unicorn", "dog"], SOURCE)
        assert known == ["tvmonitor", "dog"]
        for name in CLASS_TENSORS:
            assert (started[name][0] == 62).all()
            assert torch.equal(started[name][1], own[name][1])
            assert (started[name][2] == 16).all()
        report = load_pretrained(model, started, SOURCE)
        assert report.wrong_shape == report.new == []

    def test_all_of_voc_is_the_zero_shot_network(self):
        state = self.numbered()
        started, known = start_class_head(build(), state, VOC_CLASSES, SOURCE)
        assert known == list(VOC_CLASSES)
        cut = coco_class_rows(state, VOC_CLASSES, SOURCE)
        assert all(torch.equal(started[name], cut[name]) for name in cut)

    def test_weights_of_a_run_are_left_alone(self):
        state = build(20).state_dict()
        started, known = start_class_head(build(20), state, VOC_CLASSES, SOURCE)
        assert known == []
        assert all(torch.equal(started[name], state[name]) for name in state)

    def test_nothing_in_common(self):
        with pytest.raises(UserError, match="use class_head_start random"):
            start_class_head(build(1), self.numbered(), ["unicorn"], SOURCE)


class TestRealWeights:
    def test_all_but_the_class_predictors_load(self, shared):
        path = shared / "weights" / "yolox_nano_coco.pth"
        state, model = read_weights(path), build()
        report = load_pretrained(model, state, path)
        assert set(report.wrong_shape) == CLASS_TENSORS
        assert report.new == report.unused == []
        after = model.state_dict()
        assert all(torch.equal(after[n], state[n]) for n in after.keys() - CLASS_TENSORS)

    def test_all_of_it_loads_for_coco(self, shared):
        path = shared / "weights" / "yolox_nano_coco.pth"
        load_trained(build(80), read_weights(path), path)

    @pytest.mark.parametrize("image", ["001114", "000817", "000988"])  # horse, aeroplane, person
    def test_finds_the_object_of_a_photograph(self, zero_shot, tiny_voc, image):
        """Straight from the file: BGR, 0-255, top left on grey 114, and the best box of all."""
        folder = tiny_voc / "VOCdevkit" / "VOC2007"
        picture = Image.open(folder / "JPEGImages" / f"{image}.jpg").convert("RGB")
        scale = 416 / max(picture.size)
        picture = picture.resize([int(side * scale) for side in picture.size], Image.BILINEAR)
        square = np.full((416, 416, 3), 114, np.uint8)
        square[: picture.height, : picture.width] = np.asarray(picture)[:, :, ::-1]
        with torch.no_grad():
            (rows,) = zero_shot(torch.from_numpy(square).permute(2, 0, 1)[None].float())
        scores = rows[:, 4:5] * rows[:, 5:]
        anchor, label = divmod(int(scores.argmax()), 20)
        assert scores.max() > 0.5
        item = ET.parse(folder / "Annotations" / f"{image}.xml").find("object")
        assert VOC_CLASSES[label] == item.findtext("name")
        truth = [float(item.findtext(f"bndbox/{tag}")) for tag in ("xmin", "ymin", "xmax", "ymax")]
        cx, cy, w, h = (rows[anchor, :4] / scale).tolist()
        assert overlap((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), truth) > 0.7


def overlap(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def test_refused_pickle_message(tmp_path):
    torch.save({"model": torch.nn.Linear(2, 2)}, tmp_path / "w.pth")
    with pytest.raises(UserError) as raised:
        read_weights(tmp_path / "w.pth")
    assert "\x1b" not in str(raised.value)
    assert "can still be loaded" not in str(raised.value)


def test_text_file_message(tmp_path):
    (tmp_path / "w.pth").write_text("hello")
    with pytest.raises(UserError) as raised:
        read_weights(tmp_path / "w.pth")
    assert "(101)" not in str(raised.value)
