"""Weights in files: what is loaded, dropped and refused; the COCO start on real photographs."""

import pickle
import re
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from shallow import shallow_yolox
from torch import nn

from yolox_ela.attention import ela_l, ela_s
from yolox_ela.datasets.names import VOC_CLASSES
from yolox_ela.errors import UserError
from yolox_ela.network.model import build_yolox
from yolox_ela.network.weights import (
    load_pretrained,
    load_trained,
    read_checkpoint,
    read_weights,
    weights_digest,
)
from yolox_ela.recipe import Recipe

SOURCE = Path("weights.pth")
CLASS_TENSORS = {
    f"head.cls_preds.{level}.{kind}" for level in range(3) for kind in ("weight", "bias")
}


def build(classes=20, attention=None, seed=0):
    torch.manual_seed(seed)
    return shallow_yolox(classes, attention)


@cache
def _state(classes):
    return build(classes).state_dict()


def state_of(classes=20):
    """Weights of a network without attention; nobody changes the tensors."""
    return dict(_state(classes))


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
        state = state_of()
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

    @pytest.mark.parametrize(
        "wrap",
        [
            lambda state: {f"module.{name}": t for name, t in state.items()},
            lambda state: {"model": {f"_orig_mod.{name}": t for name, t in state.items()}},
            lambda state: {"model": {f"module._orig_mod.{n}": t for n, t in state.items()}},
            lambda state: {n.replace("head.", "head._orig_mod."): t for n, t in state.items()},
            lambda state: {"state_dict": state, "epoch": 3},
            lambda state: {"state_dict": {f"_orig_mod.module.{n}": t for n, t in state.items()}},
            lambda state: {"start_epoch": 3, "model": state, "best_ap": np.float64(0.5)},
            lambda state: {"model": state, "curr_ap": np.float32(0.5), "epoch": np.int64(3)},
            lambda state: {**state, "epoch": 3},
        ],
        ids=[
            "DataParallel", "compiled", "both", "head compiled", "state_dict", "state_dict of both",
            "upstream", "numpy scalars", "beside numbers",
        ],
    )  # fmt: skip
    def test_containers(self, saved, wrap):
        state = state_of()
        assert same(read_weights(saved(wrap(state))), state)

    @pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
    def test_numpy_scalars_under_the_name_of_either_numpy(self, saved, module):
        path = saved({})
        content = {"model": state_of(), "best_ap": np.float64(0.25)}
        torch.save(content, path, _use_new_zipfile_serialization=False)  # without checksums
        named = re.sub(rb"numpy\._?core\.multiarray", module, path.read_bytes())
        path.write_bytes(named)
        assert module in named
        assert read_checkpoint(path)["best_ap"] == 0.25

    @pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
    def test_a_bit_that_has_changed(self, saved, place):
        path = saved({"model": state_of()})
        content = bytearray(path.read_bytes())
        content[int(place * len(content))] ^= 1
        path.write_bytes(content)
        with pytest.raises(UserError, match="damaged"):
            read_checkpoint(path)

    def test_negative_variances(self, saved):
        state = {"model": {"norm.running_var": -torch.ones(3), "norm.weight": torch.ones(3)}}
        with pytest.raises(UserError, match=r"norm\.running_var has negative variances"):
            read_weights(saved(state))

    def test_archives_that_do_not_fit_their_checksums(self, saved):
        path = saved({"model": state_of(), "best_ap": np.float64(0.25)})
        path.write_bytes(path.read_bytes().replace(b"best_ap", b"last_ap"))
        with pytest.raises(UserError, match="damaged"):
            read_checkpoint(path)

    def test_archives_whose_checksums_were_not_computed(self, saved):
        """As an option of torch wants it, to save faster."""
        state = state_of()
        torch.serialization.set_crc32_options(False)
        try:
            path = saved({"model": state})
        finally:
            torch.serialization.set_crc32_options(True)
        assert same(read_weights(path), state)

    def test_numpy_arrays_are_refused(self, saved):
        with pytest.raises(UserError, match=r"file\.pth"):
            read_weights(saved({"model": state_of(), "extra": np.zeros(3, object)}))

    def test_safetensors_under_any_name(self, tmp_path):
        state = state_of(2)
        for name in ("w.safetensors", "w.pth"):
            save_file(state, tmp_path / name, {"classes": '["cat", "dog"]'})
            assert same(read_weights(tmp_path / name), state)
            assert read_checkpoint(tmp_path / name)["classes"] == ["cat", "dog"]
        save_file(state, tmp_path / "w.pth")
        assert "classes" not in read_checkpoint(tmp_path / "w.pth")

    def test_damaged_safetensors(self, tmp_path):
        path = tmp_path / "w.safetensors"
        save_file(state_of(), path)
        path.write_bytes(path.read_bytes()[:-1000])
        with pytest.raises(UserError, match=r"w\.safetensors cannot be read"):
            read_weights(path)

    @pytest.mark.parametrize(
        ("state", "message"),
        [
            ({"w": torch.eye(3).to_sparse()}, "w' is not a dense tensor"),
            ({"w": torch.ones(3, dtype=torch.complex64)}, "w' is not a dense tensor"),
            ({"w": torch.ones(1), "module.w": torch.zeros(1)}, "two networks: w is there"),
        ],
        ids=["sparse", "complex", "twice"],
    )
    def test_tensors_that_are_no_weights(self, saved, state, message):
        with pytest.raises(UserError, match=message):
            read_weights(saved(state))

    @pytest.mark.parametrize(
        "classes", ["cat", 3, [], ["cat", 4], ["cat", "dog", "cat"], {0: "cat"}]
    )
    def test_classes_that_are_no_names(self, saved, classes):
        with pytest.raises(UserError, match=r"file\.pth: its entry 'classes'"):
            read_checkpoint(saved({"model": state_of(), "classes": classes}))

    def test_settings_under_their_present_names(self, saved):
        recipe = Recipe().to_dict() | {"class_head_start": "coco"}
        found = read_checkpoint(saved({"model": {}, "recipe": recipe}))["recipe"]
        assert found == recipe | {"class_head_start": "by_name"}

    @pytest.mark.parametrize("damage", ["half", "empty", "text"])
    def test_damaged(self, saved, damage):
        path = saved(state_of())
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
        """Rows are made to fit by name before; see `start_rows`."""
        model = build()
        before = copy_of(model.state_dict())
        with pytest.raises(UserError, match=r"weights\.pth.* 6 of .*head\.cls_preds"):
            load_pretrained(model, state_of(80), SOURCE)
        assert same(model.state_dict(), before)

    def test_attention_is_new(self):
        source, model = build(seed=1).state_dict(), build(attention=ela_s)
        before = copy_of(model.state_dict())
        report = load_pretrained(model, source, SOURCE)
        after = model.state_dict()
        added = after.keys() - source.keys()
        assert added
        assert set(report.new) == added
        assert set(report.loaded) == source.keys()
        assert report.unused == []
        assert all(torch.equal(after[n], source[n]) for n in source)
        assert all(torch.equal(after[n], before[n]) for n in added)

    def test_attention_in_the_file_only(self):
        source, model = build(attention=ela_s, seed=1).state_dict(), build()
        report = load_pretrained(model, source, SOURCE)
        assert set(report.unused) == source.keys() - model.state_dict().keys()
        assert report.new == []
        assert same(model.state_dict(), {n: source[n] for n in report.loaded})

    def test_report_as_text(self):
        report = load_pretrained(build(attention=ela_s), state_of(), SOURCE)
        text = str(report)
        for part in (
            f"{len(report.loaded)} tensors loaded",
            f"{7 * 3} new",  # conv weight, norm weight and bias at seven sites
            "backbone.attention",
        ):
            assert part in text
        assert "not in this model" not in text

    @pytest.mark.parametrize(
        "foreign",
        [
            lambda: {"conv1.weight": torch.zeros(64, 3, 7, 7), "bn1.weight": torch.zeros(64)},
            lambda: {f"student.{name}": t for name, t in state_of().items()},
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
        state = state_of()
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
        state = state_of()
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
            (lambda: nn.Linear(2, 2), (282, 2, 0)),
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
            load_trained(build(attention=ela_s), state_of(), SOURCE)


class TestDigest:
    def test_of_the_weights_whatever_their_container(self, saved, tmp_path):
        state = state_of()
        digest = weights_digest(state)
        shuffled = dict(reversed(state.items()))
        assert weights_digest(shuffled) == digest
        assert weights_digest(read_weights(saved({"state_dict": shuffled}))) == digest
        save_file(state, tmp_path / "w")
        assert weights_digest(read_weights(tmp_path / "w")) == digest
        counter = "backbone.backbone.stem.conv.bn.num_batches_tracked"
        assert weights_digest(state | {counter: torch.tensor(7)}) == digest

    def test_of_every_bit(self):
        state = {"a": torch.zeros(2, 3), "b": torch.ones(1)}
        others = [
            state | {"b": torch.nextafter(torch.ones(1), torch.zeros(1))},
            state | {"a": torch.zeros(3, 2)},
            state | {"b": torch.ones(1, dtype=torch.float64)},
            {"a": state["a"], "c": state["b"]},
            {"a": state["a"]},
        ]
        assert len({weights_digest(each) for each in [state, *others]}) == 6
        assert weights_digest(state, without=["b"]) == weights_digest({"a": state["a"]})

    def test_of_every_type(self):
        for kind in (torch.bfloat16, torch.float16, torch.int64):
            assert len(weights_digest({"scalar": torch.tensor(3, dtype=kind)})) == 64


class TestRealWeights:
    def test_all_of_it_loads_for_coco(self, shared):
        path = shared / "weights" / "yolox_nano_coco.pth"
        load_trained(build_yolox(80), read_weights(path), path)

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
